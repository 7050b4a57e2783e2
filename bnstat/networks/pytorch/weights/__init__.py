"""Weights for a module of PyTorch: from a file that is read with `weights_only=True`, never in another way."""
