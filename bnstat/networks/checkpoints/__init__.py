"""Normalization layers as checkpoints store them, read without model code and without the framework."""
