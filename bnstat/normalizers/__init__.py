"""What a layer makes of moments: a normalizer is a file."""
