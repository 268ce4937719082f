"""Woods, grass, waste ground, ponds and rivers."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from landshift.simulation.canvas import BoolArray, FloatArray
from landshift.simulation.farmland import bald_spots, lattice, paint_prairie
from landshift.simulation.seasons import grass_look, water_look
from landshift.simulation.settlements import lay, plan_box
from landshift.simulation.spectra import mix, spectrum, vary
from landshift.simulation.stage import Stage, Zone, ZoneWindow
from landshift.simulation.surfaces import BARE, HERBACEOUS, WATER, WOODY, Look


def _ground_points(stage: Stage, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ground positions of plan points, both (n, 2)."""
    ground = [stage.plan.to_ground(u, v) for u, v in points]
    return np.asarray(ground, dtype=float).reshape(-1, 2)


def wood_floor(stage: Stage, rows: slice, cols: slice, where: BoolArray) -> None:
    """Closed canopy as a rough surface, for crowns too small or too many to set singly."""
    rng = stage.rng
    kinds = np.asarray([stage.tree() for _ in range(4)], np.int32)
    rough = stage.rough[rows, cols]
    choice = np.clip((stage.fractal[rows, cols] * 1.2 + 0.5 * rough + 2), 0, 3).astype(np.intp)
    canvas = stage.canvas
    canvas.surface[rows, cols][where] = kinds[choice][where]
    tall = rng.uniform(5, 12)
    canvas.height[rows, cols][where] = (tall * (1 + 0.18 * np.clip(rough, -2, 2)))[where]
    canvas.slope_x[rows, cols][where] = (0.6 * rough)[where]
    canvas.slope_y[rows, cols][where] = (0.6 * np.roll(rough, 7, axis=0))[where]


def paint_wood(stage: Stage, zone: Zone) -> None:
    """A wood: crown by crown where pixels are fine."""
    rng = stage.rng
    window = stage.window(zone)
    if window is None:
        return
    edge = np.minimum.reduce(
        [window.u, window.v, zone.size[0] - window.u, zone.size[1] - window.v]
    )
    ragged = window.inside & (edge > 3 + 4 * stage.fractal[window.rows, window.cols])
    lay(stage, zone, stage.grass())
    if stage.canvas.pixel_m > 1.1 or rng.random() < 0.25:
        wood_floor(stage, window.rows, window.cols, ragged)
        return
    floor = stage.table.add(WOODY, *[grass_look(rng, s, stage.soil) for s in stage.seasons])
    stage.canvas.flat(window.rows, window.cols, ragged, floor)
    radius = rng.uniform(1.6, 3.8)
    step = radius * rng.uniform(1.2, 1.9)
    points = lattice(rng, zone.shrunk(3.0), (step, step), rng.uniform(0, 1.5), 0.35 * step)
    stage.trees(_ground_points(stage, points), radius, rng.uniform(5, 13))


def paint_savanna(stage: Stage, zone: Zone) -> None:
    """Grass with trees, from a few to many, in clumps."""
    rng = stage.rng
    lay(stage, zone, stage.grass())
    worn(stage, zone, stage.bare(0.1), rng.uniform(0.9, 2.5))
    density = float(np.exp(rng.uniform(np.log(0.0004), np.log(0.03))))
    coarse = stage.canvas.pixel_m > 1.6
    count = int(min(zone.size[0] * zone.size[1] * density, 200 if coarse else 2200))
    if coarse and density > 0.004:
        window = stage.window(zone)
        if window is not None:
            clump = stage.fractal[window.rows, window.cols] > rng.uniform(0.3, 1.2)
            wood_floor(stage, window.rows, window.cols, window.inside & clump)
        return
    points = np.stack(
        [rng.uniform(zone.u0, zone.u1, count), rng.uniform(zone.v0, zone.v1, count)], axis=1
    )
    ground = _ground_points(stage, points)
    canvas, rows, cols = stage.canvas, *stage.canvas.surface.shape
    row = np.clip((ground[:, 1] / canvas.pixel_m).astype(int), 0, rows - 1)
    col = np.clip((ground[:, 0] / canvas.pixel_m).astype(int), 0, cols - 1)
    kept = ground[stage.fractal[row, col] > rng.uniform(-1.5, 0.8)]
    radius = rng.uniform(1.2, 3.2)
    if not coarse and rng.random() < 0.5:
        # Oaks and junipers grow in clumps of several crowns.
        kept = np.repeat(kept, rng.integers(1, 5, len(kept)), axis=0)[:2500]
        kept = kept + rng.normal(0, radius, kept.shape)
    stage.trees(kept, radius, rng.uniform(2.5, 7))


