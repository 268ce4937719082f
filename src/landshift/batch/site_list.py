"""Rows of a list → sites; a bad row is told with its place and stops no other."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import Geod
from pyproj.exceptions import ProjError
from shapely.geometry import Polygon, mapping

from landshift.batch.fetching import file_name_of, is_remote
from landshift.batch.list_formats import Row, read_rows
from landshift.batch.listed_site import ListedSite
from landshift.batch.naming import alike, folder_name, plain
from landshift.errors import InputError, SiteError
from landshift.grid import WGS84
from landshift.reading import polygon_from, project_aoi, read_aoi, read_facts
from landshift.sensor import roles_named
from landshift.site import Aoi, Image, Mask, Site, kind_and_file

COLUMNS = (
    "id", "name", "province", "year", "before", "after", "before_date", "after_date", "aoi", "lat",
    "lon", "radius_m", "gsd", "bands", "before_mask", "after_mask",
)  # fmt: skip
"""What landshift understands; other columns travel into the results."""
_MOST_RADIUS_M = 50_000.0
_MOST_ADDRESS = 8000
"""Characters; a signed address has one to three thousand, and servers take 8 kB."""
_MOST_PATH = 500
_MOST_NAME = 255
"""Bytes; what file systems allow."""
_WKT = re.compile(
    r"(?:SRID\s*=\s*(\d+)\s*;)?\s*((?:MULTI)?POLYGON\s*[ZM]{0,2}\s*(?:\(|EMPTY).*)", re.I | re.S
)
_UNFORESEEN = (
    ValueError, TypeError, LookupError, ArithmeticError, RecursionError, OSError, ProjError,
    shapely.errors.ShapelyError,
)  # fmt: skip
"""What a library raises for a cell that nobody thought of."""
_GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True)
class SiteList:
    """A whole list; bad rows stand in it like all others."""

    path: Path
    sites: tuple[ListedSite, ...]


def read_site_list(path: Path) -> SiteList:
    """Read CSV, GeoJSON, GeoPackage or GeoParquet; relative paths are relative to the list.

    Raises
    ------
    SiteError
        When the file as a whole cannot be used. A bad row becomes a site with a ``problem``.
    """
    taken: dict[str, str] = {}
    sites = tuple(_unique(_site(row, path.parent), taken) for row in read_rows(path))
    if not sites:
        raise SiteError(f"{path}: the list is empty; it needs a row for each site")
    return SiteList(path, sites)


def _unique(site: ListedSite, taken: dict[str, str]) -> ListedSite:
    """Refuse a second site of one name; neither eyes nor file systems may tell them apart."""
    if site.problem:
        return site
    keys = [alike(name) for name in (site.id, site.folder)]
    places = [taken.setdefault(key, site.place) for key in keys]
    first = next((place for place in places if place != site.place), None)
    if first is None:
        return site
    return replace(site, problem=f"id {site.id!r} stands already in {first}", site=None, folder="")


def _site(row: Row, base: Path) -> ListedSite:
    cells = {key: text for key, text in row.cells.items() if key in COLUMNS}
    listed = ListedSite(
        place=row.place,
        id=plain(cells.get("id", "")),
        folder="",
        name=plain(cells.get("name", "")),
        province=plain(cells.get("province", "")),
        year=plain(cells.get("year", "")),
        before=plain(cells.get("before", ""), _MOST_ADDRESS),
        after=plain(cells.get("after", ""), _MOST_ADDRESS),
        before_mask=plain(kind_and_file(cells.get("before_mask", "").strip())[1], _MOST_ADDRESS),
        after_mask=plain(kind_and_file(cells.get("after_mask", "").strip())[1], _MOST_ADDRESS),
        extra=_extra(row),
    )
    try:
        if row.problem:
            raise SiteError(row.problem)
        return _usable(listed, cells, row.geometry, base)
    except InputError as error:
        return replace(listed, problem=plain(str(error)))
    except _UNFORESEEN as error:
        # its kind is told, so that it can be found should the fault be landshift's
        why = f"cannot be used: {type(error).__name__}: {error}"
        return replace(listed, problem=plain(why))


def _extra(row: Row) -> dict[str, str]:
    """The columns that landshift does not know, under names that can be stored and shown."""
    extra: dict[str, str] = {}
    for key, text in row.cells.items():
        if key in COLUMNS or not key:
            continue
        name = plain(key) or "column"
        while name in extra:  # made alike by the cleaning
            name += "_"
        extra[name] = plain(text)
    return extra


def _usable(
    listed: ListedSite, cells: Mapping[str, str], geometry: dict[str, Any] | None, base: Path
) -> ListedSite:
    """The row as a site.

    Raises
    ------
    InputError
        What is wrong with it.
    """
    if not listed.id:
        raise SiteError("id is missing")
    bands, gsd_m = _bands(cells), _number(cells, "gsd", 0.01, 1000.0)
    before, after = (_path(cells, column, base) for column in ("before", "after"))
    masks = [_mask(cells, column, base) for column in ("before_mask", "after_mask")]
    facts = _facts(cells, base)
    before_date, after_date = (
        _date(cells, column) or _date(facts, column) for column in ("before_date", "after_date")
    )
    aoi = _aoi(cells, geometry, base, listed.place)
    year = listed.year or (str(after_date.year) if after_date else "")
    lon, lat = _middle(aoi)
    folder = folder_name(plain(cells.get("id", ""), None))
    site = Site(
        id=folder,
        name=listed.name or listed.id,
        before=Image(before, gsd_m, bands, before_date, masks[0]),
        after=Image(after, gsd_m, bands, after_date, masks[1]),
        aoi=aoi,
        extra={**listed.extra},
    )
    return replace(
        listed, folder=folder, year=year, gsd_m=gsd_m, lon=lon, lat=lat, site=site
    )


def _path(cells: Mapping[str, str], column: str, base: Path) -> Path:
    text = cells.get(column, "").strip()
    if not text:
        raise SiteError(f"{column} is missing; it names the {column} picture")
    remote = is_remote(text)
    most = _MOST_ADDRESS if remote else _MOST_PATH
    if len(text) > most:
        kind = "an address" if remote else "a file"
        raise SiteError(f"{column} has {len(text)} characters; {kind} may have {most}")
    if plain(text, None) != text:
        raise SiteError(f"{column} holds characters that no file name has: {plain(text)!r}")
    if remote:
        return Path(file_name_of(text))
    if text.startswith("/vsi") or "://" in text:
        raise SiteError(f"{column} is {text[:80]}; allowed are files, https, http, s3 and /vsis3")
    longest = max((len(part.encode()) for part in Path(text).parts), default=0)
    if longest > _MOST_NAME:
        raise SiteError(f"{column} holds a name of {longest} bytes; allowed are {_MOST_NAME}")
    # absolute, because a worker may stand in another folder; symbolic links stay
    return Path(os.path.abspath(base / text))


def _mask(cells: Mapping[str, str], column: str, base: Path) -> Mask | None:
    kind, file = kind_and_file(cells.get(column, "").strip())
    if kind is None and not file:
        return None
    return Mask(_path({column: file}, column, base), kind)


def _number(
    cells: Mapping[str, str], column: str, least: float, most: float
) -> float | None:
    text = cells.get(column, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise SiteError(f"{column} is {text[:40]!r}, which is no number") from None
    if not least <= value <= most:
        raise SiteError(f"{column} is {text[:40]}; allowed are {least:g} to {most:g}")
    return value


def _date(cells: Mapping[str, str], column: str) -> date | None:
    text = cells.get(column, "").strip()
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise SiteError(f"{column} is {text[:40]!r}; a day is written 2024-05-29") from None


def _bands(cells: Mapping[str, str]) -> tuple[str, ...] | None:
    words = cells.get("bands", "").lower().replace(",", " ").replace(";", " ").split()
    if not words:
        return None
    try:
        return roles_named(words)
    except ValueError as error:
        raise SiteError(f"bands: {error}") from None


def _aoi(
    cells: Mapping[str, str], geometry: dict[str, Any] | None, base: Path, place: str
) -> Aoi | None:
    text = cells.get("aoi", "").strip()
    if text:
        if _is_wkt(text):
            return polygon_from(_from_wkt(text), "aoi")
        return read_aoi(Path(os.path.abspath(base / text)))
    radius_m = _number(cells, "radius_m", 1.0, _MOST_RADIUS_M)
    if geometry is not None and geometry.get("type") != "Point":
        return polygon_from(geometry, place)
    lon, lat = _number(cells, "lon", -180.0, 180.0), _number(cells, "lat", -90.0, 90.0)
    if geometry is not None and lon is None:
        lon, lat = _point(geometry)
    if lon is None and lat is None and radius_m is None:
        return None
    if lon is None or lat is None or radius_m is None:
        raise SiteError("lat, lon and radius_m go together: one of them is missing")
    return Aoi(_square(lon, lat, radius_m), WGS84)


def _facts(cells: Mapping[str, str], base: Path) -> dict[str, str]:
    """What the file of an outline says of its site; the row's own words come first."""
    text = cells.get("aoi", "").strip()
    return {} if not text or _is_wkt(text) else read_facts(Path(os.path.abspath(base / text)))


