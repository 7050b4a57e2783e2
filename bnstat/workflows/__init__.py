"""The story of each command, under its name."""
