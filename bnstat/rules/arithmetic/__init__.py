"""Rules on the arithmetic of a framework."""
