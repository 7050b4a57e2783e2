"""The samples themselves, after all preprocessing, as a training would hand them to a network."""
