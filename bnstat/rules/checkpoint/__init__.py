"""Rules on what a checkpoint stores of its normalization layers."""
