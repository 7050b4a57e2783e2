"""Ways to get a module of PyTorch from what a user names: one file for each."""
