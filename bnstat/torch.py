"""What enters the normalization layers of a network of PyTorch: `watch`, `layers` and `record`."""