def worn(stage: Stage, zone: Zone, surface: int, level: float) -> None:
    """Lay a surface where the noise of the place exceeds ``level``, raggedly."""
    window = stage.window(zone)
    if window is None:
        return
    noise = 0.85 * stage.smooth[window.rows, window.cols]
    noise = noise + 0.4 * stage.fractal[window.rows, window.cols]
    stage.canvas.flat(window.rows, window.cols, window.inside & (noise > level), surface)


def track(
    stage: Stage,
    points: list[tuple[float, float]],
    width: float,
    surface: int,
    ruts: bool = False,
) -> None:
    """A way along plan points; with ``ruts``, only the two wheel marks."""
    offsets = (-0.85, 0.85) if ruts else (0.0,)
    wide = 0.45 if ruts else width
    ground = [stage.plan.to_ground(u, v) for u, v in points]
    for (x0, y0), (x1, y1) in pairwise(ground):
        heading = math.atan2(y1 - y0, x1 - x0)
        length = math.hypot(x1 - x0, y1 - y0) + 0.5 * wide
        for offset in offsets:
            x = (x0 + x1) / 2 - math.sin(heading) * offset
            y = (y0 + y1) / 2 + math.cos(heading) * offset
            stage.canvas.box(x, y, heading, length, wide, surface)


def wander(rng: np.random.Generator, zone: Zone, steps: int) -> list[tuple[float, float]]:
    """A way through a zone that turns a little at every step; plan points."""
    u, v = rng.uniform(zone.u0, zone.u1), rng.uniform(zone.v0, zone.v1)
    course = rng.uniform(0, 2 * math.pi)
    stride = max(zone.size) / steps * 1.3
    points = [(u, v)]
    for _ in range(steps):
        course += rng.normal(0, 0.35)
        u = float(np.clip(u + stride * math.cos(course), zone.u0, zone.u1))
        v = float(np.clip(v + stride * math.sin(course), zone.v0, zone.v1))
        points.append((u, v))
    return points


def heap(stage: Stage, u: float, v: float, radius: float, surface: int) -> None:
    """A spoil heap: rough, and lit on one side."""
    x, y = stage.plan.to_ground(u, v)
    patch = stage.canvas.patch(x, y, 0.0, 2 * radius, 2 * radius)
    if patch is None:
        return
    noise = stage.rough[patch.rows, patch.cols]
    ratio = (patch.along**2 + patch.across**2) / np.float32(radius**2) * (1 + 0.3 * noise)
    tall = np.float32(radius * 0.35)
    rise = -2 * tall / np.float32(radius**2)
    stage.canvas.solid(
        patch,
        ratio < 1,
        0.0,
        surface,
        tall * np.clip(1 - ratio, 0, 1),
        rise * patch.along + 0.15 * noise,
        rise * patch.across - 0.15 * noise,
    )


def lay_ragged(stage: Stage, zone: Zone, surface: int, stray_m: float) -> None:
    """Cover a zone whose edge strays by about so many metres."""
    window = stage.window(zone)
    if window is None:
        return
    width, depth = zone.size
    edge = np.minimum.reduce([window.u, window.v, width - window.u, depth - window.v])
    stray = 1.0 + stage.smooth[window.rows, window.cols]
    stray = stray + 0.4 * stage.fractal[window.rows, window.cols]
    inside = window.inside & (edge > np.float32(stray_m) * stray)
    stage.canvas.flat(window.rows, window.cols, inside, surface)


def paint_cleared(stage: Stage, zone: Zone) -> None:
    """Ground stripped by machines: rough, driven over, with spoil; never rowed."""
    rng = stage.rng
    base, other = stage.bare(0.1), stage.bare(0.2)
    lay_ragged(stage, zone, base, rng.exponential(1.5))
    worn(stage, zone, other, rng.uniform(0.2, 1.4))
    if rng.random() < 0.4:
        worn(stage, zone, stage.grass(), rng.uniform(1.2, 2.4))
    fine = stage.canvas.pixel_m <= 1.2
    dark = stage.table.add(
        BARE, Look(ground=(stage.soil * np.float32(rng.uniform(0.55, 0.9))), stain=(0.1, 0.1, 0.05))
    )
    for _ in range(int(rng.integers(2, 8)) if fine else 0):
        points = wander(rng, zone, int(rng.integers(6, 16)))
        soil = dark if rng.random() < 0.6 else other
        track(stage, points, 3.0, soil, ruts=bool(rng.random() < 0.7))
    area = zone.size[0] * zone.size[1]
    for _ in range(int(rng.poisson(min(area / 700.0, 25.0) * rng.random()))):
        u, v = rng.uniform(zone.u0, zone.u1), rng.uniform(zone.v0, zone.v1)
        heap(stage, u, v, rng.uniform(1.5, 6.0), stage.bare(0.2))


