"""Endless noise: a few tiles made once, moved and turned anew for every scene."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_TILE = 1024
_DECAY = {"grain": 0.0, "rough": 0.55, "fractal": 1.0, "smooth": 1.7}


@lru_cache(maxsize=8)
def _tile(name: str) -> FloatArray:
    """A seamless tile (1024, 1024) of unit noise whose amplitude falls as frequency**-decay."""
    rng = np.random.default_rng(abs(int(1000 * _DECAY[name])) + 7)
    white = rng.standard_normal((_TILE, _TILE)).astype(np.float32)
    decay = _DECAY[name]
    if decay == 0.0:
        return np.asarray(white)
    row = np.fft.fftfreq(_TILE)[:, None]
    col = np.fft.rfftfreq(_TILE)[None, :]
    frequency = np.hypot(row, col)
    frequency[0, 0] = 1.0
    # Waves longer than about 200 px are held back: a scene has no room to average them out.
    weight = np.maximum(frequency, 1 / 200) ** (-decay)
    weight[0, 0] = 0.0
    shaped = np.fft.irfft2(np.fft.rfft2(white) * weight, s=(_TILE, _TILE))
    return np.asarray(shaped / shaped.std(), np.float32)


def noise(rng: np.random.Generator, name: str, shape: tuple[int, int]) -> FloatArray:
    """Unit noise of the named kind ("grain", "rough", "fractal", "smooth"), shape ``shape``."""
    tile = _tile(name)
    row, col = (int(value) for value in rng.integers(0, _TILE, 2))
    turn = int(rng.integers(0, 8))
    if turn & 1:
        tile = tile.T
    if turn & 2:
        tile = tile[::-1]
    if turn & 4:
        tile = tile[:, ::-1]
    rows = (np.arange(shape[0]) + row) % _TILE
    cols = (np.arange(shape[1]) + col) % _TILE
    return np.ascontiguousarray(tile[rows][:, cols])
