"""The second pass over the voxels: histograms, shares of zeros, and slices to look at."""
