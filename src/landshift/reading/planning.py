"""The one grid of a comparison: where its pixels lie, how large they are, how far they reach."""

from __future__ import annotations

import math

import numpy as np
from affine import Affine
from pyproj import CRS
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from landshift.errors import ImageError, NoOverlapError, SettingsError, SiteError
from landshift.grid import WGS84, Grid
from landshift.reading.aoi import project_aoi, project_polygon
from landshift.reading.picture import PictureInfo
from landshift.settings import UTM_SLACK, GridSettings, is_up_to
from landshift.site import Aoi

_SAME = 1e-6
"""Relative difference of pixel sides, or of a pixel, below which two lattices are one."""

_HALF_ROUND = 180.0
"""Degrees of longitude beyond which a site is one that crosses the 180th meridian: its middle would
fall on the far side of the earth, and its grid into a zone where north is down."""


def plan_grid(
    before: PictureInfo,
    after: PictureInfo,
    aoi: Aoi | None,
    settings: GridSettings,
    finest_gsd_m: float,
) -> Grid:
    """The grid that both pictures are brought onto.

    UTM zone of the aoi's (else the overlap's) centre; gsd as `working_gsd_m` has it, never finer
    than ``finest_gsd_m``. The after picture's own pixels are kept
    where they already lie so, because what was built is outlined and measured on them; else those
    of the before picture. Without CRS: exactly the after picture, in local metres.

    Raises
    ------
    NoOverlapError
        When the pictures do not overlap, or the aoi lies outside one of them.
    ImageError
        When only one picture has a CRS.
    SiteError
        When the site crosses the 180th meridian.
    SettingsError
        When the grid would have more pixels than are allowed.
    """
    _check_georeference(before, after, aoi)
    gsd = max(working_gsd_m(before, after, settings), finest_gsd_m)
    if after.grid.crs is None:
        return _limited(_local_grid(after.grid, gsd), settings)
    return _limited(_utm_grid(before, after, aoi, settings, gsd), settings)


def working_gsd_m(before: PictureInfo, after: PictureInfo, settings: GridSettings) -> float:
    """Side of a pixel to work at: the coarser picture's, or a wider one that the settings name.

    Never a finer one. What a comparison claims to tell - stages, single buildings, how narrow an
    interval is - goes by the pixel that it works at, and resampling shows nothing that was not
    there: two pictures of 3 m at 1 m got 52 buildings with their stages and intervals half as wide.
    """
    coarser = max(_nominal_gsd(before.grid), _nominal_gsd(after.grid))
    asked = settings.gsd_m
    return coarser if asked is None or not is_up_to(coarser, asked) else asked


def notes_of_gsd(
    before: PictureInfo, after: PictureInfo, settings: GridSettings
) -> tuple[str, ...]:
    """That a finer pixel was asked for than one of the pictures has, where that is so."""
    found, asked = working_gsd_m(before, after, settings), settings.gsd_m
    if asked is None or is_up_to(found, asked):
        return ()
    return (
        f"a pixel of {asked:g} m was asked for, but the coarser picture's are {found:.3g} m and "
        "show nothing finer: worked at those",
    )


def doubts_of_gsd(picture: PictureInfo, settings: GridSettings) -> tuple[str, ...]:
    """That a picture without CRS says otherwise of its pixels than the user, where that is so."""
    if picture.placement is None:
        return ()
    return picture.placement.doubts(picture.image.path.name, picture.grid.gsd_m, settings)


def plan_own_grid(picture: PictureInfo, settings: GridSettings, finest_gsd_m: float) -> Grid:
    """The grid for one picture alone: all of it, as `plan_grid` lays it."""
    return plan_grid(picture, picture, None, settings, finest_gsd_m)


def footprint(grid: Grid, crs: CRS | None) -> Polygon | MultiPolygon:
    """The outline of a picture's pixels in ``crs``."""
    rows, cols = grid.shape
    corners = [(0, 0), (cols, 0), (cols, rows), (0, rows)]
    outline = Polygon([grid.transform @ corner for corner in corners])
    if grid.crs is None or crs is None:
        return outline
    return project_polygon(outline, grid.crs, crs)


def _check_georeference(before: PictureInfo, after: PictureInfo, aoi: Aoi | None) -> None:
    if (before.grid.crs is None) != (after.grid.crs is None):
        lacks, has = (before, after) if before.grid.crs is None else (after, before)
        raise ImageError(
            f"{lacks.image.path} has no CRS and {has.image.path} has one; "
            "they cannot be laid on each other"
        )
    if aoi is not None and before.grid.crs is None:
        project_aoi(aoi, None)


def _local_grid(own: Grid, gsd: float) -> Grid:
    width, height = own.shape[1] * own.transform.a, -own.shape[0] * own.transform.e
    if abs(gsd - own.transform.a) <= _SAME * gsd:
        return own
    # whole pixels that cover the picture exactly, so their sides may differ a little
    rows, cols = max(1, round(height / gsd)), max(1, round(width / gsd))
    return Grid(None, Affine(width / cols, 0.0, 0.0, 0.0, -height / rows, 0.0), (rows, cols))


