"""How several checkpoints differ, in each format."""
