"""What `bnstat plan` found, in each format."""
