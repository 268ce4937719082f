"""Fields: paddies, strips, vegetable plots, dry fields, tall crops; orchards."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from landshift.simulation.canvas import FloatArray
from landshift.simulation.seasons import field_look, field_state, grass_look
from landshift.simulation.spectra import mix, spectrum, vary
from landshift.simulation.stage import Stage, Zone, ZoneWindow
from landshift.simulation.surfaces import CROPLAND, WOODY, Look


def _edges(rng: np.random.Generator, total: float, step: float, spread: float) -> FloatArray:
    """Cuts from 0 to ``total`` about ``step`` apart."""
    count = max(round(total / step), 1)
    widths = np.exp(rng.normal(0.0, spread, count))
    return np.concatenate([[0.0], np.cumsum(widths) / widths.sum() * total]).astype(np.float32)


def _field_surfaces(
    stage: Stage, crop: str, heading: float, count: int, variety: float
) -> list[int]:
    """Surfaces for the plots of one zone; ``variety`` is the chance of an odd one out."""
    rng = stage.rng
    common = [field_state(rng, crop, season) for season in stage.seasons]
    surfaces = []
    for _ in range(count):
        states = [
            field_state(rng, crop, season) if rng.random() < variety else state
            for season, state in zip(stage.seasons, common, strict=True)
        ]
        turn = heading + (math.pi / 2 if rng.random() < 0.12 else 0.0) + rng.normal(0, 0.01)
        looks = [
            field_look(rng, state, stage.soil, turn, season)
            for state, season in zip(states, stage.seasons, strict=True)
        ]
        surfaces.append(stage.table.add(CROPLAND, looks[0], looks[1]))
    return surfaces


def _turned(window: ZoneWindow, zone: Zone, turn: float) -> tuple[FloatArray, FloatArray, float]:
    """Coordinates of a zone's pixels turned by an angle about its middle, and their reach."""
    width, depth = zone.size
    cos, sin = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    u = window.u - np.float32(width / 2)
    v = window.v - np.float32(depth / 2)
    return cos * u + sin * v, cos * v - sin * u, math.hypot(width, depth) / 2 + 10.0


def _bund(stage: Stage) -> int:
    """The grassy or trodden ridge between plots, which counts as cropland."""

    def make() -> int:
        rng = stage.rng
        soil = stage.local_soil() * np.float32(rng.uniform(0.9, 1.3))
        looks = [grass_look(rng, season, soil, weedy=True) for season in stage.seasons]
        return stage.table.add(CROPLAND, looks[0], looks[1])

    return stage.shared("bund", 4, make)


def paint_plots(
    stage: Stage,
    zone: Zone,
    crop: str,
    size: tuple[float, float],
    bund_m: float,
    irregular_m: float = 0.0,
    count: int = 10,
    variety: float = 0.35,
) -> None:
    """Fill a zone with plots.

    Parameters
    ----------
    stage, zone
        Where to paint.
    crop
        "paddy", "dry", "cereal", "vegetable" or "tall".
    size
        Width and length of a plot in metres.
    bund_m
        Width of the ridge between plots.
    irregular_m
        How far edges stray from straight lines.
    count, variety
        How many surfaces the plots share, and the chance that one is out of step.
    """
    window = stage.window(zone)
    if window is None:
        return
    rng = stage.rng
    quarter = math.pi / 2 if rng.random() < 0.5 else 0.0
    turn = quarter + (rng.normal(0.0, 0.15) if irregular_m > 0 or rng.random() < 0.2 else 0.0)
    u, v, reach = _turned(window, zone, turn)
    if irregular_m > 0:
        u = u + np.float32(irregular_m) * stage.fractal[window.rows, window.cols]
    columns = _edges(rng, 2 * reach, size[0], 0.25)
    column = np.clip(np.searchsorted(columns, u + reach) - 1, 0, len(columns) - 2)
    shift = rng.uniform(0, size[1], len(columns)).astype(np.float32)
    lengths = _edges(rng, 2 * reach + size[1], size[1], 0.25)
    position = v + np.float32(reach) + shift[column]
    part = np.clip(np.searchsorted(lengths, position) - 1, 0, len(lengths) - 2)
    heading = stage.plan.heading + turn + math.pi / 2
    surfaces = _field_surfaces(stage, crop, heading, count, variety)
    chosen = rng.choice(surfaces, (len(columns), len(lengths))).astype(np.int32)
    surface = chosen[column, part]
    if bund_m > 0.3 * stage.canvas.pixel_m:
        near = np.minimum(u + reach - columns[column], columns[column + 1] - u - reach)
        near = np.minimum(near, position - lengths[part])
        near = np.minimum(near, lengths[part + 1] - position)
        wobble = 1 + 0.3 * stage.rough[window.rows, window.cols]
        surface[near < 0.5 * bund_m * wobble] = _bund(stage)
    stage.canvas.flat(window.rows, window.cols, window.inside, surface)


