"""Errors of where a picture says it lies: a shift, a turn, and a gentle local field."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from landshift.simulation.canvas import FloatArray


@dataclass(frozen=True)
class Displacement:
    """How far a picture's content lies from where it should.

    A point truly at (x, y) appears turned counter-clockwise by ``rotation_deg`` about the
    middle of the picture, and then ``east_m`` further east and ``north_m`` further north.
    """

    east_m: float = 0.0
    """Metres toward the east."""
    north_m: float = 0.0
    """Metres toward the north."""
    rotation_deg: float = 0.0
    """Counter-clockwise, seen from above."""
    local_m: float = 0.0
    """Greatest further displacement, waving slowly over the picture, in metres."""


def displaced(scene: FloatArray, pixel_m: float, error: Displacement) -> FloatArray:
    """A scene (band, row, col) as it appears once moved by ``error``; edges repeat."""
    if error == Displacement():
        return scene
    rows, cols = scene.shape[-2:]
    y = ((np.arange(rows) - (rows - 1) / 2) * pixel_m)[:, None]
    x = ((np.arange(cols) - (cols - 1) / 2) * pixel_m)[None, :]
    # Where the light of each pixel comes from: undo the shift, then the turn (y runs south).
    east, south = x - error.east_m, y + error.north_m
    turn = math.radians(error.rotation_deg)
    cos, sin = math.cos(turn), math.sin(turn)
    from_x = cos * east - sin * south
    from_y = sin * east + cos * south
    if error.local_m > 0:
        wave = 2 * math.pi / max(rows, cols) / pixel_m
        from_x = from_x + error.local_m * np.sin(1.3 * wave * y + 0.7 * wave * x)
        from_y = from_y + error.local_m * np.sin(1.1 * wave * x - 0.8 * wave * y + 1.0)
    place = np.stack(
        [from_y / pixel_m + (rows - 1) / 2, from_x / pixel_m + (cols - 1) / 2]
    ).astype(np.float32)
    moved = [ndimage.map_coordinates(band, place, order=1, mode="nearest") for band in scene]
    return np.stack(moved).astype(np.float32)
