"""Pairs of pictures with their truth, one call for each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landshift.sensor import FAMILY_BANDS, Family
from landshift.simulation.canvas import Canvas, FloatArray
from landshift.simulation.estates import begin_estate, blocks_beside, go_on
from landshift.simulation.events import Event, change_land, repaint_roofs
from landshift.simulation.layout import PLACES, paint_land
from landshift.simulation.light import Sun, View
from landshift.simulation.noise import noise
from landshift.simulation.rendering import Rendering, Weather, render
from landshift.simulation.seasons import Season, season_of
from landshift.simulation.sensors import draw_camera, expose, pooled, spots
from landshift.simulation.spectra import draw
from landshift.simulation.stage import Stage, draw_plan, set_stage
from landshift.simulation.surfaces import BUILDING

UNCHANGED_SHARE = 0.35
"""Share of pairs in which nothing lasting changes."""


@dataclass(frozen=True, eq=False)
class SimulatedPair:
    """Two pictures of one place, and what is really there on both dates."""

    before: FloatArray
    """(band, row, col): display values from 0 to 1, or reflectance."""
    after: FloatArray
    """The same place later."""
    cover_before: NDArray[np.uint8]
    """Land cover code of what a spot of each pixel shows, the same spots on both dates; 0 on walls.
    (row, col). Sums over many pixels are those of the ground seen, as no majority's are."""
    cover_after: NDArray[np.uint8]
    """The same later."""
    cover_to_be: NDArray[np.uint8]
    """What will stand where that stands which the before picture shows at the spot. Not what the
    after picture shows there: a roof leans over other ground in each picture. (row, col)."""
    cover_that_was: NDArray[np.uint8]
    """What stood where that stands which the after picture shows at the spot, (row, col)."""
    plan_before: NDArray[np.uint8]
    """Land cover code of the ground plan at the spot, from straight above, (row, col)."""
    plan_after: NDArray[np.uint8]
    """The same later."""
    building_before: FloatArray
    """Share of each pixel that shows a roof, (row, col)."""
    building_after: FloatArray
    """The same later."""
    bands: tuple[str, ...]
    """Band names."""
    gsd_m: float
    """Side of a pixel on the ground."""
    events: tuple[Event, ...]
    """What was built, removed or dug; empty if nothing lasting changed."""


def _days(rng: np.random.Generator) -> tuple[int, int]:
    """Days of the year of both pictures, often in different seasons."""
    # Clear skies and growing fields draw more pictures than deep winter.
    first, second = (
        int(rng.integers(70, 320)) if rng.random() < 0.6 else int(rng.integers(1, 366))
        for _ in range(2)
    )
    if rng.random() < 0.3:
        return first, int((first + rng.normal(0, 12)) % 365) + 1
    return first, second


def draw_weather(rng: np.random.Generator, day: int, terrain_m: float, coarse: bool) -> Weather:
    """Sun by day of the year at about 40 degrees north, view and sky by chance."""
    tilt = -23.44 * math.cos(2 * math.pi * (day + 10) / 365)
    noon = 90 - rng.uniform(30, 43) + tilt
    hour = rng.normal(-0.6, 0.9)
    elevation = max(noon - 4.5 * hour * hour, 14.0)
    azimuth = 180 + 22 * hour + rng.normal(0, 5)
    off_nadir = abs(rng.normal(0, 3)) if coarse else min(abs(rng.normal(0, 13)), 30)
    cloudy = rng.random() < 0.12
    return Weather(
        Sun(azimuth % 360, elevation),
        View(rng.uniform(0, 360), off_nadir),
        rng.uniform(1.8, 3.0) if cloudy else rng.uniform(0.8, 1.7),
        terrain_m,
    )


def along_lines(stage: Stage) -> tuple[FloatArray, FloatArray]:
    """Metres east and south along the bent lines of the place."""
    cos = np.float32(math.cos(stage.plan.heading))
    sin = np.float32(math.sin(stage.plan.heading))
    return cos * stage.u - sin * stage.v, sin * stage.u + cos * stage.v


def _places(rng: np.random.Generator) -> list[str]:
    """Kinds of place that share a scene."""
    first = draw(
        rng,
        {
            "paddies": 1.2, "strip fields": 1.6, "dry hills": 1.0, "village": 1.3,
            "town edge": 1.6, "greenhouse belt": 1.2, "island greenhouses": 1.6,
            "industry": 1.3, "suburb": 2.6, "ranch": 0.9, "big fields": 0.6, "city": 1.4,
            "water land": 1.0, "new town": 1.8,
        },
    )
    if rng.random() < 0.35:
        return [first]
    alike = [name for name in PLACES if PLACES[name].western == PLACES[first].western]
    return [first, *(str(name) for name in rng.choice(alike, 2))]


