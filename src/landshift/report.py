"""What one comparison found: frozen values that become report.json, tables, maps and pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from shapely.geometry import MultiPolygon, Polygon

from landshift.alignment import Alignment
from landshift.area import Balance, Hectares, Transition
from landshift.buildings import Building, Cluster
from landshift.change_map import ChangeMap
from landshift.encoding import data_uri, jpeg_bytes
from landshift.fitness import Fitness
from landshift.preview import Preview
from landshift.site import Site
from landshift.wording import TOTAL_WORDS, VERDICT_WORDS, hectare_decimals, seen_words

_THUMBNAIL_PX = 400
"""Longer side of a picture in a notebook."""


@dataclass(frozen=True)
class MaskRecord:
    """The mask beside an input picture, and what it took from it."""

    path: str
    """As the user gave it, without its kind."""
    kind: str
    """One of `landshift.site.MASK_KINDS`."""
    sha256: str
    """Of the file's bytes."""
    hidden_share: float
    """Share of the aoi that the picture's file shows and the mask hides, 0-1."""


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
    bands: tuple[str, ...] | None = None
    """Role of each band of the file, where the user overruled what it says."""
    mask: MaskRecord | None = None


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
    """For people to look at; moved onto the after picture."""
    after_picture: Preview
    """The same of the after picture, with its own colours."""
    warnings: tuple[str, ...]
    settings: Mapping[str, Any]
    software: Mapping[str, str]
    balance: tuple[Balance, ...] = ()
    """Gross gain and loss of each cover, and what is left of both."""

    @property
    def not_seen_hectares(self) -> float:
        """Hectares of the aoi that one picture or both do not show: nothing is said of them."""
        return self.changes.aoi_hectares * (1.0 - self.seen_share)

    @property
    def judgement(self) -> dict[str, str]:
        """The verdict and all warnings, each a line: what a file handed on alone must still say."""
        return {"verdict": self.fitness.verdict, "warnings": "\n".join(self.warnings)}

    @property
    def decimals(self) -> int:
        """Of hectares that a person reads: hundredths, or square metres at a small site."""
        least = self.settings["area"]["least_hundredths_hectares"]
        return hectare_decimals(self.changes.aoi_hectares, least)

    def _repr_html_(self) -> str:
        """What a notebook shows: both pictures, and the totals with their intervals."""
        pictures = "".join(
            f"<td style='text-align:left'>{escape(f'{which} {image.date or str()}')}<br>"
            f"<img src='{_thumbnail(picture)}' alt='{which}'></td>"
            for which, image, picture in (
                ("before", self.before, self.before_picture),
                ("after", self.after, self.after_picture),
            )
        )
        few = f".{self.decimals}f"
        rows = "".join(
            f"<tr><th>{escape(words)}</th><td>{self.totals[key].value:{few}}</td>"
            f"<td>{self.totals[key].low:{few}} to {self.totals[key].high:{few}}</td></tr>"
            for key, words in TOTAL_WORDS.items() if key in self.totals
        )  # fmt: skip
        return (
            f"<h4>{escape(self.site.name or self.site.id)}: "
            f"{VERDICT_WORDS[self.fitness.verdict]}</h4>"
            f"<p>{self.changes.aoi_hectares:{few}} ha, {seen_words(self.seen_share)} of it seen "
            f"on both dates; {len(self.buildings)} new buildings outlined</p>"
            f"<table><tr>{pictures}</tr></table><table><tr><th></th><th>hectares</th>"
            f"<th>90 % interval</th></tr>{rows}</table>"
            + "".join(f"<p>! {escape(warning)}</p>" for warning in self.warnings)
            + f"<p><small>{escape(self.software.get('model_about', ''))}</small></p>"
        )


def _thumbnail(picture: Preview) -> str:
    step = -(-max(picture.grid.shape) // _THUMBNAIL_PX)
    return data_uri(jpeg_bytes(picture.rgba[::step, ::step]), "image/jpeg")