def _utm_grid(
    before: PictureInfo, after: PictureInfo, aoi: Aoi | None, settings: GridSettings, gsd: float
) -> Grid:
    seen = [footprint(picture.grid, WGS84) for picture in (before, after)]
    overlap = seen[0].intersection(seen[1])
    if overlap.is_empty or overlap.area == 0.0:
        raise NoOverlapError(
            f"{before.image.path} and {after.image.path} do not overlap: {_span(seen[0])} and "
            f"{_span(seen[1])}"
        )
    crs = _utm_of(overlap if aoi is None else project_aoi(aoi, WGS84), (after, before))
    frames = [footprint(picture.grid, crs) for picture in (before, after)]
    if aoi is None:
        reach = frames[0].intersection(frames[1]).bounds
    else:
        outline = project_aoi(aoi, crs)
        _check_aoi(outline, project_aoi(aoi, WGS84), frames, seen, (before, after))
        margin = max(settings.margin_m, settings.least_margin_px * gsd)
        # All of the aoi, shown or not: what neither picture shows is a part that was not seen.
        shown = frames[0].union(frames[1]).union(outline).bounds
        around = box(*outline.bounds).buffer(margin, join_style="mitre")
        reach = around.intersection(box(*shown)).bounds
    return _snapped(crs, reach, gsd, (after, before))


def _check_aoi(
    outline: Polygon | MultiPolygon,
    outline_degrees: Polygon | MultiPolygon,
    frames: list[Polygon | MultiPolygon],
    seen: list[Polygon | MultiPolygon],
    pictures: tuple[PictureInfo, PictureInfo],
) -> None:
    for picture, frame, degrees in zip(pictures, frames, seen, strict=True):
        if not outline.intersects(frame):
            raise NoOverlapError(
                f"the aoi ({_span(outline_degrees)}) lies outside {picture.image.path} "
                f"({_span(degrees)})"
            )
    if not outline.intersects(frames[0].intersection(frames[1])):
        raise NoOverlapError(
            f"the aoi ({_span(outline_degrees)}) lies outside the overlap of "
            f"{pictures[0].image.path} and {pictures[1].image.path}"
        )


def _span(degrees: Polygon | MultiPolygon) -> str:
    west, south, east, north = degrees.bounds
    return f"{west:.4f}..{east:.4f} E, {south:.4f}..{north:.4f} N"


def _utm_of(degrees: BaseGeometry, pictures: tuple[PictureInfo, ...]) -> CRS:
    west, south, east, north = degrees.bounds
    if east - west > _HALF_ROUND:
        raise SiteError(
            f"the site reaches from {west:.4f} to {east:.4f} E, round the earth: it crosses the "
            "180th meridian, or a corner is wrong; allowed is an --aoi on one side of it"
        )
    lon, lat = (west + east) / 2, (south + north) / 2
    zone, half = int((lon + 180.0) // 6) % 60 + 1, "S" if lat < 0 else "N"
    # the same zone on another datum is as good, and spares a picture a resampling
    for own in (picture.grid.crs for picture in pictures):
        if own is not None and own.utm_zone == f"{zone}{half}" and _in_metres(own):
            return own
    return CRS.from_epsg((32700 if half == "S" else 32600) + zone)


def _snapped(
    crs: CRS, reach: tuple[float, float, float, float], gsd: float,
    pictures: tuple[PictureInfo, ...],
) -> Grid:  # fmt: skip
    """Pixels that cover ``reach``, on the lattice of the first of the pictures that has such."""
    x0, y0, step = 0.0, 0.0, gsd
    for own in (picture.grid for picture in pictures):
        t = own.transform
        north_up = t.b == t.d == 0.0 and t.a > 0.0 > t.e
        if own.crs == crs and north_up and max(abs(t.a - gsd), abs(t.e + gsd)) <= _SAME * gsd:
            x0, y0, step = t.c, t.f, t.a
            break
    west, south, east, north = reach
    first_col, last_col = _pixels((west - x0) / step, (east - x0) / step)
    first_row, last_row = _pixels((y0 - north) / step, (y0 - south) / step)
    transform = Affine(step, 0.0, x0 + first_col * step, 0.0, -step, y0 - first_row * step)
    return Grid(crs, transform, (last_row - first_row, last_col - first_col))


def _nominal_gsd(grid: Grid) -> float:
    """The gsd that the transform names, where that is true on the ground to 0.2 %."""
    side = math.sqrt(abs(grid.transform.determinant))
    metric = grid.crs is None or _in_metres(grid.crs)
    return side if metric and abs(side - grid.gsd_m) < UTM_SLACK * side else grid.gsd_m


def _in_metres(crs: CRS) -> bool:
    return all(axis.unit_name == "metre" for axis in crs.axis_info)


def _pixels(first: float, last: float) -> tuple[int, int]:
    """Whole pixels from ``first`` to ``last``; a sliver at either end is no pixel."""
    start, stop = math.floor(first + 1e-3), math.ceil(last - 1e-3)
    return start, max(stop, start + 1)


def _limited(grid: Grid, settings: GridSettings) -> Grid:
    pixels = int(np.prod(grid.shape))
    if pixels > settings.most_grid_pixels:
        raise SettingsError(
            f"the site has {grid.shape[0]} x {grid.shape[1]} pixels of {grid.gsd_m:.2f} m; allowed "
            f"are {settings.most_grid_pixels}: name a smaller --aoi or a larger --gsd"
        )
    return grid
