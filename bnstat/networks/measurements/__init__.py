"""What is measured of a network by running it, whatever framework it is of: one file for each question."""