def paint_waste(stage: Stage, zone: Zone) -> None:
    """Idle land: bare in places, overgrown in others."""
    rng = stage.rng
    if rng.random() < 0.5:
        paint_cleared(stage, zone)
    else:
        lay(stage, zone, stage.grass())
        worn(stage, zone, stage.bare(0.1), rng.uniform(0.3, 1.5))
        path = stage.bare(0.1)
        for _ in range(int(rng.integers(1, 4))):
            track(stage, wander(rng, zone, 10), rng.uniform(1.0, 2.5), path)
    if rng.random() < 0.4:
        worn(stage, zone, stage.grass(), rng.uniform(0.6, 1.6))
    if rng.random() < 0.3:
        count = int(rng.integers(1, 30))
        points = np.stack(
            [rng.uniform(zone.u0, zone.u1, count), rng.uniform(zone.v0, zone.v1, count)], axis=1
        )
        stage.trees(_ground_points(stage, points), rng.uniform(0.8, 2.0), 2.5)


def paint_grass(stage: Stage, zone: Zone) -> None:
    """Meadow or scrub."""
    rng = stage.rng
    lay(stage, zone, stage.grass())
    worn(stage, zone, stage.grass(), rng.uniform(-0.2, 1.0))
    if rng.random() < 0.4:
        worn(stage, zone, stage.bare(0.1), rng.uniform(1.2, 2.5))


def _basin(
    stage: Stage, zone: Zone, window: ZoneWindow, rough: float
) -> tuple[FloatArray, FloatArray]:
    """Squared distance from the middle of a zone, 1 at its sides, and the noise of the place."""
    width, depth = zone.size
    a = (window.u - width / 2) / (width / 2)
    b = (window.v - depth / 2) / (depth / 2)
    noise = stage.smooth[window.rows, window.cols]
    return a**2 + b**2, noise + rough * stage.fractal[window.rows, window.cols]


def paint_pond(stage: Stage, zone: Zone) -> None:
    """A pond with a soft bank."""
    window = stage.window(zone)
    if window is None:
        return
    rng = stage.rng
    lay(stage, zone, stage.grass())
    distance, noise = _basin(stage, zone, window, 0.25)
    ratio = distance + 0.2 * noise
    bank = stage.bare(0.1)
    stage.canvas.flat(window.rows, window.cols, window.inside & (ratio < 0.8), bank)
    water = stage.water()
    level = rng.uniform(0.45, 0.75)
    stage.canvas.flat(window.rows, window.cols, window.inside & (ratio < level), water)


def paint_lake(stage: Stage, zone: Zone) -> None:
    """Natural water whose level differs between the dates, with pale, muddy or weedy shores.

    What falls dry is of no known class, and no lasting change.
    """
    window = stage.window(zone)
    if window is None:
        return
    rng = stage.rng
    if rng.random() < 0.5:  # ploughed to the water, with bald ground beside it
        paint_prairie(stage, zone)
        bald_spots(stage, zone)
    else:
        lay(stage, zone, stage.grass())
    distance, noise = _basin(stage, zone, window, 0.3)
    ratio = rng.uniform(1.5, 4.0) * distance / 4 + rng.uniform(0.3, 0.6) * noise
    levels = rng.uniform(0, 4, 2)
    waters = [water_look(rng, season) for season in stage.seasons]
    shore = str(rng.choice(["soil_pale", "concrete_pale", "mud", "weeds", "stubble"]))
    inside, high = window.inside, rng.uniform(0.3, 0.6)
    step = rng.uniform(0.02, 0.12)
    for ring in (3, 2, 1, 0):  # from the shore that floods last inward
        dry = Look(
            ground=vary(rng, mix(spectrum(shore), stage.soil, rng.uniform(0, 0.6)), 0.25, 0.06),
            patch=(0.1, 0.2, 0.1), stain=(0.06, 0.1, 0.06),
        )  # fmt: skip
        looks = [water if level > ring else dry
                 for water, level in zip(waters, levels, strict=True)]  # fmt: skip
        surface = stage.table.add(0, *looks)
        stage.canvas.flat(
            window.rows, window.cols, inside & (ratio < high - (3 - ring) * step), surface
        )
    water = stage.table.add(WATER, *waters)
    stage.canvas.flat(window.rows, window.cols, inside & (ratio < high - 4 * step), water)