def paint_paddy(stage: Stage, zone: Zone) -> None:
    """Rice paddies: small plots within bunds."""
    rng = stage.rng
    size = (rng.uniform(14, 34), rng.uniform(30, 95))
    irregular = rng.uniform(0, 3) if rng.random() < 0.4 else 0.0
    paint_plots(stage, zone, "paddy", size, rng.uniform(0.5, 1.4), irregular, 10, 0.3)


def paint_strips(stage: Stage, zone: Zone) -> None:
    """Long narrow strips side by side."""
    rng = stage.rng
    size = (rng.uniform(4, 18), rng.uniform(60, 220))
    paint_plots(stage, zone, "dry", size, rng.uniform(0.2, 0.7), 0.0, 12, 0.6)


def paint_dry(stage: Stage, zone: Zone) -> None:
    """Larger fields, irregular on slopes; some fill a picture of fine pixels alone."""
    rng = stage.rng
    size = (rng.uniform(25, 90), rng.uniform(50, 200))
    if rng.random() < 0.3:
        size = (rng.uniform(80, 180), rng.uniform(90, 260))
    irregular = rng.uniform(1, 10) if rng.random() < 0.5 else 0.0
    paint_plots(stage, zone, "dry", size, rng.uniform(0.3, 1.8), irregular, 6, 0.5)


def paint_vegetables(stage: Stage, zone: Zone) -> None:
    """Small beds of many kinds."""
    rng = stage.rng
    size = (rng.uniform(2.5, 9), rng.uniform(12, 45))
    paint_plots(stage, zone, "vegetable", size, rng.uniform(0.3, 0.9), 0.0, 14, 0.8)


def paint_tall(stage: Stage, zone: Zone) -> None:
    """Fields of crops as high as a man, strips or squares."""
    rng = stage.rng
    size = (rng.uniform(6, 60), rng.uniform(40, 180))
    irregular = rng.uniform(0, 6) if rng.random() < 0.4 else 0.0
    paint_plots(stage, zone, "tall", size, rng.uniform(0.3, 1.5), irregular, 8, 0.5)


def paint_prairie(stage: Stage, zone: Zone) -> None:
    """One very large field."""
    rng = stage.rng
    size = (rng.uniform(150, 500), rng.uniform(200, 800))
    irregular = rng.uniform(0, 4)
    paint_plots(stage, zone, "dry", size, rng.uniform(0.5, 3.0), irregular, 3, 0.6)
    bald_spots(stage, zone)


