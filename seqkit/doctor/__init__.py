"""Doctor: looks at data before anyone trains on them."""
