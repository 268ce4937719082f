"""SiteReport → changes.gpkg: every patch, building and outline as styled layers for QGIS."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import shapely
from pyogrio import raw
from pyogrio.errors import DataLayerError, DataSourceError
from shapely.geometry import MultiPolygon

from landshift.change_kinds import CHANGE_KINDS, KIND_OF_CODE, REPLACED_CODE, Hatch, from_to
from landshift.legend import Cover, transition_code
from landshift.patches import Patch, find_unseen
from landshift.report import SiteReport
from landshift.wording import VERDICT_WORDS

_BRUSHES: dict[Hatch, str] = {
    "rising": "b_diagonal", "falling": "f_diagonal", "crossed": "diagonal_x",
    "level": "horizontal", "upright": "vertical", "grid": "cross", "dots": "dense6",
}  # fmt: skip
"""QGIS's names of fill patterns."""
_VERSION = "1.3"
"""Of GeoPackage; QGIS up to 3.28 complains about 1.4."""
_STYLE_TABLE = """
CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
  f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
  styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT,
  owner TEXT(30), ui TEXT(30), update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now'))
)
"""
"""As QGIS itself makes it; QGIS styles a layer by the row that names it."""
_EPOCH = "1980-01-01T00:00:00.000Z"
"""The time of every table, so that the same report gives the same bytes."""
_Columns = Mapping[str, tuple[str, Sequence[Any]]]
"""Field name → numpy type and one value a feature."""


