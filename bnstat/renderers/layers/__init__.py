"""What `bnstat layers` found, in each format."""
