"""Doctor: examines data before anyone trains on them."""
