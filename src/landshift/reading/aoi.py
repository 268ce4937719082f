"""Outlines of sites: GeoJSON into one valid polygon, and that polygon onto a grid."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from rasterio import features
from shapely.geometry import MultiPolygon, Polygon, box, shape
from shapely.geometry.base import BaseGeometry
from shapely.validation import explain_validity

from landshift.errors import SiteError
from landshift.grid import WGS84, Grid
from landshift.site import Aoi

_MOST_BYTES = 20_000_000
"""An outline of a county has some thousand corners; this is room for a quarter of a million."""
_MOST_NAMED = 300
"""Characters of a path that an error names."""
_CRS_NAME = re.compile(
    r"(?:urn:(?:x-)?ogc:def:crs:)?(EPSG|OGC):(?:[\d.]*:)?(CRS84|\d{4,6})", re.IGNORECASE
)
"""Authority codes alone: a name that PROJ would take for a file or a pipeline is not looked up."""
_SEGMENTS = 32
"""Pieces into which an outline's longest extent is cut before it changes its CRS."""
_UNREADABLE = (
    ValueError, TypeError, IndexError, KeyError, AttributeError, RecursionError, OverflowError,
    shapely.errors.ShapelyError,
)  # fmt: skip
"""What shapely raises for coordinates that are none."""


def read_aoi(path: Path) -> Aoi:
    """Read a GeoJSON Feature, FeatureCollection (their union) or polygonal Geometry.

    WGS84 unless a ``crs`` member names another; ``"crs": null`` means local metres of pictures
    without CRS, with y up from the picture's upper left corner.

    Raises
    ------
    SiteError
        What is wrong with the file or its polygon.
    """
    document = load_geojson(path)
    crs = crs_of(document, path)
    parts = [polygon_from_geometry(geometry, path) for geometry in _geometries(document, path)]
    if not parts:
        raise SiteError(f"{path}: the aoi is empty; a polygon is needed")
    polygon = parts[0] if len(parts) == 1 else _areas(shapely.union_all(parts))
    return _checked(Aoi(polygon, crs), path)


def read_facts(path: Path) -> dict[str, str]:
    """What the one Feature of a GeoJSON file says of its site: id, name, before_date, after_date.

    Empty where there is no Feature, or more than one: their outlines are then one site's, and no
    one of them speaks for it. Values that are no text are left out, and so are dates that are none;
    of a date with a time the day is taken. Half a character, which JSON can hold and no file of
    ours, is a question mark.
    """
    document = load_geojson(path)
    features_ = document.get("features") if document.get("type") == "FeatureCollection" else None
    feature = document if features_ is None else features_[0] if len(features_) == 1 else {}
    given = feature.get("properties") if isinstance(feature, dict) else None
    given = given if isinstance(given, dict) else {}
    facts = {
        key: given[key].encode("utf-8", "replace").decode("utf-8")
        for key in ("id", "name") if isinstance(given.get(key), str)
    }  # fmt: skip
    for key in ("before_date", "after_date"):
        try:
            facts[key] = datetime.fromisoformat(given[key]).date().isoformat()
        except (KeyError, TypeError, ValueError):
            continue
    return facts


def polygon_from(geometry: dict[str, Any], where: str) -> Aoi:
    """The outline that a GeoJSON geometry in degrees gives; ``where`` is named in errors.

    Raises
    ------
    SiteError
        What is wrong with it.
    """
    return _checked(Aoi(polygon_from_geometry(geometry, where), WGS84), where)


def _checked(aoi: Aoi, where: Path | str) -> Aoi:
    if aoi.crs == WGS84 and not _on_earth(aoi.polygon):
        bounds = ", ".join(f"{v:g}" for v in aoi.polygon.bounds)
        raise SiteError(
            f"{where}: the aoi reaches from x, y to x, y {bounds}, which are no degrees; "
            "name its CRS in a 'crs' member or give longitude and latitude"
        )
    return aoi


def project_aoi(aoi: Aoi, crs: CRS | None) -> Polygon | MultiPolygon:
    """The outline of ``aoi`` in ``crs``.

    Raises
    ------
    SiteError
        When only one of the two has a CRS, or the outline does not exist in ``crs``.
    """
    if aoi.crs is None or crs is None:
        if aoi.crs is None and crs is None:
            return aoi.polygon
        has, lacks = ("aoi", "pictures") if crs is None else ("pictures", "aoi")
        raise SiteError(f"the {has} has a CRS and the {lacks} none: they cannot be laid together")
    projected = project_polygon(aoi.polygon, aoi.crs, crs)
    if not np.isfinite(projected.bounds).all() or projected.is_empty:
        raise SiteError(f"the aoi does not exist in {crs.name}; is its CRS right?")
    return projected


