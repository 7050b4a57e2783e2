"""What `bnstat checkpoint` found in one file, in each format."""
