"""The morning table: one row a site in sites.csv and sites.gpkg, the roll-up in summary.json, and a
page of both, index.html.

Everything is made from the ledger, so that it can be made again; nothing in it depends on when or
where the work was done.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from landshift.batch.ledger import Ledger
from landshift.batch.naming import spreadsheet_cell
from landshift.batch.outcome import KINDS, Outcome
from landshift.batch.overlap import find_overlaps, overlaps_by_row
from landshift.batch.rollup import RollUp, judge_site
from landshift.change_map import TOTALS
from landshift.errors import OutputError
from landshift.page.index import render_index
from landshift.settings import SummarySettings

_LISTED = ("id", "name", "province", "year")
_TEXTS = ("status", "kind", "reason", "verdict", "alignment", "stage", "replaced", "warnings",
          "before", "after", "before_date", "after_date", "place", "folder")  # fmt: skip
_FLAGS = ("on_farmland", "on_greenhouses", "on_older_buildings", "with_housing",
          "beside_greenhouses")  # fmt: skip
_COUNTS = ("buildings", "houses", "clusters")
_ENDS = {"": "hectares", "_low": "low", "_high": "high"}
_HECTARES = tuple(f"{name}_ha{end}" for name in TOTALS for end in _ENDS)
_NUMBERS = ("aoi_ha", "seen_share", *_HECTARES, "built_on_cropland_ha", "built_on_greenhouse_ha",
            "built_on_building_ha", "built_on_other_ha", "greenhouse_kept_ha", "largest_cluster_ha",
            "lon", "lat")  # fmt: skip
COLUMNS = (*_LISTED, *_TEXTS, *_FLAGS, *_COUNTS, *_NUMBERS)
"""Of sites.csv and sites.gpkg, in this order; the list's own further columns follow."""
TABLES = ("sites.csv", "sites.gpkg", "summary.json", "index.html")
"""What `write_tables` writes."""
_AT_A_TIME = 500
_Row = tuple[dict[str, Any], dict[str, Any], Outcome]
"""What the tables say of a site, what the list said, and what came of it."""
_EPOCH = "2000-01-01T00:00:00Z"
"""Written as the layer's date of change, so that the same results give the same file."""


