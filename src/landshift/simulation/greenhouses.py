"""Greenhouses: single tunnels in blocks and multi-span houses, new and old film, bare frames."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from landshift.simulation.seasons import field_look, field_state
from landshift.simulation.spectra import Spectrum, draw, mix, spectrum, vary
from landshift.simulation.stage import Stage, Zone
from landshift.simulation.surfaces import CROPLAND, GREENHOUSE, Look

_FILMS = {
    "film_white": 3.0,
    "film_blue": 3.0,
    "film_grey": 3.0,
    "film_old": 1.5,
    "net_dark": 0.6,
    "net_green": 0.3,
}


def _inside(stage: Stage) -> Spectrum:
    """What grows below the film."""
    rng = stage.rng
    green = rng.random() < 0.65
    below = spectrum("crop_green") if green else stage.soil
    # Light passes the film twice, so what lies below is dim.
    dimmed = mix(stage.soil, below, rng.uniform(0.3, 1.0)) * np.float32(rng.uniform(0.45, 0.85))
    return dimmed.astype(np.float32)


def film_look(stage: Stage, film: str, heading: float) -> Look:
    """A covered greenhouse: film over plants, ribs across, dirt along."""
    rng = stage.rng
    cover = vary(rng, spectrum(film), 0.14, 0.04)
    dark = film.startswith("net")
    clear = rng.uniform(0.02, 0.12) if dark else rng.uniform(0.1, 0.5)
    return Look(
        ground=_inside(stage),
        canopy=cover,
        mean=1.0 - clear,
        row=rng.uniform(0.0, 0.16),
        period=rng.uniform(1.4, 3.2),
        heading=heading + math.pi / 2,
        streak=rng.uniform(0.02, 0.10),
        streak_period=rng.uniform(1.0, 3.0),
        patch=(0.04, rng.uniform(0.02, 0.10), rng.uniform(0.02, 0.08)),
        stain=(0.02, rng.uniform(0.01, 0.05), 0.02),
        streak_light=rng.uniform(0.01, 0.06),
        snow=0.35,
        wall=0.75,
        gloss=0.0 if dark else rng.uniform(0.0, 0.35),
    )


def _frame_look(stage: Stage, heading: float) -> Look:
    """Bare hoops over beds."""
    rng = stage.rng
    return Look(
        ground=mix(stage.soil, spectrum("crop_green"), rng.uniform(0.0, 0.7)),
        canopy=spectrum("frame"),
        mean=rng.uniform(0.15, 0.3),
        row=rng.uniform(0.15, 0.35),
        period=rng.uniform(1.0, 2.0),
        heading=heading + math.pi / 2,
        patch=(0.12, 0.12, 0.06),
        stain=(0.08, 0.05, 0.03),
    )


def _covers(
    stage: Stage, heading: float, count: int, films: dict[str, float]
) -> list[int]:
    """Surfaces of a block's greenhouses: mostly alike, on some dates without film."""
    rng = stage.rng
    film = draw(rng, films)
    surfaces = []
    frames = [rng.random() < 0.06, rng.random() < 0.06]
    for _ in range(count):
        own = film if rng.random() < 0.8 else draw(rng, films)
        looks = [film_look(stage, own, heading) for _ in (0, 1)]
        if rng.random() < 0.7:
            looks[1] = replace(looks[0], mean=min(looks[0].mean * rng.uniform(0.9, 1.08), 1.0))
        for date in (0, 1):
            if frames[date] or rng.random() < 0.04:
                looks[date] = _frame_look(stage, heading)
        surfaces.append(stage.table.add(GREENHOUSE, looks[0], looks[1]))
    return surfaces


def _beds(stage: Stage, zone: Zone, heading: float) -> None:
    """The ground on which a block of greenhouses stands."""
    window = stage.window(zone)
    if window is None:
        return
    rng = stage.rng
    looks = [
        field_look(rng, field_state(rng, "vegetable", season), stage.soil, heading, season)
        for season in stage.seasons
    ]
    ground = stage.table.add(CROPLAND, looks[0], looks[1])
    stage.canvas.flat(window.rows, window.cols, window.inside, ground)


