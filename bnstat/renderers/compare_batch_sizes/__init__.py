"""What `bnstat compare` found, in each format."""
