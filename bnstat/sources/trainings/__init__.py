"""Files in which a training keeps its settings: one module for each program that writes them."""
