"""Formats of files that hold voxels: a format is a file."""
