"""Who reads the inputs, and what is kept of them."""
