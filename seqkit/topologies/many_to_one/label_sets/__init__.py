"""A set of labels for a text."""