def bald_spots(stage: Stage, zone: Zone) -> None:
    """Spots of a field where in some years nothing grows: salt, wet springs, worn knolls.

    Pale, even, rounded, a tenth of a hectare to two: from far away they look like a yard or a roof,
    but lie there with soft lobes and come and go (saline seeps: Brown et al. 1982, USDA
    Conservation Research Report 30). Of no known class, and no lasting change. One field in five
    has none.
    """
    rng = stage.rng.spawn(1)[0]  # the rest of the scene is drawn as it would be without them
    if rng.random() < 0.2:
        return
    width, depth = zone.size
    area_ha = width * depth / 1e4
    pale = str(rng.choice(["soil_pale", "soil_pale", "concrete_pale"]))
    for _ in range(1 + min(int(rng.poisson(0.25 * area_ha)), 11)):
        radius = np.exp(rng.uniform(np.log(10.0), np.log(70.0)))
        u, v = zone.u0 + rng.uniform(0, width), zone.v0 + rng.uniform(0, depth)
        reach = 2.2 * radius
        window = stage.window(
            Zone(max(u - reach, zone.u0), min(u + reach, zone.u1),
                 max(v - reach, zone.v0), min(v + reach, zone.v1))
        )  # fmt: skip
        years = [(1, 0), (0, 1), (1, 1)][int(rng.choice(3, p=[0.4, 0.4, 0.2]))]
        bald = Look(
            ground=vary(rng, mix(spectrum(pale), stage.soil, rng.uniform(0.1, 0.8)), 0.2, 0.05),
            patch=(0.05, 0.1, 0.1), stain=(0.02, rng.uniform(0.02, 0.1), rng.uniform(0.02, 0.1)),
        )  # fmt: skip
        longer, turn = rng.uniform(1.0, 2.0), rng.uniform(0, math.pi)
        if window is None:
            continue
        rows, cols = window.rows, window.cols
        at = stage.canvas.surface[rows, cols]
        field = int(at[at.shape[0] // 2, at.shape[1] // 2])
        if stage.table.cover[field] != CROPLAND:
            continue
        looks = [bald if dry else of_date[field]
                 for dry, of_date in zip(years, stage.table.looks, strict=True)]  # fmt: skip
        # the window may begin at the zone's side, its middle is the spot's own all the same
        x = window.u - np.float32(min(reach, u - zone.u0))
        y = window.v - np.float32(min(reach, v - zone.v0))
        along = math.cos(turn) * x + math.sin(turn) * y
        across = math.cos(turn) * y - math.sin(turn) * x
        distance = np.hypot(along / (longer * radius), across * longer / radius)
        lobes = 0.35 * stage.smooth[rows, cols] + 0.12 * stage.fractal[rows, cols]
        spot = window.inside & (distance + lobes < 1.0)
        stage.canvas.flat(rows, cols, spot, stage.table.add(0, *looks))


def lattice(
    rng: np.random.Generator, zone: Zone, step: tuple[float, float], turn: float, wobble: float
) -> NDArray[np.float64]:
    """Points of the plan (n, 2) on a turned grid within a zone, each a little off its place."""
    width, depth = zone.size
    reach = math.hypot(width, depth) / 2
    a, b = np.meshgrid(np.arange(-reach, reach, step[0]), np.arange(-reach, reach, step[1]))
    a = a + rng.normal(0, wobble, a.shape)
    b = b + rng.normal(0, wobble, b.shape)
    u = math.cos(turn) * a - math.sin(turn) * b
    v = math.sin(turn) * a + math.cos(turn) * b
    keep = (np.abs(u) < width / 2) & (np.abs(v) < depth / 2)
    middle = zone.middle
    return np.stack([u[keep] + middle[0], v[keep] + middle[1]], axis=1)


def paint_orchard(stage: Stage, zone: Zone) -> None:
    """Fruit trees in rows over grass or soil; all of it woody, as `landshift.legend` has it."""
    rng = stage.rng
    window = stage.window(zone)
    if window is None:
        return
    soil = stage.local_soil()
    looks = [grass_look(rng, season, soil, weedy=True) for season in stage.seasons]
    floor = stage.table.add(WOODY, looks[0], looks[1])
    stage.canvas.flat(window.rows, window.cols, window.inside, floor)
    step = (rng.uniform(2.5, 5.5), rng.uniform(2.2, 4.5))
    radius = min(step) * rng.uniform(0.28, 0.6)
    turn = rng.normal(0, 0.06) + (math.pi / 2 if rng.random() < 0.5 else 0)
    if radius < 0.5 * stage.canvas.pixel_m:
        # too small to be set singly: as many pixels of crowns as they cover of the ground
        shaded = rng.random(window.inside.shape) < math.pi * radius**2 / math.prod(step)
        stage.canvas.flat(window.rows, window.cols, window.inside & shaded, stage.tree())
        return
    points = lattice(rng, zone.shrunk(radius), step, turn, rng.uniform(0.1, 0.6))
    points = points[rng.random(len(points)) < rng.uniform(0.8, 1.0)]
    crowns = [stage.tree(evergreen=bool(rng.random() < 0.5)) for _ in range(3)]
    height = rng.uniform(1.5, 3.5)
    for u, v in points:
        x, y = stage.plan.to_ground(u, v)
        size = radius * math.exp(rng.normal(0, 0.2))
        stage.plant(x, y, size, height, crowns[int(rng.integers(3))])
