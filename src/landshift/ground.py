"""The ground as a picture shows it: metres from the upper left corner, north, and a scale."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer

from landshift.grid import WGS84, Grid

_NORTHWARD_DEG = 1e-4
"""A step of eleven metres, by which true north is found."""


def to_local_metres(geometry: Any, grid: Grid) -> Any:
    """A shapely geometry in metres right of, and up from, the upper left corner of ``grid``.

    Up is positive, so everything on the grid has negative y.
    """
    to_pixels = Affine.scale(grid.gsd_m, -grid.gsd_m) @ ~grid.transform

    def local(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points.T
        t = to_pixels
        return np.column_stack([t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f])

    return shapely.transform(geometry, local)


def extent_m(grid: Grid, reference: Grid) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of ``grid`` in the local metres of ``reference``."""
    west, south, east, north = to_local_metres(shapely.box(*grid.bounds), reference).bounds
    return west, east, south, north


def true_north_deg(grid: Grid) -> float | None:
    """Degrees clockwise from up in which true north lies; None where the grid has no CRS."""
    if grid.crs is None:
        return None
    to_degrees = Transformer.from_crs(grid.crs, WGS84, always_xy=True)
    rows, cols = grid.shape
    lon, lat = to_degrees.transform(*(grid.transform @ (cols / 2, rows / 2)))
    x, y = to_degrees.transform([lon, lon], [lat, lat + _NORTHWARD_DEG], direction="INVERSE")
    right, up = x[1] - x[0], y[1] - y[0]
    back = ~grid.transform
    return math.degrees(
        math.atan2(back.a * right + back.b * up, -(back.d * right + back.e * up))
    )


def round_length_m(most_m: float) -> float:
    """The longest of 1, 2, 5, 10, … metres that is no longer than ``most_m``."""
    power = 10.0 ** math.floor(math.log10(most_m))
    return max(power * step for step in (1, 2, 5) if power * step <= most_m)
