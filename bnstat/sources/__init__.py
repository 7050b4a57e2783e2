"""Which files make which sample: formats, data sets, patterns, and the tensor that they make."""
