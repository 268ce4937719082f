"""ChangeMap → the connected patches of ground that changed alike, as polygons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio import features
from shapely import STRtree
from shapely.geometry import Polygon
from skimage import measure

from landshift.change_kinds import from_to, shown_codes
from landshift.change_map import ChangeMap
from landshift.legend import NOT_SEEN, Cover


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
    found: Any = measure.label(codes, background=0, connectivity=1, return_num=True)  # type: ignore[no-untyped-call]
    labels, count = found
    if count == 0:
        return ()
    flat = labels.ravel()
    by_row = np.repeat(changes.grid.pixel_hectares, labels.shape[1])
    pixels = np.bincount(flat, minlength=count + 1)
    hectares = np.bincount(flat, by_row, count + 1)
    probability = np.bincount(flat, changes.probability.ravel(), count + 1) / np.maximum(pixels, 1)
    code_of = np.zeros(count + 1, np.uint8)
    code_of[flat] = codes.ravel()
    polygons = _polygons(labels.astype(np.int32), changes)
    patches = [
        Patch(polygons[n], int(code_of[n]), float(hectares[n]), float(probability[n]))
        for n in range(1, count + 1)
    ]
    return tuple(sorted(patches, key=lambda patch: -patch.hectares))


def unoutlined(patches: Sequence[Patch], outlines: Sequence[Polygon]) -> list[Patch]:
    """Patches that became a building and that none of the ``outlines`` touches."""
    built = [patch for patch in patches if from_to(patch.code)[1] is Cover.BUILDING]
    near = STRtree(outlines)
    return [patch for patch in built if not near.query(patch.polygon, "intersects").size]


def find_unseen(changes: ChangeMap) -> tuple[Polygon, ...]:
    """Outlines, in the grid's CRS, of what lies inside the aoi and was not seen on both dates."""
    unseen = (changes.codes == NOT_SEEN).astype(np.int32)
    labels: Any = measure.label(unseen, background=0, connectivity=1)  # type: ignore[no-untyped-call]
    return tuple(_polygons(labels.astype(np.int32), changes).values())


def _polygons(labels: NDArray[np.int32], changes: ChangeMap) -> dict[int, Polygon]:
    """The polygon of every label (row, col) but 0, along the sides of pixels."""
    drawn = features.shapes(labels, labels > 0, 4, changes.grid.transform)
    return {
        int(label): Polygon(geometry["coordinates"][0], geometry["coordinates"][1:])
        for geometry, label in drawn
    }
