"""Compiled loops over arrays and numbers.

A file here imports numpy and numba alone, holds all that it is compiled from (numba's cache does
not see other files change), and has a slow twin in ``tests/oracles``.
"""
