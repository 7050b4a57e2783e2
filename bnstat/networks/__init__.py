"""What a trained network holds and does: its normalization layers, run on samples or read from a checkpoint."""
