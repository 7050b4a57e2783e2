"""What voxels go through before the layer gets them."""
