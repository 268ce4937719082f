"""SiteReport → the few numbers that tables are made of, small enough to keep for every site."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from shapely.geometry import MultiPoint, MultiPolygon, Polygon, box

from landshift.area import Hectares, ends, site_error
from landshift.grid import WGS84
from landshift.legend import OUTSIDE, Cover
from landshift.reading import project_polygon
from landshift.recomparison import settings_from
from landshift.report import SiteReport
from landshift.settings import AreaSettings

_DECIMALS = 4
"""Of hectares: one square metre."""
_DEGREES = 1e-6
"""A tenth of a metre, by which an outline in a table of sites may be simplified."""


def digest_of(report: SiteReport) -> dict[str, Any]:
    """Plain values: verdicts, hectares, buildings, clusters, and the outline in degrees."""
    changes = report.changes
    table = changes.expected_hectares.sum(axis=(0, 1))
    kept = table[Cover.GREENHOUSE - 1, Cover.GREENHOUSE - 1]
    outline = _outline(report)
    area = settings_from(report.settings, "the report")[0].area
    return {
        "verdict": report.fitness.verdict,
        "alignment": report.alignment.verdict,
        "warnings": list(report.warnings),
        "seen_share": round(float(report.seen_share), _DECIMALS),
        "aoi_hectares": round(changes.aoi_hectares, _DECIMALS),
        "gsd_m": round(changes.grid.gsd_m, _DECIMALS),
        "before_date": report.before.date,
        "after_date": report.after.date,
        "totals": {
            name: {**total.numbers(), "model_error": _model_error(total, area),
                   "left_out": _left_out(total, area)}
            for name, total in report.totals.items()
        },
        "transitions": [
            {"before": one.before.label, "after": one.after.label, **one.hectares.numbers()}
            for one in report.transitions
        ],
        "greenhouse_kept_hectares": round(float(kept), _DECIMALS),
        "buildings": [
            {
                "hectares": round(float(building.hectares), _DECIMALS),
                "width_m": round(building.width_m, 1),
                "was": building.was.label,
                "stage": building.stage,
            }
            for building in report.buildings
        ],
        "clusters": [round(cluster.built_hectares, _DECIMALS) for cluster in report.clusters],
        "outline": None if outline is None else shapely.set_precision(outline, 1e-7).wkb_hex,
        "local_outline": _local_outline(report),
    }


def _local_outline(report: SiteReport) -> tuple[str, str] | None:
    """Hash of the picture whose corner local metres begin at, and the outline in them.

    None for ground that has a place on Earth.
    """
    if report.changes.grid.crs is not None:
        return None
    outline = _ground(report)
    return report.after.sha256, shapely.set_precision(outline, 0.01).wkb_hex


def _ground(report: SiteReport) -> Polygon | MultiPolygon:
    """The aoi, else the ground that was compared, without its bays, in the grid's CRS.

    Pictures of another CRS lie askew on the grid: its corners, which they do not show, belong to
    their neighbours. So the ground is drawn around middles of pixels, which lie in the pictures.
    """
    grid, inside = report.changes.grid, report.changes.codes != OUTSIDE
    if report.outline is not None:
        return report.outline
    rows = np.flatnonzero(inside.any(axis=1))
    if not inside.all() and rows.size:
        first, last = inside[rows].argmax(axis=1), inside[rows, ::-1].argmax(axis=1)
        ends = np.concatenate([first, inside.shape[1] - 1 - last])
        hull = MultiPoint(np.column_stack(grid.xy(np.tile(rows, 2), ends))).convex_hull
        if isinstance(hull, Polygon):
            return hull
    return box(*grid.bounds)


def _model_error(total: Hectares, settings: AreaSettings) -> float:
    """Share of a total by which the model may be off at all sites alike.

    Where nothing tells how its interval was made, all of it may be.
    """
    if total.clues is None:
        return 1.0
    return round(float(site_error(total.clues, settings)), _DECIMALS)


def _left_out(total: Hectares, settings: AreaSettings) -> float:
    """Hectares that the upper end holds for what was not seen or is too faint to point at."""
    if total.clues is None:
        return 0.0
    _, _, terms = ends(total.clues, settings)
    return round(float(terms.faint + terms.unseen), _DECIMALS)


def _outline(report: SiteReport) -> Polygon | MultiPolygon | None:
    """The aoi, else the ground that was compared, in degrees; None where that is nowhere."""
    crs = report.changes.grid.crs
    if crs is None:
        return None
    outline = _ground(report)
    degrees = project_polygon(outline, crs, WGS84)
    simple = degrees.simplify(_DEGREES)
    if isinstance(simple, Polygon | MultiPolygon) and simple.is_valid:
        return simple
    return degrees
