"""SiteReport → site.kmz: both dates as overlays with time, and what changed as placemarks."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.warp import Resampling, reproject

from landshift.change_kinds import CHANGE_KINDS, KIND_OF_CODE
from landshift.encoding import png_bytes
from landshift.grid import WGS84
from landshift.patches import Patch
from landshift.preview import Preview
from landshift.report import SiteReport
from landshift.wording import PART_UNSEEN, UNTOLD, VERDICT_WORDS, xml_text

_KML = "http://www.opengis.net/kml/2.2"
_MOST_PATCHES = 2000
"""Placemarks of change that Google Earth still opens at once; the largest are kept."""
_CHANGE_ALPHA = 0xB0
_DEGREE_DECIMALS = 7
_Span = tuple[str | None, str | None]
"""First and last day, ISO, where known."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that the same report gives the same bytes."""


def kmz_bytes(report: SiteReport, patches: Sequence[Patch]) -> bytes | None:
    """The file, or None for pictures that say nothing of their place."""
    crs = report.changes.grid.crs
    if crs is None:
        return None
    members: dict[str, bytes] = {}
    kml = ElementTree.Element("kml", xmlns=_KML)
    document = _add(kml, "Document")
    _add(document, "name", report.site.name or report.site.id)
    told = (VERDICT_WORDS[report.fitness.verdict], *report.warnings)
    # shown as HTML, and a file that a caution names may be called as markup is
    _add(document, "description", "<br>".join(map(escape, told)))
    _add_styles(document)
    spans, since = _times(report.before.date, report.after.date)
    pictures = {"before": report.before_picture, "after": report.after_picture}
    for order, (which, picture) in enumerate(pictures.items()):
        rgba, box = _in_degrees(picture, crs)
        members[f"files/{which}.png"] = png_bytes(rgba)
        _add_overlay(document, which, spans[which], box, order)
    to_degrees = Transformer.from_crs(crs, WGS84, always_xy=True)
    _add_site(document, report, to_degrees)
    _add_changes(document, patches[:_MOST_PATCHES], to_degrees, since)
    _add_buildings(document, report, to_degrees, since)
    text = ElementTree.tostring(kml, encoding="utf-8", xml_declaration=True)
    return _zipped({"doc.kml": text, **members})


def _add(parent: ElementTree.Element, tag: str, text: str | None = None) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag)
    element.text = None if text is None else xml_text(text)
    return element


def _add_styles(document: ElementTree.Element) -> None:
    for kind in CHANGE_KINDS:
        red, green, blue = kind.colour
        fill = f"{round(_CHANGE_ALPHA * kind.strength):02x}{blue:02x}{green:02x}{red:02x}"
        _add_style(document, kind.key, fill, "ff202020", "1")
    _add_style(document, "building", "00000000", "ff00ffff", "2.5")
    _add_style(document, "site", "00000000", "ffffffff", "2.5")


def _add_style(
    document: ElementTree.Element, key: str, fill: str, line: str, width: str
) -> None:
    """Colours are alpha, blue, green, red."""
    style = _add(document, "Style")
    style.set("id", key)
    lines = _add(style, "LineStyle")
    _add(lines, "color", line)
    _add(lines, "width", width)
    _add(_add(style, "PolyStyle"), "color", fill)


def _add_time(parent: ElementTree.Element, span: tuple[str | None, str | None]) -> None:
    if any(span):
        time = _add(parent, "TimeSpan")
        for tag, day in zip(("begin", "end"), span, strict=True):
            if day:
                _add(time, tag, day)


def _in_degrees(
    picture: Preview, crs: CRS
) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    """The picture on a lattice of degrees, and its north, south, east, west."""
    rows, cols = picture.grid.shape
    to_degrees = Transformer.from_crs(crs, WGS84, always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*picture.grid.bounds)
    east += 360.0 if east < west else 0.0  # the margin of a site beside the 180th meridian
    transform = Affine((east - west) / cols, 0, west, 0, -(north - south) / rows, north)
    moved = np.zeros((4, rows, cols), np.uint8)
    for band, (source, how) in enumerate(
        zip(np.moveaxis(picture.rgba, 2, 0), [Resampling.bilinear] * 3 + [Resampling.nearest],
            strict=True)
    ):  # fmt: skip
        reproject(
            np.ascontiguousarray(source), moved[band], src_transform=picture.grid.transform,
            src_crs=crs.to_wkt(), dst_transform=transform, dst_crs="EPSG:4326", resampling=how,
        )  # fmt: skip
    return np.moveaxis(moved, 0, 2), (north, south, east, west)


