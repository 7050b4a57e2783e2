"""Rules on what a batch size does."""