def write_tables(ledger: Ledger, out: Path) -> RollUp:
    """Write sites.csv, sites.gpkg, summary.json and index.html into ``out``, each of them whole.

    Raises
    ------
    OutputError
        When one of them cannot be written, or no site was ever listed.
    """
    if next(ledger.rows(), None) is None:
        raise OutputError(f"{ledger.path} lists no site: the batch ended before it began")
    overlaps = find_overlaps(ledger.rows(), SummarySettings())
    shared = overlaps_by_row(overlaps)
    rollup = RollUp(overlaps)
    extras = _extra_columns(ledger)
    with _replaced(out / "sites.csv") as path, path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([spreadsheet_cell(name) for name in (*COLUMNS, *extras.values())])
        for row, listed, outcome in _rows(ledger, shared):
            own = [listed["extra"].get(name, "") for name in extras]
            table.writerow([_csv_cell(cell) for cell in (*(row[name] for name in COLUMNS), *own)])
            rollup.add(row, outcome)
    with _replaced(out / "sites.gpkg") as path:
        _write_geopackage(_rows(ledger, shared), path, extras)
    with _replaced(out / "summary.json") as path:
        text = json.dumps(rollup.as_json(), indent=1, ensure_ascii=False, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")
    with _replaced(out / "index.html") as path:
        rows = (row for row, _, _ in _rows(ledger, shared))
        path.write_text(render_index(rows, rollup.as_json(), KINDS), encoding="utf-8")
    return rollup


def site_row(
    listed: Mapping[str, Any], outcome: Outcome, settings: SummarySettings
) -> dict[str, Any]:
    """One row under all of `COLUMNS`; None where there is nothing to tell."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {name: listed.get(name) for name in (*_LISTED, "before", "after", "place", "folder")}
    row |= {"before_date": listed.get("before_date"), "after_date": listed.get("after_date")}
    row |= {"lon": listed.get("lon"), "lat": listed.get("lat")}
    row |= {"status": outcome.status, "kind": outcome.kind, "reason": outcome.reason}
    digest = outcome.digest
    if digest is None:
        return row
    row |= {"verdict": digest["verdict"], "alignment": digest["alignment"],
            "warnings": "; ".join(digest["warnings"]), "aoi_ha": digest["aoi_hectares"],
            "seen_share": digest["seen_share"], "before_date": digest["before_date"],
            "after_date": digest["after_date"]}  # fmt: skip
    for name, total in digest["totals"].items():
        row |= {f"{name}_ha{end}": total[key] for end, key in _ENDS.items()}
    row |= judge_site(digest, settings)
    if row["lon"] is None and digest["outline"] is not None:
        west, south, east, north = shapely.from_wkb(digest["outline"]).bounds
        row |= {"lon": round((west + east) / 2, 6), "lat": round((south + north) / 2, 6)}
    if not row["year"] and row["after_date"]:
        row["year"] = row["after_date"][:4]
    return row


def _rows(ledger: Ledger, shared: Mapping[int, str]) -> Iterator[_Row]:
    """Every row of the tables; ``shared`` is what rows' warnings tell of each other."""
    for number, (listed, outcome) in enumerate(ledger.rows()):
        row = site_row(listed, outcome, SummarySettings())
        if number in shared:
            row["warnings"] = "; ".join(filter(None, (shared[number], row["warnings"])))
        yield row, listed, outcome


def _extra_columns(ledger: Ledger) -> dict[str, str]:
    """Columns that only the list knows → their names in the tables, none of them taken twice."""
    names: dict[str, str] = {}
    taken = {name.lower() for name in (*COLUMNS, "fid", "geom")}
    for listed, _ in ledger.rows():
        for name in listed["extra"]:
            if name in names:
                continue
            shown = spreadsheet_cell(name)[:60] or "column"
            while shown.lower() in taken:
                shown = f"list_{shown}"
            taken.add(shown.lower())
            names[name] = shown
    return names


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return spreadsheet_cell(value) if isinstance(value, str) else repr(value)


def _write_geopackage(rows: Iterator[_Row], path: Path, extras: Mapping[str, str]) -> None:
    # pyogrio brings a GDAL of its own and pandas where installed: loaded when a table is written
    import pyogrio
    import pyogrio.errors
    import pyogrio.raw

    names = [*COLUMNS, *extras.values()]
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _EPOCH})
    try:
        for number, portion in enumerate(iter(lambda: list(islice(rows, _AT_A_TIME)), [])):
            columns = [
                _typed([row[name] for row, _, _ in portion], name) for name in COLUMNS
            ] + [
                np.array([listed["extra"].get(name, "") for _, listed, _ in portion], object)
                for name in extras
            ]  # fmt: skip
            geometry = np.array([_wkb(row, outcome) for row, _, outcome in portion], object)
            pyogrio.raw.write(
                path, geometry, columns, names, layer="sites", driver="GPKG", crs="EPSG:4326",
                geometry_type="Unknown", append=number > 0, promote_to_multi=False,
                nan_as_null=True,
            )  # fmt: skip
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise OutputError(f"{path} could not be written: {error}") from error
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _typed(values: list[Any], name: str) -> np.ndarray[Any, Any]:
    if name in _NUMBERS or name in _COUNTS:
        return np.array([np.nan if value is None else value for value in values], np.float64)
    if name in _FLAGS:
        return np.array([None if v is None else "yes" if v else "no" for v in values], object)
    return np.array([value or None for value in values], object)


def _wkb(row: Mapping[str, Any], outcome: Outcome) -> bytes | None:
    """The outline, else the middle of what the list gave, else nothing."""
    if outcome.digest is not None and outcome.digest["outline"] is not None:
        return bytes.fromhex(outcome.digest["outline"])
    if row["lon"] is None:
        return None
    return bytes(shapely.Point(row["lon"], row["lat"]).wkb)


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """A file to write beside ``path``, which takes its place when all went well."""
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
            fresh = Path(folder) / path.name
            yield fresh
            fresh.replace(path)
    except OSError as error:
        raise OutputError(f"{path} could not be written: {error}") from error
