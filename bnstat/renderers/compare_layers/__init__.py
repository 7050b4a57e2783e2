"""What `bnstat compare` found of layers beside each other, in each format."""
