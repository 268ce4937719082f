"""Slow twin of ``landshift.reading.masks.hidden_by``: every pixel as a polygon."""

from __future__ import annotations

import numpy as np
import shapely
from pyproj import Transformer

SLIVER = 0.02
"""Of a mask's pixel: what is narrower over a pixel need not be heeded."""


def any_pixel_hides(hidden, mask, grid):
    """Where a pixel of ``grid`` must be hidden, and where it may be; both (row, col).

    It must be where a hidden pixel of the mask, or what lies outside, takes part of its area; it
    may be where one takes part of the box around it.
    """
    rows, cols = hidden.shape
    cells = [shapely.box(c, r, c + 1, r + 1) for r, c in np.argwhere(hidden)]
    whole, tree = shapely.box(0, 0, cols, rows), shapely.STRtree(cells)
    move = Transformer.from_crs(grid.crs, mask.crs, always_xy=True).transform
    must, may = np.zeros(grid.shape, bool), np.zeros(grid.shape, bool)
    for row, col in np.ndindex(grid.shape):
        around = [(col, row), (col + 1, row), (col + 1, row + 1), (col, row + 1)]
        corners = [~mask.transform @ move(*(grid.transform @ at)) for at in around]
        pixel, edge = shapely.Polygon(corners), shapely.box(*shapely.MultiPoint(corners).bounds)
        near = [cells[i] for i in tree.query(edge.buffer(1e-4))]
        must[row, col] = (
            pixel.difference(whole).area > SLIVER * pixel.length
            or any(pixel.intersection(cell).area > SLIVER for cell in near)
        )
        may[row, col] = bool(near) or not whole.buffer(-1e-4).contains(edge)
    return must, may

