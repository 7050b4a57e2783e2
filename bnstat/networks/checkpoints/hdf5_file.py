"""Weights in HDF5: `.keras`, `.weights.h5` and `.h5`."""
