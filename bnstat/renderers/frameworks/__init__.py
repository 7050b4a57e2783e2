"""What `bnstat frameworks` lists, in each format."""
