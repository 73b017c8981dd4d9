"""Dynamical systems: a step is a short interval of a differential equation, or of a model of a neuron.

Their states oscillate, settle on one of two values, or change slowly, by design rather than by what gates have learned.
"""
