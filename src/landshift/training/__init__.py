"""Labelled pictures and simulated scenes → a model file; the only room that knows torch."""