def _sampled(
    rng: np.random.Generator, rendering: Rendering, family: str, bands: tuple[str, ...],
    pad: int, factor: int,
) -> tuple[FloatArray, FloatArray]:
    """Picture and built share at the sensor's pixel, without the margin."""
    scene = pooled(rendering.reflectance, factor)
    camera = draw_camera(rng, family, bands, scene)
    picture = expose(rng, scene, camera)
    built = pooled((rendering.cover == BUILDING).astype(np.float32), factor)
    inner = slice(pad, -pad), slice(pad, -pad)
    return np.ascontiguousarray(picture[(slice(None), *inner)]), built[inner]


def _begin(
    rng: np.random.Generator, shape: tuple[int, int], pixel_m: float, days: tuple[int, int]
) -> tuple[Stage, list[str]]:
    """A stage for a random place."""
    places = _places(rng)
    western = PLACES[places[0]].western
    mild = rng.random() if western else (rng.random() if rng.random() < 0.25 else 0.0)
    seasons: tuple[Season, Season] = (
        season_of(rng, days[0], float(mild)),
        season_of(rng, days[1], float(mild)),
    )
    bend = 0.09 if western else 0.05
    plan = draw_plan(rng, max(shape) * pixel_m, bend)
    return set_stage(rng, Canvas.blank(shape, pixel_m), plan, seasons, western), places


def simulate_pair(
    family: Family, seed: int, shape: tuple[int, int], gsd_m: float, unchanged: bool | None = None
) -> SimulatedPair:
    """Two pictures of a place that never was, on one grid, with exact land cover.

    Parameters
    ----------
    family
        "rgb" (red, green, blue), "rgbn" (and nir) or "multispectral" (ten Sentinel-2 bands).
    seed
        The same seed gives the same pair.
    shape
        Rows and columns.
    gsd_m
        Side of a pixel in metres, 0.2 to 15.
    unchanged
        Whether to keep everything lasting as it was; None leaves it to chance.
    """
    if family not in FAMILY_BANDS:
        raise ValueError(f"family must be one of {sorted(FAMILY_BANDS)}: {family!r}")
    bands = FAMILY_BANDS[family]
    rng = np.random.default_rng([seed, 20])
    factor = 2
    pixel_m = gsd_m / factor
    pad = int(min(max(round(14 / gsd_m), 3), 28))
    full = ((shape[0] + 2 * pad) * factor, (shape[1] + 2 * pad) * factor)
    days = _days(rng)
    stage, places = _begin(rng, full, pixel_m, days)
    blocks = paint_land(stage, places)
    estate = begin_estate(stage, seed) if family == "rgb" else None
    canvases = [stage.canvas, stage.canvas.copy()]
    stage.canvas = canvases[1]
    quiet = rng.random() < UNCHANGED_SHARE if unchanged is None else unchanged
    if estate is not None:
        blocks = blocks_beside(stage, estate, blocks)
    events = [] if quiet else change_land(stage, blocks)
    if estate is not None and not quiet:
        events += go_on(stage, estate, seed)
    repaint_roofs(stage)
    order = [1, 0] if rng.random() < 0.15 else [0, 1]
    terrain = rng.exponential(1.5)
    ground = noise(rng, "fractal", full), noise(rng, "smooth", full)
    bent = along_lines(stage)
    own = np.random.default_rng([seed, 21])  # so that the scenes stay as they were without
    row, col = (lines[pad:-pad, pad:-pad] for lines in spots(own, full, factor))
    codes = stage.table.cover_codes()
    plans = [codes[canvases[date].surface] for date in order]
    views, covers, fates = [], [], []
    for date, elsewhen in zip(order, reversed(plans), strict=True):
        weather = draw_weather(rng, days[date], terrain, gsd_m > 2.5)
        rendering = render(
            rng, canvases[date], stage.table, date, weather, stage.seasons[date].snow, bent,
            ground, bands,
        )
        views.append(_sampled(rng, rendering, family, bands, pad, factor))
        covers.append(rendering.cover[row, col])
        fates.append(elsewhen.ravel()[rendering.place[row, col]])
    (before, built_before), (after, built_after) = views
    return SimulatedPair(
        before, after, covers[0], covers[1], fates[0], fates[1], plans[0][row, col],
        plans[1][row, col], built_before, built_after, bands, gsd_m, tuple(events),
    )  # fmt: skip
