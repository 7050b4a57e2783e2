"""Plots as SVG: scales and ticks, then marks, and a figure that puts them together."""
