"""Masks of pixels, and what is drawn around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]


def disc(radius_px: float) -> Mask:
    """Pixels within ``radius_px`` of the middle one."""
    reach = int(np.floor(radius_px))
    dr, dc = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.asarray(dr**2 + dc**2 <= radius_px**2)


def corners(mask: Mask) -> NDArray[np.float64]:
    """Corners (point, 2) of the convex hull of a mask's pixels, as row and col."""
    row, col = np.nonzero(mask)
    points = np.concatenate([np.column_stack([row + r, col + c]) for r in (0, 1) for c in (0, 1)])
    return np.asarray(points[ConvexHull(points).vertices], np.float64)
