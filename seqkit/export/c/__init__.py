"""A run's model as one C11 file: weights, what reads the input, cell and head."""