def _times(before: str | None, after: str | None) -> tuple[dict[str, _Span], str | None]:
    """When each picture is shown, and since when changes are.

    A picture is shown until the other's day, whichever of them is the older: a span that ends
    before it begins is none.
    """
    if before and after and after < before:
        return {"before": (before, None), "after": (after, before)}, before
    return {"before": (before, after), "after": (after, None)}, after


def _add_overlay(
    document: ElementTree.Element, which: str, span: tuple[str | None, str | None],
    box: tuple[float, float, float, float], order: int,
) -> None:  # fmt: skip
    overlay = _add(document, "GroundOverlay")
    day = span[0]
    _add(overlay, "name", f"{which}, {day}" if day else which)
    _add_time(overlay, span)
    _add(overlay, "drawOrder", str(order))
    _add(_add(overlay, "Icon"), "href", f"files/{which}.png")
    place = _add(overlay, "LatLonBox")
    for tag, value in zip(("north", "south", "east", "west"), box, strict=True):
        _add(place, tag, f"{value:.9f}")


def _add_site(
    document: ElementTree.Element, report: SiteReport, to_degrees: Transformer
) -> None:
    if report.outline is not None:
        facts = {}
        for name, one in report.totals.items():
            value, low, high = (
                f"{each:.{report.decimals}f}" for each in (one.value, one.low, one.high)
            )
            facts[f"{name.replace('_', ' ')}, ha"] = f"{value} ({low} to {high})"
        _add_placemark(document, "site", "site", facts, report.outline, to_degrees)


def _add_changes(
    document: ElementTree.Element, patches: Sequence[Patch], to_degrees: Transformer,
    since: str | None,
) -> None:  # fmt: skip
    folders: dict[str, ElementTree.Element] = {}
    for patch in patches:
        kind = KIND_OF_CODE[patch.code]
        if kind.key not in folders:
            folders[kind.key] = _add(document, "Folder")
            _add(folders[kind.key], "name", kind.label)
            _add(folders[kind.key], "visibility", "1")
        facts = {"hectares": f"{patch.hectares:.4f}", "probability": f"{patch.probability:.2f}"}
        _add_placemark(folders[kind.key], kind.label, kind.key, facts, patch.polygon, to_degrees,
                       since)  # fmt: skip


def _add_buildings(
    document: ElementTree.Element, report: SiteReport, to_degrees: Transformer, since: str | None
) -> None:
    folder = _add(document, "Folder")
    _add(folder, "name", "new buildings")
    for number, one in enumerate(report.buildings, 1):
        facts = {
            "hectares": f"{one.hectares:.4f}",
            "size": f"{one.length_m:.0f} x {one.width_m:.0f} m",
            "was": "another building" if one.replaced else one.was.label,
            "stage": one.stage or UNTOLD,
            "probability": f"{one.probability:.2f}",
        }
        if one.part_unseen:
            facts["seen"] = PART_UNSEEN
        _add_placemark(folder, f"building {number}", "building", facts, one.outline, to_degrees,
                       since)  # fmt: skip


def _add_placemark(
    parent: ElementTree.Element, name: str, style: str, facts: Mapping[str, str],
    geometry: Any, to_degrees: Transformer, since: str | None = None,
) -> None:  # fmt: skip
    mark = _add(parent, "Placemark")
    _add(mark, "name", name)
    _add_time(mark, (since, None))
    _add(mark, "styleUrl", f"#{style}")
    table = _add(mark, "ExtendedData")
    for key, value in facts.items():
        data = _add(table, "Data")
        data.set("name", key)
        _add(data, "value", value)
    many = _add(mark, "MultiGeometry")
    for polygon in shapely.get_parts(geometry):
        shape = _add(many, "Polygon")
        _add(shape, "tessellate", "1")
        for place, ring in enumerate((polygon.exterior, *polygon.interiors)):
            border = _add(shape, "innerBoundaryIs" if place else "outerBoundaryIs")
            lon, lat = to_degrees.transform(*np.asarray(ring.coords).T[:2])
            words = " ".join(
                f"{x:.{_DEGREE_DECIMALS}f},{y:.{_DEGREE_DECIMALS}f}"
                for x, y in zip(lon, lat, strict=True)
            )
            _add(_add(border, "LinearRing"), "coordinates", words)


def _zipped(members: Mapping[str, bytes]) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            packed = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, packed)
    return target.getvalue()
