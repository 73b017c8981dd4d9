"""Scores of predictions, how certain those scores are, and whether a model's confidence is justified."""
