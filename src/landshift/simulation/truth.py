"""What is true of a simulated site, counted on its fine class maps."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landshift.legend import COVERS, Cover
from landshift.simulation.canvas import BoolArray
from landshift.simulation.sites import SiteScene, ring_hectares
from landshift.simulation.stage import BuildingRecord

NOTE = (
    "This site is simulated by landshift: pictures, dates and numbers are invented, and its "
    "coordinates are only plausible. It shows no real place."
)
"""Stands in every file that describes a simulated site."""


def inside_ring(scene: SiteScene, ring: NDArray[np.float64]) -> BoolArray:
    """Fine pixels whose middle lies in a ring given on the canvas; (row, col) without margin."""
    fine = scene.recipe.fine_m
    side = round(scene.recipe.extent_m / fine)
    corners = (ring - scene.margin_m) / fine - 0.5
    low = np.clip(np.floor(corners.min(axis=0)), 0, side).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, side).astype(int)
    col = np.arange(low[0], high[0])[None, :]
    row = np.arange(low[1], high[1])[:, None]
    within = np.zeros((row.size, col.size), bool)
    for (x0, y0), (x1, y1) in pairwise(corners):
        if y0 == y1:
            continue
        spans = (row >= min(y0, y1)) & (row < max(y0, y1))
        within ^= spans & (col < x0 + (row - y0) * (x1 - x0) / (y1 - y0))
    mask = np.zeros((side, side), bool)
    mask[low[1] : high[1], low[0] : high[0]] = within
    return mask


def building_ring(record: BuildingRecord) -> NDArray[np.float64]:
    """The closed outline of a building on the canvas, (5, 2)."""
    along = np.asarray([math.cos(record.heading), math.sin(record.heading)]) * record.length_m / 2
    across = np.asarray([-math.sin(record.heading), math.cos(record.heading)]) * record.width_m / 2
    middle = np.asarray([record.x, record.y])
    ring = [middle - along - across, middle + along - across, middle + along + across]
    return np.asarray([*ring, middle - along + across, ring[0]])


def azimuth_deg(heading: float) -> float:
    """Direction clockwise from north, 0 to 180, of a heading from east, clockwise."""
    return math.degrees(math.atan2(math.cos(heading), -math.sin(heading))) % 180.0


def _building_truth(
    scene: SiteScene, record: BuildingRecord, covers: tuple[NDArray[np.uint8], NDArray[np.uint8]]
) -> dict[str, Any]:
    """One new building as it stands in truth.json."""
    ring = building_ring(record)
    inside = inside_ring(scene, ring)
    counts = np.bincount(covers[0][inside], minlength=9)
    pixel_hectares = scene.recipe.fine_m**2 / 10_000
    return {
        "kind": record.kind,
        "length_m": round(record.length_m, 2),
        "width_m": round(record.width_m, 2),
        "azimuth_deg": round(azimuth_deg(record.heading), 2),
        "hectares": round(record.length_m * record.width_m / 10_000, 4),
        "hectares_on_map": round(
            float((inside & (covers[1] == Cover.BUILDING)).sum()) * pixel_hectares, 4
        ),
        "was": Cover(int(np.argmax(counts[1:])) + 1).label,
        "outline": [
            [round(value, 2) for value in scene.map_point(float(x), float(y))] for x, y in ring
        ],
    }


def _transitions(
    scene: SiteScene, covers: tuple[NDArray[np.uint8], NDArray[np.uint8]], inside: BoolArray
) -> dict[tuple[Cover, Cover], float]:
    """Hectares of every from→to pair inside the aoi."""
    codes = covers[0][inside].astype(np.intp) * 10 + covers[1][inside]
    counts = np.bincount(codes, minlength=100)
    pixel_hectares = scene.recipe.fine_m**2 / 10_000
    return {
        (first, second): float(counts[10 * first + second]) * pixel_hectares
        for first in COVERS
        for second in COVERS
        if counts[10 * first + second]
    }


def site_truth(scene: SiteScene) -> dict[str, Any]:
    """What truth.json says of a scene; areas in hectares, outlines in the pictures' CRS."""
    covers = scene.cover(0), scene.cover(1)
    ring = scene.aoi_outline()
    moves = _transitions(scene, covers, inside_ring(scene, ring))

    def total(before: set[Cover], after: set[Cover]) -> float:
        return round(sum(h for (a, b), h in moves.items() if a in before and b in after), 4)

    built = {Cover.BUILDING, Cover.PAVED, Cover.BARE}
    recipe = scene.recipe
    return {
        "simulated": NOTE,
        "site": recipe.name,
        "story": recipe.story,
        "crs": f"EPSG:{recipe.epsg}",
        "before_date": recipe.dates[0].isoformat(),
        "after_date": recipe.dates[1].isoformat(),
        "aoi_hectares": round(ring_hectares(ring), 4),
        "hectares": {f"{a.label}→{b.label}": round(h, 4) for (a, b), h in moves.items()},
        "cropland_loss": {
            "hectares": total({Cover.CROPLAND}, built),
            **{f"to_{c.label}": total({Cover.CROPLAND}, {c}) for c in sorted(built)},
        },
        "greenhouse_loss": {"hectares": total({Cover.GREENHOUSE}, built | {Cover.CROPLAND})},
        "new_building": {"hectares": total(set(COVERS) - {Cover.BUILDING}, {Cover.BUILDING})},
        "removed_building": {"hectares": total({Cover.BUILDING}, set(COVERS) - {Cover.BUILDING})},
        "halls": sum(record.kind in ("hall", "frame") for record in scene.built),
        "houses": sum(record.kind == "house" for record in scene.built),
        "buildings": [_building_truth(scene, record, covers) for record in scene.built],
        "geolocation_error": {
            "meaning": "a point truly at (x, y) appears turned counter-clockwise by rotation_deg "
            "about the middle of the picture, then east_m further east and north_m further "
            "north; local_m is the greatest further displacement, waving over the picture",
            **{
                when: {
                    "east_m": error.east_m,
                    "north_m": error.north_m,
                    "rotation_deg": error.rotation_deg,
                    "local_m": round(error.local_m, 3),
                }
                for when, error in zip(("before", "after"), scene.errors, strict=True)
            },
        },
    }
