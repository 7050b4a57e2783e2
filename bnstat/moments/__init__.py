"""The table of moments, and how a voxel gets into it."""
