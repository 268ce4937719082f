"""Files that hold a site list → rows of text, each with its place in the file."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import shapely
from pyproj import CRS
from pyproj.exceptions import ProjError
from shapely.geometry import mapping

from landshift.errors import SiteError
from landshift.grid import WGS84
from landshift.reading import project_polygon

_MOST_BYTES = 200_000_000
"""A list of ten thousand sites with outlines of a thousand corners."""
_MOST_CELL = 20_000_000


@dataclass(frozen=True)
class Row:
    """One row as text."""

    place: str
    """"line 12" or "feature 3"."""
    cells: dict[str, str]
    """By column, names in lower case."""
    geometry: dict[str, Any] | None = None
    """GeoJSON geometry in degrees, where the format carries one."""
    problem: str = ""
    """Why the row could not be read."""


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a CSV, GeoJSON, GeoPackage or GeoParquet file, told apart by their first bytes.

    Raises
    ------
    SiteError
        When the file as a whole cannot be read.
    """
    if not path.is_file():
        raise SiteError(f"{path}: no such file")
    if path.stat().st_size > _MOST_BYTES:
        raise SiteError(f"{path}: {path.stat().st_size} bytes; allowed are {_MOST_BYTES}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SiteError(f"{path}: could not be read: {error.strerror}") from error
    if content.startswith(b"SQLite format 3\0"):
        return _geopackage(path)
    if content.startswith(b"PAR1"):
        return _geoparquet(path)
    text = content.decode("utf-8-sig", "replace")
    if text.lstrip().startswith("{"):
        return _geojson(text, path)
    return _csv(text, path)


def _csv(text: str, path: Path) -> Iterator[Row]:
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    old_limit = csv.field_size_limit(_MOST_CELL)
    try:
        records = _records(text, delimiter)
        _, first, problem = next(records, ("line 1", [], ""))
        if problem:
            raise SiteError(f"{path}: line 1 {problem}")
        header = [name.strip().lower() for name in first]
        if not {"id", "before", "after"} <= set(header):
            found = ", ".join(filter(None, header))[:200] or "none"
            raise SiteError(f"{path}: columns id, before and after are needed; found {found}")
        if len(set(filter(None, header))) < len([name for name in header if name]):
            raise SiteError(f"{path}: a column name stands twice in the first line")
        for place, cells, problem in records:
            if problem:
                yield Row(place, {}, problem=problem)
            elif any(cell.strip() for cell in cells):
                yield _csv_row(place, header, cells)
    finally:
        csv.field_size_limit(old_limit)


def _records(text: str, delimiter: str) -> Iterator[tuple[str, list[str], str]]:
    """Each record's place, its cells, and why it cannot be read.

    Strict, because a quote that is not closed would else take the rows below into its cell.
    """
    lines = io.StringIO(text, newline="").readlines()
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    # people leave spaces between a closing quote and the next cell; nothing is lost with them
    spaces = re.compile(rf'" +(?=[{delimiter}\r\n]|$)')
    while True:
        first = reader.line_num
        try:
            cells, problem = next(reader), ""
        except StopIteration:
            return
        except csv.Error as error:
            tidy = [spaces.sub('"', line) for line in lines[first : reader.line_num]]
            again = csv.reader(tidy, delimiter=delimiter, strict=True)
            try:
                cells, problem = next(again), ""
            except csv.Error:
                cells, problem = [], _unreadable(error, first + 1, reader.line_num)
        yield f"line {first + 1}", cells, problem


def _unreadable(error: csv.Error, first: int, last: int) -> str:
    rows = f", and with it all up to line {last}" if last > first else ""
    unclosed = "unexpected end" in str(error)
    why = "a quote is opened and not closed" if unclosed else str(error)
    return f"cannot be read{rows}: {why}"


def _csv_row(place: str, header: list[str], cells: list[str]) -> Row:
    named = {name: cell for name, cell in zip(header, cells, strict=False) if name}
    problem = ""
    if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
        problem = f"has {len(cells)} cells, the first line {len(header)}"
    elif any("�" in cell for cell in cells):
        problem = "is not UTF-8; save the list as UTF-8"
    return Row(place, named, problem=problem)


def _geojson(text: str, path: Path) -> Iterator[Row]:
    try:
        document = json.loads(text)
        features = document["features"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise SiteError(f"{path}: not a GeoJSON FeatureCollection: {error}") from None
    if not isinstance(features, list):
        raise SiteError(f"{path}: its features are no list")
    if document.get("crs") is not None and not re.search(r"CRS84|4326", str(document["crs"])):
        raise SiteError(f"{path}: a list in GeoJSON is in degrees (RFC 7946); found "
                        f"{str(document['crs'])[:80]}")  # fmt: skip
    for number, feature in enumerate(features, 1):
        place = f"feature {number}"
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if not isinstance(properties, dict):
            yield Row(place, {}, problem="has no properties")
            continue
        cells = {str(key).lower(): _text(value) for key, value in properties.items()}
        if "id" not in cells and feature.get("id") is not None:
            cells["id"] = _text(feature["id"])
        geometry = feature.get("geometry")
        yield Row(place, cells, geometry if isinstance(geometry, dict) else None)


def _geopackage(path: Path) -> Iterator[Row]:
    # pyogrio brings a GDAL of its own and pandas where installed: loaded when a list needs it
    import pyogrio.errors
    import pyogrio.raw

    try:
        meta, _, geometry, columns = pyogrio.raw.read(f"GPKG:{path.absolute()}", layer=0)
        crs = CRS.from_user_input(meta["crs"]) if meta["crs"] else None
    except (
        pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, ProjError,
    ) as error:  # fmt: skip
        why = str(error).splitlines()[0]
        raise SiteError(f"{path}: not a GeoPackage with a layer of sites: {why}") from None
    names = [str(name).lower() for name in meta["fields"]]
    count = len(columns[0]) if columns else 0
    for number in range(count):
        cells = {name: _text(column[number]) for name, column in zip(names, columns, strict=True)}
        wkb = None if geometry is None else geometry[number]
        yield _with_wkb(f"feature {number + 1}", cells, wkb, crs)


def _geoparquet(path: Path) -> Iterator[Row]:
    try:
        import pyarrow.parquet as parquet
    except ModuleNotFoundError:
        raise SiteError(
            f"{path}: GeoParquet needs pyarrow: pip install 'landshift[geoparquet]'"
        ) from None
    from pyarrow.lib import ArrowException

    try:
        table = parquet.read_table(path)
        meta = json.loads((table.schema.metadata or {}).get(b"geo", b"{}"))
        primary = meta.get("primary_column", "geometry")
        told = meta.get("columns", {}).get(primary, {}).get("crs", "OGC:CRS84")
        crs = None if told is None else CRS.from_user_input(told)
        records = table.to_pylist()
    except (
        ArrowException, ValueError, OSError, AttributeError, TypeError, OverflowError, ProjError,
    ) as error:  # fmt: skip
        raise SiteError(f"{path}: not GeoParquet: {str(error).splitlines()[0]}") from None
    for number, record in enumerate(records, 1):
        wkb = record.pop(primary, None)
        cells = {str(name).lower(): _text(value) for name, value in record.items()}
        yield _with_wkb(f"feature {number}", cells, wkb, crs)


def _with_wkb(place: str, cells: dict[str, str], wkb: Any, crs: CRS | None) -> Row:
    if wkb is None:
        return Row(place, cells)
    try:
        shape = shapely.force_2d(shapely.from_wkb(wkb))
        if shape is None or shape.is_empty:
            return Row(place, cells)
        if crs is not None and crs != WGS84:
            shape = project_polygon(shape, crs, WGS84)
    except (shapely.errors.ShapelyError, ProjError, ValueError, TypeError) as error:
        return Row(place, cells, problem=f"its geometry cannot be read: {str(error)[:80]}")
    return Row(place, cells, dict(mapping(shape)))


def _text(value: Any) -> str:
    """A cell of any type as it would stand in a CSV."""
    # what is not equal to itself is an empty number or an empty day, whoever's type it is of
    if value is None or value != value:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
