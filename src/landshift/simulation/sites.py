"""Six invented sites after what analysts describe, and their scenes.

Only the kind of change is taken from reports; nothing here shows the real places.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from landshift.errors import InputError
from landshift.sensor import Family
from landshift.simulation import works
from landshift.simulation.canvas import Canvas
from landshift.simulation.geolocation import Displacement
from landshift.simulation.layout import boundary, paint_land
from landshift.simulation.seasons import Season, season_of
from landshift.simulation.stage import (
    BuildingRecord,
    Plan,
    Stage,
    Zone,
    draw_plan,
    set_stage,
)


@dataclass(frozen=True)
class SiteRecipe:
    """What a named site holds."""

    name: str
    """Its key on the command line."""
    story: str
    """What happens there, in a sentence."""
    epsg: int
    """UTM zone of the pictures."""
    east_m: float
    """Easting of the middle, metres."""
    north_m: float
    """Northing of the middle, metres."""
    extent_m: float
    """Side of the picture."""
    fine_m: float
    """Side of a working pixel, on which the truth is counted."""
    gsd_m: tuple[float, float]
    """Pixel of the picture before, and after."""
    family: Family
    """Sensor family of both."""
    dates: tuple[date, date]
    """Days of both."""
    zone_m: tuple[float, float]
    """Size of the aoi along and across the plan's heading."""
    places: tuple[str, ...]
    """Kinds of place round it."""
    before: Callable[[Stage, Zone], None]
    """Paints the aoi as it was."""
    after: Callable[[Stage, Zone], None] | None
    """Paints what was built; None if nothing was."""
    shift_px: tuple[float, float]
    """Least and greatest geolocation error of the before picture, in its pixels."""
    rotation_deg: float
    """Greatest turn of the before picture."""


SITES: dict[str, SiteRecipe] = {
    recipe.name: recipe
    for recipe in (
        SiteRecipe(
            "kyongsong", "3.3 ha of fields become a building site with halls partly framed",
            32652, 550400.0, 4603800.0, 400.0, 0.25, (1.0, 0.5), "rgb",
            (date(2023, 5, 12), date(2024, 5, 29)), (220.0, 150.0),
            ("strip fields", "village"), works.kyongsong_before, works.kyongsong_after,
            (4.0, 4.0), 0.15,
        ),
        SiteRecipe(
            "songchon", "vegetable greenhouses are torn down for three halls",
            32652, 258300.0, 4353600.0, 360.0, 0.25, (0.5, 0.5), "rgb",
            (date(2024, 3, 20), date(2024, 11, 4)), (170.0, 120.0),
            ("greenhouse belt", "town edge"), works.songchon_before, works.songchon_after,
            (1.5, 3.0), 0.05,
        ),
        SiteRecipe(
            "onchon", "three halls rise beside greenhouses that stay",
            32651, 692600.0, 4304200.0, 400.0, 0.25, (0.5, 0.5), "rgb",
            (date(2024, 2, 18), date(2024, 9, 26)), (230.0, 130.0),
            ("paddies", "greenhouse belt"), works.onchon_before, works.onchon_after,
            (1.0, 3.0), 0.05,
        ),
        SiteRecipe(
            "kosan", "two halls are added to one that stood before",
            32652, 362700.0, 4302100.0, 360.0, 0.25, (0.5, 0.5), "rgb",
            (date(2023, 10, 2), date(2024, 12, 9)), (190.0, 110.0),
            ("town edge", "paddies"), works.kosan_before, works.kosan_after,
            (1.0, 3.0), 0.05,
        ),
        SiteRecipe(
            "kumya", "a farm becomes halls and rows of houses",
            32652, 360900.0, 4367600.0, 720.0, 0.5, (3.0, 3.0), "rgbn",
            (date(2024, 4, 22), date(2025, 7, 8)), (300.0, 200.0),
            ("paddies", "village"), works.kumya_before, works.kumya_after,
            (1.0, 2.0), 0.1,
        ),
        SiteRecipe(
            "unchanged", "fields and greenhouses in May and in November; nothing is built",
            32651, 733600.0, 4331400.0, 2400.0, 2.5, (10.0, 10.0), "multispectral",
            (date(2024, 5, 14), date(2024, 11, 10)), (420.0, 340.0),
            ("paddies", "dry hills"), works.unchanged_before, None,
            (0.3, 0.8), 0.0,
        ),
    )
}  # fmt: skip
"""The named sites by name."""


@dataclass(frozen=True, eq=False)
class SiteScene:
    """A named site as painted: both dates, exact, not yet seen by any sensor."""

    recipe: SiteRecipe
    """What it was painted from."""
    seed: int
    """Chance it was painted with."""
    stage: Stage
    """Plan, surfaces, seasons and chance."""
    canvases: tuple[Canvas, Canvas]
    """Before and after, with a margin round the picture."""
    margin_m: float
    """Width of that margin."""
    aoi: Zone
    """The site's outline in the plan."""
    built: tuple[BuildingRecord, ...]
    """What was built between the dates."""
    errors: tuple[Displacement, Displacement]
    """Planted geolocation error of the picture before, and after."""

    def map_point(self, x: float, y: float) -> tuple[float, float]:
        """Easting and northing of a point of the canvas."""
        half = self.recipe.extent_m / 2 + self.margin_m
        return self.recipe.east_m - half + x, self.recipe.north_m + half - y

    def aoi_outline(self) -> NDArray[np.float64]:
        """The aoi's ring on the canvas, closed, (n, 2) metres east and south of its corner."""
        return _ring(self.stage.plan, self.aoi)

    def cover(self, when: int) -> NDArray[np.uint8]:
        """Land cover code on the ground, before (0) or after (1), (row, col) without margin."""
        codes = self.stage.table.cover_codes()[self.canvases[when].surface]
        skip = round(self.margin_m / self.recipe.fine_m)
        return np.ascontiguousarray(codes[skip:-skip, skip:-skip])


