"""SiteReport → one page of HTML that holds everything it shows and asks the network for nothing."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pyproj import Transformer
from shapely.geometry import Polygon

from landshift.alignment import Alignment
from landshift.area import Hectares, Transition
from landshift.buildings import Building
from landshift.change_kinds import CHANGE_KINDS, KIND_OF_CODE, REPLACED_CODE, from_to
from landshift.encoding import data_uri, jpeg_bytes
from landshift.grid import WGS84, Grid
from landshift.ground import extent_m, to_local_metres, true_north_deg
from landshift.page.self_contained import fill, resource
from landshift.patches import Patch, find_unseen
from landshift.preview import Preview
from landshift.report import SiteReport
from landshift.wording import (
    PART_UNSEEN,
    TOTAL_MEANINGS,
    TOTAL_WORDS,
    UNTOLD,
    VERDICT_WORDS,
    direction_words,
    fold_small,
    folded_words,
    seen_words,
    transition_words,
    unoutlined_words,
)

_MOST_PATCHES = 2000
"""Patches on the map, and places not seen; a browser still moves them freely. All are in
changes.gpkg."""
_MOST_NUMBERS = 150
"""Buildings that carry their number on the map."""
_CENTIMETRES = 2
_PLACES_M = 2000.0
"""Between places whose degrees the page knows; what lies between is 0.07 m off at 40° north."""
_DEGREE_DECIMALS = 8
"""A millimetre."""
_LIGHT_BELOW = 115
"""Brightness 0-255 of a colour under which hatching is white."""

Rings = list[list[list[float]]]


def render(report: SiteReport, patches: Sequence[Patch]) -> str:
    """The page, as text; `self_contained.fill` says what it allows itself."""
    kinds, unseen = _kinds(patches), find_unseen(report.changes)
    before, after = (
        data_uri(jpeg_bytes(picture.rgba), "image/jpeg")
        for picture in (report.before_picture, report.after_picture)
    )
    return fill(
        "report.html.j2", resource("report.css"), (resource("report.js"),),
        before_uri=before, after_uri=after, kinds=kinds,
        data=_map_data(report, patches[:_MOST_PATCHES], _largest(unseen), kinds),
        hidden_patches=max(len(patches) - _MOST_PATCHES, 0),
        hidden_unseen=max(len(unseen) - _MOST_PATCHES, 0),
        north_deg=true_north_deg(report.changes.grid),
        unoutlined=unoutlined_words(
            patches, report.buildings, report.changes.grid, report.settings
        ),
        **_words(report),
    )  # fmt: skip


def _largest(unseen: Sequence[Polygon]) -> Sequence[Polygon]:
    """As many as the map takes; blank pixels strewn over a picture may be hundreds of thousands."""
    if len(unseen) <= _MOST_PATCHES:
        return unseen
    return sorted(unseen, key=lambda one: -one.area)[:_MOST_PATCHES]


def _words(report: SiteReport) -> dict[str, Any]:
    """All that the page says outside the map."""
    most = max([one.high for one in report.totals.values()], default=0.0) or 1.0
    widened = Counter(
        one.dominant for one in (*report.totals.values(), *(t.hectares for t in report.transitions))
    ).most_common(1)
    area = report.settings["area"]
    shown, small = fold_small(report.transitions, area)
    folded = [pair.hectares for pair in small]
    return {
        "name": report.site.name or report.site.id,
        "before": report.before,
        "after": report.after,
        "few": f"%.{report.decimals}f",
        "aoi_hectares": report.changes.aoi_hectares,
        "seen": seen_words(report.seen_share),
        "has_outline": report.outline is not None,
        "has_unseen": bool((report.changes.codes == 0).any()),
        "fitness": report.fitness,
        "alignment": report.alignment,
        "alignment_words": _alignment_words(report.alignment),
        "moved": bool(np.any(report.alignment.lattice_m)),
        "verdict_words": VERDICT_WORDS,
        "warnings": [each for each in report.warnings if each not in report.fitness.reasons],
        "totals": [
            {"words": words, "meaning": TOTAL_MEANINGS[key],
             "hectares": _bar(report.totals[key], most)}
            for key, words in TOTAL_WORDS.items() if key in report.totals
        ],
        "transitions": _transition_rows(shown, most),
        "small_transitions": _transition_rows(small, most),
        "small": folded_words(folded, "smaller ones", report.decimals) if folded else (),
        "mostly": widened[0][0] if widened else "",
        "least_hectares": area["least_reported_hectares"],
        "least_shown_share": area["least_shown_share"],
        "least_shown_hectares": area["least_shown_hectares"],
        "buildings": [_building(one, n) for n, one in enumerate(report.buildings, 1)],
        "part_unseen": PART_UNSEEN if any(one.part_unseen for one in report.buildings) else "",
        "clusters": [
            {"numbers": [place + 1 for place in one.buildings],
             "built_hectares": one.built_hectares, "hull_hectares": one.hull_hectares}
            for one in report.clusters
        ],
        "software": report.software,
        "model_about": report.software.get("model_about", "Nothing is told of the model."),
        "settings": "\n".join(_setting_lines("", report.settings)),
    }  # fmt: skip


def _transition_rows(pairs: Sequence[Transition], most: float) -> list[dict[str, Any]]:
    return [
        {"words": transition_words(pair), "hectares": _bar(pair.hectares, most)} for pair in pairs
    ]


def _alignment_words(alignment: Alignment) -> str:
    """What was done to the before picture, and how well it came out."""
    if not np.any(alignment.lattice_m):
        return f"The before picture was not moved: {alignment.reason or 'it lies where it should'}."
    east, north = alignment.east_m, alignment.north_m
    words = (
        f"The before picture was moved {math.hypot(east, north):.2f} m at the centre "
        f"({abs(east):.2f} m {'east' if east >= 0 else 'west'}, "
        f"{abs(north):.2f} m {'north' if north >= 0 else 'south'}; {alignment.model})"
    )
    if math.isfinite(alignment.residual_rms_m):
        kept = int(np.count_nonzero(alignment.kept))
        words += f", {alignment.residual_rms_m:.2f} m remain by {kept} tie points"
    why = alignment.reason
    reason = f" {why[:1].upper()}{why[1:]}." if alignment.verdict != "good" and why else ""
    return f"{words}.{reason}"


def _setting_lines(path: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """``stage.name = value``, one a line."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _setting_lines(f"{path}{key}.", value)
        else:
            yield f"{path}{key} = {json.dumps(value, default=str, ensure_ascii=False)}"


