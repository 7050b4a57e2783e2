"""Renderers of `--list`."""
