"""What enters the normalization layers of a network of Keras while it trains: `record`."""
