"""Recordings of a training: what entered its normalization layers, step by step. No framework is needed here."""
