"""What a normalization layer makes of moments."""
