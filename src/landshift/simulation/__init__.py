"""Scenes that know their truth: town edges painted from above, and seen by a sensor."""

from landshift.simulation.pairs import SimulatedPair, simulate_pair

__all__ = ["SimulatedPair", "simulate_pair"]
