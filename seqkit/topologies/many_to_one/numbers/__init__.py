"""A number for a text, or several."""
