"""Inspection: gates, states, attention, influence and gradients of a model over time."""
