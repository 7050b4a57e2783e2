"""Networks that are trained to show what batch size 1 does to the layers inside."""
