"""Masks of pixels, and what is drawn around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from shapely.geometry import MultiPoint

Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]
Window = tuple[slice, slice]


_ROUNDING_PX = 0.05
"""A pixel's side comes out of a projection: 1.9992 px are meant to be 2."""


def disc(radius_px: float) -> Mask:
    """Pixels within ``radius_px`` of the middle one."""
    radius_px += _ROUNDING_PX
    reach = int(np.floor(radius_px))
    dr, dc = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.asarray(dr**2 + dc**2 <= radius_px**2)


def closed_by_disc(mask: Mask, radius_px: float) -> Mask:
    """``mask`` and what a disc outside it cannot reach: cracks narrower than the disc."""
    reach = int(np.ceil(radius_px)) + 1
    closed = ndimage.binary_closing(np.pad(mask, reach), disc(radius_px))
    return np.asarray(closed[reach:-reach, reach:-reach] | mask)


def corners(mask: Mask) -> NDArray[np.float64]:
    """Corners (point, 2) of the convex hull of a mask's pixels, as row and col."""
    row, col = np.nonzero(mask)
    points = np.concatenate([np.column_stack([row + r, col + c]) for r in (0, 1) for c in (0, 1)])
    return np.asarray(points[ConvexHull(points).vertices], np.float64)


def rectangularity(mask: Mask) -> float:
    """Pixels of ``mask`` over the area of the minimum rotated rectangle of their corners."""
    try:
        hull = corners(mask)
    except QhullError:
        return 1.0
    return float(mask.sum() / MultiPoint(hull).minimum_rotated_rectangle.area)


def widened(window: Window, by_px: int) -> Window:
    """``window`` and what lies within ``by_px`` of it, as far as there is any before it."""
    rows, cols = window
    return (
        slice(max(rows.start - by_px, 0), rows.stop + by_px),
        slice(max(cols.start - by_px, 0), cols.stop + by_px),
    )
