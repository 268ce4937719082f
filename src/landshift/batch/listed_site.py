"""One row of a site list as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from landshift.site import Site


@dataclass(frozen=True)
class ListedSite:
    """A site as the list tells it, or why it cannot be used."""

    place: str
    """Where it stands in the list: "line 12", "feature 3"."""
    id: str
    """As the list has it, without control characters; shown, never used as a path."""
    folder: str
    """Name of its folder below ``sites``; empty where the row is bad."""
    name: str = ""
    province: str = ""
    year: str = ""
    """Of the after picture where the list does not say."""
    before: str = ""
    """Path or address of the earlier picture, as the list has it."""
    after: str = ""
    """The same of the later one."""
    before_mask: str = ""
    """Path or address of the mask beside the earlier picture, without its kind; empty: none."""
    after_mask: str = ""
    """The same of the later one."""
    gsd_m: float | None = None
    """Side of a pixel to work at, metres."""
    lon: float | None = None
    """Longitude of the outline's middle, degrees; None where no outline was given."""
    lat: float | None = None
    """Latitude of the same."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Columns that landshift does not know."""
    site: Site | None = None
    """What is to be compared; None where the row is bad."""
    problem: str = ""
    """Why the row cannot be used; empty where it can."""