def tunnel(
    stage: Stage, x: float, y: float, heading: float, size: tuple[float, float], surface: int
) -> None:
    """Set one tunnel: a half cylinder of film, ``size`` long and wide in metres."""
    length, width = size
    patch = stage.canvas.patch(x, y, heading, length, width)
    if patch is None:
        return
    half = width / 2
    inside = (np.abs(patch.along) <= length / 2) & (np.abs(patch.across) <= half)
    part = np.clip(patch.across / np.float32(half), -0.94, 0.94)
    top = np.float32(0.36 * width)
    arch = np.sqrt(1 - part**2)
    # Film scatters light, so a tunnel looks flatter than it is.
    slope = -0.72 * stage.rng.uniform(0.2, 0.75) * part / arch
    stage.canvas.solid(patch, inside, heading, surface, top * arch, 0.0, slope)


def set_coarsely(
    stage: Stage,
    zone: Zone,
    lot: tuple[float, float],
    house: tuple[float, float],
    surfaces: list[int],
) -> None:
    """Many tunnels at once, for pixels too coarse to show their roundness."""
    window = stage.window(zone)
    if window is None:
        return
    column = np.maximum(window.u / np.float32(lot[0]), 0).astype(np.intp)
    line = np.maximum(window.v / np.float32(lot[1]), 0).astype(np.intp)
    a = np.abs(window.u / np.float32(lot[0]) - column - 0.5) * np.float32(lot[0])
    b = np.abs(window.v / np.float32(lot[1]) - line - 0.5) * np.float32(lot[1])
    shape = (int(line.max()) + 1, int(column.max()) + 1)
    chosen = stage.rng.choice(surfaces, shape).astype(np.int32)[line, column]
    where = window.inside & (a < house[0] / 2) & (b < house[1] / 2)
    stage.canvas.flat(window.rows, window.cols, where, chosen, 2.5)