def _is_wkt(text: str) -> bool:
    return _WKT.fullmatch(text) is not None


def _from_wkt(text: str) -> dict[str, Any]:
    found = _WKT.fullmatch(text)
    assert found is not None
    if found[1] not in (None, "4326"):
        raise SiteError(f"aoi has SRID {found[1][:20]}; allowed is 4326, longitude before latitude")
    try:
        return dict(mapping(shapely.from_wkt(found[2])))
    except (shapely.errors.ShapelyError, ValueError, TypeError) as error:
        raise SiteError(f"aoi is no WKT polygon: {str(error)[:80]}") from None


def _point(geometry: dict[str, Any]) -> tuple[float, float]:
    try:
        lon, lat = (float(value) for value in geometry["coordinates"][:2])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise SiteError("the point's coordinates cannot be read") from None
    if not (math.isfinite(lon + lat) and abs(lon) <= 180 and abs(lat) <= 90):
        raise SiteError(f"the point {lon:g} {lat:g} is not on Earth")
    return lon, lat


def _square(lon: float, lat: float, radius_m: float) -> Polygon:
    """The square that reaches ``radius_m`` to each side of a point."""
    if abs(lat) > 89.0:
        raise SiteError(f"lat is {lat:g}; a search box can be drawn from -89 to 89")
    lons, lats, _ = _GEOD.fwd([lon] * 4, [lat] * 4, [0, 90, 180, 270], [radius_m] * 4)
    north, east, south, west = lats[0], lons[1], lats[2], lons[3]
    if not west < lon < east:
        raise SiteError(f"the search box around {lon:g} {lat:g} crosses the date line")
    corners = np.round([(west, south), (east, south), (east, north), (west, north)], 7)
    return Polygon(corners)


def _middle(aoi: Aoi | None) -> tuple[float | None, float | None]:
    if aoi is None or aoi.crs is None:
        return None, None
    west, south, east, north = project_aoi(aoi, WGS84).bounds
    return round((west + east) / 2, 6), round((south + north) / 2, 6)
