"""What `bnstat inspect` found, in each format."""
