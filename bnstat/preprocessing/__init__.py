"""What voxels go through before the layer gets them: intensity steps, masks and patches."""
