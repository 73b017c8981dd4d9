"""Checks of data: what `doctor` shows and `run` stops at, in the same words."""
