"""Rules on the axes and channels of the tensor."""
