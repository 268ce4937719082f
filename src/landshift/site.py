"""A site: its outline and its two pictures, as the user named them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType

from pyproj import CRS
from shapely.geometry import MultiPolygon, Polygon


@dataclass(frozen=True)
class Image:
    """One picture of a site and what the user says of it."""

    path: Path
    """The file."""
    gsd_m: float | None = None
    """Side of a pixel in metres; needed, and used, only where the file has no CRS."""
    bands: tuple[str, ...] | None = None
    """Role of each band, where the user overrules what the file says."""
    date: date | None = None
    """Day of acquisition, where known."""


@dataclass(frozen=True)
class Aoi:
    """The outline inside which hectares are counted."""

    polygon: Polygon | MultiPolygon
    """Valid and not empty, in `crs`."""
    crs: CRS | None
    """None: local metres of pictures without CRS."""


@dataclass(frozen=True)
class Site:
    """What is to be compared: one outline and its two pictures."""

    id: str
    """Short name, safe as a file name."""
    before: Image
    """The earlier picture, which is moved onto the other."""
    after: Image
    """The later picture; its grid is the reference."""
    aoi: Aoi | None = None
    """None: wherever both pictures see the ground."""
    name: str = ""
    """What people call it."""
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Anything else that the site list said."""


def site_id(words: str) -> str:
    """A short name that is safe as a file name."""
    kept = "".join(c if c.isalnum() or c in "-_" else "-" for c in words)
    return kept.strip("-")[:64] or "site"
