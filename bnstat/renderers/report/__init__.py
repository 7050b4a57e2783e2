"""The page of `bnstat report`: sections of blocks, and the formats that write them."""
