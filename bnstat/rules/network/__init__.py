"""Rules on what was measured of the normalization layers of a network."""
