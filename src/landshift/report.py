"""What one comparison found: frozen values that become report.json, tables, maps and pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shapely.geometry import MultiPolygon, Polygon

from landshift.alignment import Alignment
from landshift.area import Hectares, Transition
from landshift.buildings import Building, Cluster
from landshift.change_map import ChangeMap
from landshift.fitness import Fitness
from landshift.preview import Preview
from landshift.site import Site


@dataclass(frozen=True)
class ImageRecord:
    """One input picture, so that the result can be traced to it."""

    path: str
    """As the user gave it."""
    sha256: str
    """Of the file's bytes."""
    date: str | None
    """ISO day of acquisition, where known."""
    sensor: str
    """Name and band roles."""
    gsd_m: float
    """Native side of a pixel, metres."""


@dataclass(frozen=True, eq=False)
class SiteReport:
    """Everything that one comparison found, and everything it was found with."""

    site: Site
    before: ImageRecord
    after: ImageRecord
    fitness: Fitness
    alignment: Alignment
    changes: ChangeMap
    transitions: tuple[Transition, ...]
    """Every from→to pair that covers at least the smallest reportable area, largest first."""
    totals: Mapping[str, Hectares]
    """cropland_loss, greenhouse_loss, new_building, removed_building, building_change,
    cleared_ground."""
    buildings: tuple[Building, ...]
    clusters: tuple[Cluster, ...]
    seen_share: float
    """Share of the aoi that both pictures show, 0-1."""
    outline: Polygon | MultiPolygon | None
    """The aoi on the grid's CRS, None where the overlap was the site."""
    before_picture: Preview
    """For people to look at."""
    after_picture: Preview
    """The same of the after picture, aligned, with its own colours."""
    warnings: tuple[str, ...]
    settings: Mapping[str, Any]
    software: Mapping[str, str]
