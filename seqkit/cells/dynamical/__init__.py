"""Dynamical systems: a step is a small stretch of time of a differential equation, or of a neuron's model.

Their states oscillate, settle on one of two values, or change slowly, by design and not by what gates have learned.
"""
