"""Train, inspect and ship recurrent sequence models of every topology."""
