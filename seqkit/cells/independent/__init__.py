"""Independent units: no recurrent product, so a unit sees its own past alone, and layers mix units.

One product serves all time steps; what remains is a loop for each unit, which makes them the fastest cells here. Stack
two layers or more.
"""
