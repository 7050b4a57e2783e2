"""What `bnstat explain` tells, in each format."""