def site_recipe(name: str) -> SiteRecipe:
    """The recipe of a named site.

    Raises
    ------
    InputError
        When there is no site of that name.
    """
    if name not in SITES:
        raise InputError(f"no simulated site {name!r}; there are {', '.join(SITES)}")
    return SITES[name]


def _errors(rng: np.random.Generator, recipe: SiteRecipe) -> tuple[Displacement, Displacement]:
    """The before picture lies off; the after picture is the reference."""
    size = rng.uniform(*recipe.shift_px) * recipe.gsd_m[0]
    toward = rng.uniform(0, 2 * math.pi)
    turn = recipe.rotation_deg * (1 if rng.random() < 0.5 else -1)
    local = 0.15 * recipe.gsd_m[0]
    return (
        Displacement(
            round(size * math.cos(toward), 3), round(size * math.sin(toward), 3), turn, local
        ),
        Displacement(),
    )


def build_site(name: str, seed: int) -> SiteScene:
    """Paint a named site on both dates.

    Parameters
    ----------
    name
        Key of `SITES`.
    seed
        The same seed gives the same scene.

    Raises
    ------
    InputError
        When there is no site of that name, or the seed is negative.
    """
    recipe = site_recipe(name)
    if seed < 0:
        raise InputError(f"seed must not be negative: {seed}")
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    coarse = max(recipe.gsd_m)
    margin_m = coarse * math.ceil(18.0 / coarse)
    side = round((recipe.extent_m + 2 * margin_m) / recipe.fine_m)
    days = tuple(day.timetuple().tm_yday for day in recipe.dates)
    seasons: tuple[Season, Season] = season_of(rng, days[0]), season_of(rng, days[1])
    plan = draw_plan(rng, recipe.extent_m * 2)
    stage = set_stage(rng, Canvas.blank((side, side), recipe.fine_m), plan, seasons, False)
    paint_land(stage, list(recipe.places))
    middle = plan.to_plan(side * recipe.fine_m / 2, side * recipe.fine_m / 2)
    zone = _aoi_zone(plan, middle, recipe.zone_m)
    recipe.before(stage, zone)
    _frame_with_roads(stage, zone)
    before = stage.canvas
    stage.canvas = before.copy()
    known = len(stage.buildings)
    if recipe.after is not None:
        recipe.after(stage, zone)
    built = tuple(stage.buildings[known:])
    return SiteScene(
        recipe, seed, stage, (before, stage.canvas), margin_m, zone, built, _errors(rng, recipe)
    )


def _ring(plan: Plan, zone: Zone) -> NDArray[np.float64]:
    """Outline of a zone on the ground, closed, (n, 2)."""
    steps = 12
    share = np.arange(steps) / steps
    across, down = zone.size
    ring = (
        [(zone.u0 + s * across, zone.v0) for s in share]
        + [(zone.u1, zone.v0 + s * down) for s in share]
        + [(zone.u1 - s * across, zone.v1) for s in share]
        + [(zone.u0, zone.v1 - s * down) for s in share]
    )
    points = [plan.to_ground(float(u), float(v)) for u, v in ring]
    return np.asarray([*points, points[0]])


def ring_hectares(ring: NDArray[np.float64]) -> float:
    """Area of a closed ring (n, 2) in metres, in hectares."""
    x, y = ring[:, 0], ring[:, 1]
    return abs(float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))) / 2 / 10_000


def _aoi_zone(plan: Plan, middle: tuple[float, float], size: tuple[float, float]) -> Zone:
    """The zone about a plan point whose area on the bent ground is that of ``size``."""
    factor = 1.0
    zone = Zone(0.0, 0.0, 0.0, 0.0)
    for _ in range(3):
        width, depth = size[0] * factor, size[1] * factor
        zone = Zone(
            middle[0] - width / 2,
            middle[0] + width / 2,
            middle[1] - depth / 2,
            middle[1] + depth / 2,
        )
        factor *= math.sqrt(size[0] * size[1] / 10_000 / ring_hectares(_ring(plan, zone)))
    return zone


def _frame_with_roads(stage: Stage, zone: Zone) -> None:
    """Ways round the site, just outside it, so that it meets its surroundings."""
    out = 4.0
    for line, kind in (
        (Zone(zone.u0 - out, zone.u1 + out, zone.v0 - out, zone.v0 - out), "road"),
        (Zone(zone.u0 - out, zone.u1 + out, zone.v1 + out, zone.v1 + out), "dirt"),
        (Zone(zone.u0 - out, zone.u0 - out, zone.v0 - out, zone.v1 + out), "lane"),
        (Zone(zone.u1 + out, zone.u1 + out, zone.v0 - out, zone.v1 + out), "dirt"),
    ):
        boundary(stage, line, kind)
