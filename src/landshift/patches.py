"""ChangeMap → the connected patches of ground that changed alike, as polygons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rasterio import features
from shapely.geometry import Polygon, shape
from skimage import measure

from landshift.change_kinds import shown_codes
from landshift.change_map import ChangeMap
from landshift.legend import NOT_SEEN


@dataclass(frozen=True)
class Patch:
    """Ground that was one thing and became one other."""

    polygon: Polygon
    """Along the sides of pixels, in the grid's CRS."""
    code: int
    """10 · before + after, or `change_kinds.REPLACED_CODE`."""
    hectares: float
    """Geodesic, of the pixels drawn. Sums of these are not the report's hectares, which add up
    probabilities and have intervals."""
    probability: float
    """Mean over its pixels, 0-1."""


def find_patches(changes: ChangeMap) -> tuple[Patch, ...]:
    """Every patch of change, largest first."""
    codes = shown_codes(changes)
    labels, count = measure.label(codes, background=0, connectivity=1, return_num=True)
    if count == 0:
        return ()
    flat = labels.ravel()
    by_row = np.repeat(changes.grid.pixel_hectares, labels.shape[1])
    pixels = np.bincount(flat, minlength=count + 1)
    hectares = np.bincount(flat, by_row, count + 1)
    probability = np.bincount(flat, changes.probability.ravel(), count + 1) / np.maximum(pixels, 1)
    code_of = np.zeros(count + 1, np.uint8)
    code_of[flat] = codes.ravel()
    drawn = features.shapes(labels.astype(np.int32), labels > 0, 4, changes.grid.transform)
    polygons = {int(label): shape(geometry) for geometry, label in drawn}
    patches = [
        Patch(polygons[n], int(code_of[n]), float(hectares[n]), float(probability[n]))
        for n in range(1, count + 1)
    ]
    return tuple(sorted(patches, key=lambda patch: -patch.hectares))


def find_unseen(changes: ChangeMap) -> tuple[Polygon, ...]:
    """Outlines, in the grid's CRS, of what lies inside the aoi and was not seen on both dates."""
    unseen = changes.codes == NOT_SEEN
    drawn = features.shapes(unseen.astype(np.uint8), unseen, 4, changes.grid.transform)
    return tuple(shape(geometry) for geometry, _ in drawn)
