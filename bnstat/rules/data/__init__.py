"""Rules on the values of the volumes."""