def _bar(hectares: Hectares, most: float) -> dict[str, Any]:
    """The numbers, and where they lie on a bar of 100."""
    at = {
        f"{name}_at": min(100.0 * getattr(hectares, name) / most, 100.0)
        for name in ("value", "low", "high")
    }
    return {
        "value": hectares.value, "low": hectares.low, "high": hectares.high,
        "dominant": hectares.dominant, **at,
    }  # fmt: skip


def _kinds(patches: Sequence[Patch]) -> list[dict[str, Any]]:
    present = {KIND_OF_CODE[patch.code].key for patch in patches}
    return [
        {
            "key": kind.key, "label": kind.label, "hatch": kind.hatch,
            "strength": kind.strength,
            "css": "#{:02x}{:02x}{:02x}".format(*kind.colour),
            "light": 0.3 * kind.colour[0] + 0.59 * kind.colour[1] + 0.11 * kind.colour[2]
            < _LIGHT_BELOW,
        }
        for kind in CHANGE_KINDS if kind.key in present
    ]  # fmt: skip


def _map_data(
    report: SiteReport, patches: Sequence[Patch], unseen: Sequence[Polygon],
    kinds: list[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """All that the map draws, in metres right of and up from the grid's upper left corner."""
    grid = report.changes.grid
    whole = extent_m(grid, grid)
    outline = [] if report.outline is None else _polygons(report.outline, grid)
    frame = whole
    if report.outline is not None:
        west, south, east, north = to_local_metres(report.outline, grid).bounds
        frame = (west, east, south, north)
    return {
        "extent": whole,
        "frame": frame,
        "north_deg": true_north_deg(grid),
        "places": _places(grid),
        "before": _extent(report.before_picture, grid),
        "after": _extent(report.after_picture, grid),
        "outline": outline,
        "unseen": [rings for one in unseen for rings in _polygons(one, grid)],
        "kinds": [kind["key"] for kind in kinds],
        "numbered": _MOST_NUMBERS,
        "part_unseen": PART_UNSEEN,
        "pixel_m": grid.gsd_m,
        "patches": [_patch(one, grid) for one in patches],
        "buildings": [
            {**_building(one, n), "rings": _polygons(one.outline, grid)[0]}
            for n, one in enumerate(report.buildings, 1)
        ],
    }


def _extent(picture: Preview, grid: Grid) -> dict[str, Any]:
    return {"extent": extent_m(picture.grid, grid)}


def _patch(patch: Patch, grid: Grid) -> dict[str, Any]:
    before, after = from_to(patch.code)
    inside = to_local_metres(patch.polygon.representative_point(), grid)
    return {
        "at": [round(inside.x, _CENTIMETRES), round(inside.y, _CENTIMETRES)],
        "kind": KIND_OF_CODE[patch.code].key,
        "before": before.label,
        "after": after.label,
        "replaced": patch.code == REPLACED_CODE,
        "hectares": round(patch.hectares, 4),
        "probability": round(patch.probability, 3),
        "rings": _polygons(patch.polygon, grid)[0],
    }


def _building(building: Building, number: int) -> dict[str, Any]:
    return {
        "number": number, "hectares": building.hectares, "length_m": building.length_m,
        "width_m": building.width_m, "direction": direction_words(building.azimuth_deg),
        "rectangularity": building.rectangularity, "was": building.was.label,
        "stage": building.stage or UNTOLD, "probability": building.probability,
        "replaced": building.replaced,
        "part_unseen": building.part_unseen,
    }  # fmt: skip


def _polygons(geometry: Any, grid: Grid) -> list[Rings]:
    """Each polygon's rings in local metres."""
    local = to_local_metres(geometry, grid)
    return [
        [
            np.round(np.asarray(ring.coords), _CENTIMETRES).tolist()
            for ring in (polygon.exterior, *polygon.interiors)
        ]
        for polygon in getattr(local, "geoms", [local])
    ]


def _places(grid: Grid) -> dict[str, Any] | None:
    """Longitude and latitude at the crossings of a lattice over the grid, row by row from the top.

    Between four of them the page goes in straight lines. Between the grid's own corners it would be
    0.4 m off the ground at 5 km and 57 m at 60 km: `landshift explain` was told another pixel.
    """
    if grid.crs is None:
        return None
    rows, cols = grid.shape
    across, down = (max(1, math.ceil(side * grid.gsd_m / _PLACES_M)) for side in (cols, rows))
    col, row = np.meshgrid(np.linspace(0, cols, across + 1), np.linspace(0, rows, down + 1))
    x, y = grid.xy(row - 0.5, col - 0.5)
    degrees = np.stack(Transformer.from_crs(grid.crs, WGS84, always_xy=True).transform(x, y), -1)
    return {"across": across, "down": down, "degrees": degrees.round(_DEGREE_DECIMALS).tolist()}
