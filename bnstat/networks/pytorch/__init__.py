"""Networks of PyTorch: modules, TorchScript and exported programs. torch is imported here alone."""
