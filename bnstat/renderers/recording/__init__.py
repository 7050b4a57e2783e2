"""A recorded training, read back, in each format."""