def paint_fish_ponds(stage: Stage, zone: Zone) -> None:
    """Rectangular ponds between dykes."""
    rng = stage.rng
    lay(stage, zone, stage.bare(0.1) if rng.random() < 0.5 else stage.paved("concrete"))
    if rng.random() < 0.5:
        worn(stage, zone, stage.grass(), rng.uniform(0.0, 1.0))
    step = (rng.uniform(30, 70), rng.uniform(25, 60))
    dyke = rng.uniform(2, 6)
    for i in range(max(1, int(zone.size[0] // step[0]))):
        for j in range(max(1, int(zone.size[1] // step[1]))):
            u, v = zone.u0 + (i + 0.5) * step[0], zone.v0 + (j + 0.5) * step[1]
            plan_box(stage, u, v, (step[0] - dyke, step[1] - dyke), stage.water())


def paint_river(stage: Stage, across_v: float, width: float) -> None:
    """A river along the plan's u axis, wandering about ``v = across_v``."""
    rng = stage.rng
    length = rng.uniform(150, 500)
    swing = rng.uniform(0.05, 0.25) * length
    phase = rng.uniform(0, 2 * math.pi)
    middle = across_v + swing * np.sin(stage.u * np.float32(2 * math.pi / length) + phase)
    distance = np.abs(stage.v - middle + 1.5 * stage.fractal)
    rows, cols = slice(0, stage.u.shape[0]), slice(0, stage.u.shape[1])
    stage.canvas.flat(rows, cols, distance < width * 0.5 + rng.uniform(4, 14), stage.grass())
    bank = width * rng.uniform(0.5, 0.7)
    noise = 4 * stage.smooth + 2 * stage.fractal
    stage.canvas.flat(rows, cols, distance + 0.4 * noise < bank, stage.bare(0.1))
    stage.canvas.flat(rows, cols, distance < width * 0.5 * rng.uniform(0.6, 1.0), stage.water())


def hill_wood(stage: Stage, level: float, kept: list[Zone]) -> None:
    """Cover the high ground of the scene with wood, sparing the zones ``kept``."""
    shape = (stage.u.shape[0], stage.u.shape[1])
    rng = stage.rng
    pixel = stage.canvas.pixel_m
    size = min(0.8 * max(shape), 900.0 / pixel)
    row = (np.arange(shape[0], dtype=np.float32) / size)[:, None]
    col = (np.arange(shape[1], dtype=np.float32) / size)[None, :]
    wave = 0.35 * stage.smooth + 0.12 * stage.fractal
    for _ in range(2):
        angle, phase, rate = rng.uniform(0, 2 * math.pi, 3)
        number = (0.5 + rate / 8) * 2 * math.pi
        wave = wave + 0.6 * np.sin(number * (math.cos(angle) * row + math.sin(angle) * col) + phase)
    where = np.asarray(wave > level)
    for zone in kept:
        window = stage.window(zone)
        if window is not None:
            where[window.rows, window.cols] &= ~window.inside
    whole = slice(0, shape[0]), slice(0, shape[1])
    if pixel > 0.7:
        wood_floor(stage, *whole, where)
        return
    floor = stage.table.add(WOODY, *[grass_look(rng, s, stage.soil) for s in stage.seasons])
    stage.canvas.flat(*whole, where, floor)
    radius = rng.uniform(1.6, 3.4)
    step = radius * 1.45 / pixel
    rows, cols = np.meshgrid(np.arange(0, shape[0], step), np.arange(0, shape[1], step))
    points = np.stack([cols.ravel(), rows.ravel()], axis=1)
    points += rng.normal(0, 0.35 * step, points.shape)
    index = np.clip(points.astype(int), 0, np.asarray(shape)[::-1] - 1)
    chosen = where[index[:, 1], index[:, 0]]
    stage.trees(points[chosen] * pixel, radius, rng.uniform(5, 12))


def herb_strip(stage: Stage) -> int:
    """A grass verge of its own, for road sides and ditches."""
    looks = [grass_look(stage.rng, s, stage.local_soil(), weedy=True) for s in stage.seasons]
    return stage.table.add(HERBACEOUS, looks[0], looks[1])