def write_geopackage(report: SiteReport, patches: Sequence[Patch], path: Path) -> None:
    """Write the layers site, not_seen, changes and buildings, each with its style.

    pyogrio warns of pictures without CRS, which have none to give.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    try:
        _write_layers(report, patches, path)
        _write_styles(path, report)
    except (DataSourceError, DataLayerError, sqlite3.Error) as error:  # a full disk, for one
        raise OSError(f"{path.name}: {error}") from error


def _write_layers(report: SiteReport, patches: Sequence[Patch], path: Path) -> None:
    outlines = [report.outline] if report.outline else []
    _write_layer(path, report, "site", outlines, {
        field: ("object", [text] * len(outlines)) for field, text in report.judgement.items()
    })  # fmt: skip
    _write_layer(path, report, "not_seen", find_unseen(report.changes), {})
    pairs = [from_to(patch.code) for patch in patches]
    _write_layer(path, report, "changes", [patch.polygon for patch in patches], {
        "code": ("int32", [_disk_code(patch.code) for patch in patches]),
        "before": ("object", [before.label for before, _ in pairs]),
        "after": ("object", [after.label for _, after in pairs]),
        "kind": ("object", [KIND_OF_CODE[patch.code].label for patch in patches]),
        "hectares": ("float64", [round(patch.hectares, 4) for patch in patches]),
        "probability": ("float64", [round(patch.probability, 3) for patch in patches]),
    })  # fmt: skip
    found = report.buildings
    _write_layer(path, report, "buildings", [one.outline for one in found], {
        "number": ("int32", range(1, len(found) + 1)),
        "hectares": ("float64", [round(one.hectares, 4) for one in found]),
        "length_m": ("float64", [round(one.length_m, 1) for one in found]),
        "width_m": ("float64", [round(one.width_m, 1) for one in found]),
        "azimuth_deg": ("float64", [one.azimuth_deg for one in found]),
        "rectangularity": ("float64", [round(one.rectangularity, 3) for one in found]),
        "was": ("object", [one.was.label for one in found]),
        "stage": ("object", [one.stage for one in found]),
        "probability": ("float64", [round(one.probability, 3) for one in found]),
        "replaced": ("bool", [one.replaced for one in found]),
        "part_unseen": ("bool", [one.part_unseen for one in found]),
    })  # fmt: skip


def _disk_code(code: int) -> int:
    """The code of changes.tif, where a replaced building is a building as before."""
    return transition_code(Cover.BUILDING, Cover.BUILDING) if code == REPLACED_CODE else code


def _write_layer(
    path: Path, report: SiteReport, name: str, shapes: Sequence[Any], columns: _Columns
) -> None:
    many = [one if isinstance(one, MultiPolygon) else MultiPolygon([one]) for one in shapes]
    crs = report.changes.grid.crs
    raw.write(
        path, np.array([shapely.to_wkb(one) for one in many], object),
        field_data=[np.array(values, kind) for kind, values in columns.values()],
        fields=list(columns), layer=name, driver="GPKG", geometry_type="MultiPolygon",
        crs=None if crs is None else crs.to_wkt(), append=path.exists(),
        dataset_options=None if path.exists() else {"VERSION": _VERSION},
    )  # fmt: skip


def _write_styles(path: Path, report: SiteReport) -> None:
    styles = {
        "site": _single_style(_fill("0,0,0,0", "no", "0,0,0,255", 0.7, "dash")),
        "not_seen": _single_style(
            _fill("120,120,125,160", "solid") + _fill("255,255,255,255", "diagonal_x")
        ),
        "changes": _kind_style(),
        "buildings": _single_style(_fill("0,0,0,0", "no", "0,0,0,255", 0.6)),
    }
    connection = sqlite3.connect(path)
    try:
        with connection:
            connection.execute(_STYLE_TABLE)
            connection.execute(
                "INSERT INTO gpkg_contents (table_name, data_type, identifier) "
                "VALUES ('layer_styles', 'attributes', 'layer_styles')"
            )
            connection.executemany(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, "
                "f_geometry_column, styleName, styleQML, useAsDefault) "
                "VALUES ('', '', ?, 'geom', 'landshift', ?, 1)",
                list(styles.items()),
            )
            told = "\n".join((VERDICT_WORDS[report.fitness.verdict], *report.warnings))
            connection.execute(
                "UPDATE gpkg_contents SET last_change = ?, description = ?", (_EPOCH, told)
            )
            connection.execute("UPDATE layer_styles SET update_time = ?", (_EPOCH,))
    finally:
        connection.close()


def _fill(
    colour: str, brush: str, line: str = "0,0,0,0", width_mm: float = 0.0, dash: str = "solid"
) -> str:
    options = {
        "color": colour, "style": brush, "outline_color": line,
        "outline_style": dash if width_mm else "no", "outline_width": f"{width_mm}",
        "outline_width_unit": "MM",
    }  # fmt: skip
    entries = "".join(
        f'<Option name="{key}" type="QString" value="{value}"/>' for key, value in options.items()
    )
    old = "".join(f'<prop k="{key}" v="{value}"/>' for key, value in options.items())
    return (
        '<layer class="SimpleFill" enabled="1" locked="0" pass="0">'
        f'<Option type="Map">{entries}</Option>{old}</layer>'
    )


def _symbol(name: int, layers: str) -> str:
    return (
        f'<symbol name="{name}" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">'
        f"{layers}</symbol>"
    )


def _document(renderer: str) -> str:
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
        f'<qgis version="3.22" styleCategories="Symbology">{renderer}</qgis>\n'
    )


def _single_style(layers: str) -> str:
    return _document(
        '<renderer-v2 type="singleSymbol" symbollevels="0" enableorderby="0" forceraster="0">'
        f"<symbols>{_symbol(0, layers)}</symbols></renderer-v2>"
    )


def _kind_style() -> str:
    """One symbol for each kind of change: its colour, and its hatching over it."""
    categories, symbols = [], []
    for number, kind in enumerate(CHANGE_KINDS):
        red, green, blue = kind.colour
        alpha = round(200 * kind.strength)
        layers = _fill(f"{red},{green},{blue},{alpha}", "solid", "0,0,0,255", 0.1)
        if kind.hatch in _BRUSHES:
            layers += _fill("0,0,0,200", _BRUSHES[kind.hatch])
        label = quoteattr(kind.label)
        categories.append(
            f'<category symbol="{number}" value={label} label={label} render="true"/>'
        )
        symbols.append(_symbol(number, layers))
    return _document(
        '<renderer-v2 type="categorizedSymbol" attr="kind" symbollevels="0" enableorderby="0" '
        f'forceraster="0"><categories>{"".join(categories)}</categories>'
        f"<symbols>{''.join(symbols)}</symbols></renderer-v2>"
    )
