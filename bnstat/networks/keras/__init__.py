"""Networks of Keras, on whatever backend it runs. keras is imported here alone."""
