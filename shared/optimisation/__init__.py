"""The optimiser: pure functions from a state and a summed contribution to the next state, bit for bit the same anywhere."""