def project_polygon(
    polygon: Polygon | MultiPolygon, source: CRS, target: CRS
) -> Polygon | MultiPolygon:
    """``polygon`` in another CRS, its straight sides cut so that they bend as they should."""
    if source == target:
        return polygon
    west, south, east, north = polygon.bounds
    extent = max(east - west, north - south)
    # a point of a list has no sides to cut
    cut = shapely.segmentize(polygon, extent / _SEGMENTS) if extent > 0 else polygon
    change = Transformer.from_crs(source, target, always_xy=True)

    def moved(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(change.transform(xy[:, 0], xy[:, 1]))

    outline = shapely.transform(cut, moved)
    whole = outline.is_valid or not np.isfinite(outline.bounds).all()
    return outline if whole else _areas(outline.buffer(0))


def inside(polygon: Polygon | MultiPolygon, grid: Grid) -> NDArray[np.bool_]:
    """True where a pixel's centre lies inside ``polygon``, which is in the grid's CRS.

    Raises
    ------
    SiteError
        When it holds the centre of no pixel.
    """
    burnt = features.rasterize(
        [(polygon, 1)], out_shape=grid.shape, transform=grid.transform, dtype="uint8"
    )
    if not burnt.any():
        where = "it is smaller or narrower than one" if polygon.intersects(box(*grid.bounds)) else (
            "it lies outside the pictures"
        )
        raise SiteError(f"the aoi holds the middle of no pixel of {grid.gsd_m:.2f} m: {where}")
    return np.asarray(burnt, bool)


def _areas(geometry: BaseGeometry) -> Polygon | MultiPolygon:
    """The polygons of what a union or a repair returned."""
    if isinstance(geometry, Polygon | MultiPolygon):
        return geometry
    parts = shapely.get_parts(geometry)
    return MultiPolygon([part for part in parts if isinstance(part, Polygon)])


def load_geojson(path: Path) -> dict[str, Any]:
    """The top object of a GeoJSON file of bearable size."""
    try:
        if not path.is_file():
            raise SiteError(f"{path}: no such file")
        if path.stat().st_size > _MOST_BYTES:
            raise SiteError(f"{path}: {path.stat().st_size} bytes; allowed are {_MOST_BYTES}")
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        # what is too long for a name may be a whole outline
        where = str(path) if len(str(path)) <= _MOST_NAMED else f"{str(path)[:_MOST_NAMED]}…"
        raise SiteError(f"{where}: could not be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SiteError(f"{path}: not GeoJSON: {str(error).splitlines()[0]}") from error
    if not isinstance(document, dict):
        raise SiteError(f"{path}: not GeoJSON: the top is no object")
    members = document.get("features", [])
    if document.get("type") == "FeatureCollection" and not isinstance(members, list):
        raise SiteError(
            f"{path}: its features are a {type(members).__name__}; a list of features is needed"
        )
    return document


def crs_of(document: dict[str, Any], path: Path) -> CRS | None:
    """WGS84 unless the document names another CRS; None for local metres."""
    if "crs" not in document:
        return WGS84
    member = document["crs"]
    if member is None:
        return None
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else member
    found = _CRS_NAME.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        raise SiteError(
            f"{path}: unknown CRS {str(name)[:80]!r}; allowed is an EPSG code such as EPSG:32652"
        )
    authority, code = found[1].upper(), found[2].upper()
    try:
        crs = CRS.from_authority(authority, code)
    except CRSError as error:
        raise SiteError(f"{path}: unknown CRS {name!r}; allowed are EPSG codes") from error
    # longitude first is GeoJSON's order, and always_xy gives the same for both
    return WGS84 if code in ("CRS84", "4326") else crs


def _geometries(document: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    kind = document.get("type")
    if kind == "FeatureCollection":
        members = document.get("features")
        found = members if isinstance(members, list) else []
        geometries = [f.get("geometry") if isinstance(f, dict) else None for f in found]
    elif kind == "Feature":
        geometries = [document.get("geometry")]
    else:
        geometries = [document]
    given = [geometry for geometry in geometries if isinstance(geometry, dict)]
    if len(given) < len(geometries):
        raise SiteError(f"{path}: the aoi is empty: a feature without geometry")
    return given


def polygon_from_geometry(geometry: dict[str, Any], path: Path | str) -> Polygon | MultiPolygon:
    """A valid polygon of some area, or a `SiteError` that says what is wrong with it."""
    kind = geometry.get("type")
    if kind not in ("Polygon", "MultiPolygon"):
        raise SiteError(
            f"{path}: the aoi is a {str(kind)[:40]}; allowed are Polygon and MultiPolygon, alone, "
            "in a Feature or in a FeatureCollection"
        )
    try:
        polygon = shape(geometry)
    except _UNREADABLE as error:
        why = str(error).split("\n")[0].rstrip(".")
        raise SiteError(f"{path}: the aoi's coordinates cannot be read: {why}") from error
    if polygon.is_empty or not isinstance(polygon, Polygon | MultiPolygon):
        raise SiteError(f"{path}: the aoi is empty; a polygon is needed")
    polygon = shapely.force_2d(polygon)
    if not all(math.isfinite(v) for v in shapely.get_coordinates(polygon).ravel()):
        raise SiteError(f"{path}: the aoi has coordinates that are no numbers")
    if not polygon.is_valid:
        raise SiteError(f"{path}: the aoi is not a simple outline: {explain_validity(polygon)}")
    if polygon.area == 0.0:
        raise SiteError(f"{path}: the aoi is empty: its outline encloses nothing")
    return polygon


def _on_earth(polygon: Polygon | MultiPolygon) -> bool:
    west, south, east, north = polygon.bounds
    return bool(west >= -180.0 and east <= 180.0 and south >= -90.0 and north <= 90.0)
