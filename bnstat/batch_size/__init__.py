"""What a batch size does to the statistics of a layer."""