def paint_tunnels(stage: Stage, zone: Zone, films: dict[str, float] | None = None) -> None:
    """A block of single tunnels, one beside the other, of films drawn from ``films``."""
    rng = stage.rng
    across_u = rng.random() < 0.5
    middle = zone.middle
    heading = stage.plan.heading_at(*middle) + (0.0 if across_u else math.pi / 2)
    _beds(stage, zone, heading)
    run, span = zone.size if across_u else zone.size[::-1]
    width = rng.uniform(5.5, 10.0)
    gap = rng.uniform(0.6, 2.2)
    ranks = max(1, round(run / rng.uniform(45, 100)))
    length = min(run / ranks - rng.uniform(1.5, 5.0), 110.0)
    count = int((span - 2.0) // (width + gap))
    if length < 8 or count < 1:
        return
    surfaces = _covers(stage, heading, min(count * ranks, 8), films or _FILMS)
    missing = rng.uniform(0.0, 0.12)
    if stage.canvas.pixel_m > 1.2:
        lot = (run / ranks, width + gap) if across_u else (width + gap, run / ranks)
        house = (length, width) if across_u else (width, length)
        set_coarsely(stage, zone, lot, house, surfaces)
        return
    for rank in range(ranks):
        for k in range(count):
            if rng.random() < missing:
                continue
            a = (rank + 0.5) * run / ranks
            b = 1.0 + (k + 0.5) * (width + gap)
            u, v = (zone.u0 + a, zone.v0 + b) if across_u else (zone.u0 + b, zone.v0 + a)
            if not stage.in_sight(u, v, 60.0):
                continue
            x, y = stage.plan.to_ground(u, v)
            own = surfaces[int(rng.integers(len(surfaces)))]
            tunnel(stage, x, y, heading, (length * rng.uniform(0.97, 1.0), width), own)


def _span_surfaces(stage: Stage, heading: float) -> tuple[list[int], list[float]]:
    """Strips across one span of a big greenhouse, and where each ends (share of the span)."""
    rng = stage.rng
    film = draw(rng, {"film_white": 2.0, "film_blue": 4.0, "film_grey": 3.0, "film_old": 1.0,
                      "net_dark": 0.4})
    looks = [film_look(stage, film, heading)]
    looks.append(replace(looks[0], mean=looks[0].mean * rng.uniform(0.9, 1.05)))
    if rng.random() < 0.05:
        looks[1] = _frame_look(stage, heading)
    plain = stage.table.add(GREENHOUSE, looks[0], looks[1])

    def shade(factor: float, canopy: str | None = None) -> int:
        """The film again, thinner or of another stuff."""
        other = [
            replace(
                look,
                mean=min(look.mean * factor, 1.0),
                canopy=look.canopy if canopy is None else spectrum(canopy),
            )
            for look in looks
        ]
        return stage.table.add(GREENHOUSE, other[0], other[1])

    bright, thin = shade(1.6, "film_white"), shade(rng.uniform(0.3, 0.85))
    gutter = shade(rng.uniform(0.2, 1.0), "film_old" if rng.random() < 0.6 else "film_white")
    vent = shade(rng.uniform(0.2, 0.6))
    share = rng.uniform(0.04, 0.12)
    opening = rng.uniform(0.05, 0.2)
    return (
        [gutter, plain, bright, thin, plain, vent, plain],
        [share, 0.3, 0.3 + share, 0.5, 0.62, 0.62 + opening, 1.0],
    )


def multispan(
    stage: Stage, x: float, y: float, heading: float, size: tuple[float, float], skew: float
) -> None:
    """A big greenhouse of many ridges side by side; ``skew`` slants its ends."""
    rng = stage.rng
    length, width = size
    patch = stage.canvas.patch(x, y, heading, length * (1 + abs(skew)) + 2, width + 2)
    if patch is None:
        return
    half_w = width / 2
    tilt = patch.along - np.float32(skew) * patch.across
    inside = (np.abs(patch.across) <= half_w) & (np.abs(tilt) <= length / 2)
    if skew != 0.0 and rng.random() < 0.6:
        inside &= (patch.along + np.float32(2 * skew) * patch.across) <= length / 2
    span = rng.uniform(6.0, 9.0)
    place = (patch.across + np.float32(half_w)) / np.float32(span)
    share = place - np.floor(place)
    surfaces, ends = _span_surfaces(stage, heading)
    strip = np.searchsorted(np.asarray(ends, np.float32), share)
    surface = np.asarray(surfaces, np.int32)[np.clip(strip, 0, len(surfaces) - 1)]
    edge = np.minimum(half_w - np.abs(patch.across), length / 2 - np.abs(tilt))
    surface[edge < rng.uniform(0.3, 0.9)] = surfaces[int(rng.choice([0, 2]))]
    lift = np.float32(rng.uniform(0.04, 0.32))
    slope = np.where(share < 0.5, lift, -lift).astype(np.float32)
    height = np.float32(3.2) + lift * np.float32(span) * (0.5 - np.abs(share - 0.5))
    stage.canvas.solid(patch, inside, heading, surface, height, 0.0, slope)


def paint_multispan(stage: Stage, zone: Zone) -> None:
    """Big greenhouses that fill a zone."""
    rng = stage.rng
    heading = stage.plan.heading_at(*zone.middle) + (0.0 if rng.random() < 0.5 else math.pi / 2)
    turned = abs(math.sin(heading - stage.plan.heading)) > 0.7
    run, span = zone.size[::-1] if turned else zone.size
    _beds(stage, zone, heading)
    parts = max(1, round(span / rng.uniform(40, 90)))
    skew = rng.uniform(-0.5, 0.5) if rng.random() < 0.35 else 0.0
    for part in range(parts):
        if rng.random() < 0.08:
            continue
        offset = (part + 0.5) * span / parts - span / 2
        along = rng.uniform(0.7, 1.0) * (run - 4) / (1 + abs(skew))
        width = span / parts - rng.uniform(1.0, 5.0)
        if along < 12 or width < 8:
            continue
        u, v = zone.middle
        u, v = (u + offset, v) if turned else (u, v + offset)
        x, y = stage.plan.to_ground(u, v)
        multispan(stage, x, y, heading + rng.normal(0, 0.01), (along, width), skew)
