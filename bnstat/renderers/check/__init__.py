"""What `bnstat check` found, in each format."""
