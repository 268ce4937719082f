"""What a date makes of fields, grass, trees and water."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from landshift.simulation.spectra import Spectrum, draw, mix, spectrum, vary
from landshift.simulation.surfaces import Look


@dataclass(frozen=True)
class Season:
    """The state of the growing year on one date."""

    day: int
    """Day of the year, 1 to 365."""
    green: float
    """How green grass is, 0 to 1."""
    leaf: float
    """How far deciduous trees are in leaf, 0 to 1."""
    snow: float
    """Share of open ground under snow."""


def _rise(day: float, start: float, end: float) -> float:
    share = min(max((day - start) / (end - start), 0.0), 1.0)
    return share * share * (3 - 2 * share)


def season_of(rng: np.random.Generator, day: int, mildness: float = 0.0) -> Season:
    """The season on a day; ``mildness`` (0 to 1) keeps winters green and free of snow."""
    late = rng.normal(0.0, 8.0)
    grown = _rise(day, 95 + late, 150 + late) * (1 - _rise(day, 255 + late, 312 + late))
    leaf = _rise(day, 105 + late, 140 + late) * (1 - _rise(day, 275 + late, 318 + late))
    drought = rng.beta(1.2, 4.0)
    green = max(grown * (1 - drought), mildness * rng.uniform(0.2, 0.9))
    winter = day < 70 or day > 335
    snowy = winter and rng.random() < 0.15 * (1 - mildness)
    snow = float(rng.beta(2.0, 1.2)) if snowy else 0.0
    return Season(day, green, max(leaf, 0.6 * mildness), snow)


_STATES: dict[str, tuple[tuple[int, dict[str, float]], ...]] = {
    "paddy": (
        (105, {"stubble": 5, "ploughed": 3, "wet": 1, "harrowed": 2}),
        (135, {"flooded": 4, "ploughed": 4, "wet": 2, "stubble": 1}),
        (170, {"flooded": 5, "seedling": 4, "green": 2}),
        (245, {"green": 9, "seedling": 1}),
        (285, {"ripe": 6, "green": 3, "stubble": 2}),
        (366, {"stubble": 8, "ploughed": 2, "harrowed": 1}),
    ),
    "dry": (
        (105, {"ploughed": 4, "harrowed": 4, "stubble": 3, "green": 1, "fallow": 1.5}),
        (160, {"harrowed": 4, "seedling": 5, "mulched": 0.7, "green": 2, "ploughed": 1}),
        (240, {"green": 7, "seedling": 2, "harrowed": 1.5, "ripe": 1, "fallow": 1}),
        (290, {"ripe": 4, "green": 3, "stubble": 4, "harrowed": 2, "ploughed": 1}),
        (366, {"stubble": 4, "ploughed": 3, "harrowed": 4, "green": 1, "fallow": 1.5}),
    ),
    "cereal": (
        (105, {"ploughed": 4, "harrowed": 4, "stubble": 3}),
        (160, {"harrowed": 3, "seedling": 5, "green": 3}),
        (240, {"green": 8, "seedling": 1, "ripe": 1}),
        (290, {"ripe": 4, "green": 3, "stubble": 4, "harrowed": 1}),
        (366, {"stubble": 4, "ploughed": 3, "harrowed": 4}),
    ),
    "vegetable": (
        (100, {"harrowed": 5, "mulched": 1, "green": 1, "seedling": 1, "fallow": 1}),
        (290, {"green": 5, "seedling": 4, "harrowed": 2, "mulched": 0.7, "dark": 2, "ripe": 1}),
        (366, {"harrowed": 4, "seedling": 2, "green": 2, "stubble": 1, "fallow": 1}),
    ),
    "tall": (
        (120, {"harrowed": 4, "ploughed": 3, "stubble": 2, "tall": 0.7}),
        (170, {"seedling": 4, "harrowed": 2, "tall": 2, "mulched": 1}),
        (285, {"tall": 8, "green": 1, "ripe": 0.5}),
        (366, {"stubble": 4, "harrowed": 3, "ploughed": 2, "tall": 0.7}),
    ),
}


def field_state(rng: np.random.Generator, crop: str, season: Season) -> str:
    """What a field of a crop (a key of `_STATES`) carries in a season."""
    for last_day, weights in _STATES[crop]:
        if season.day < last_day:
            return draw(rng, weights)
    return "stubble"


def _bare_field(
    rng: np.random.Generator, state: str, soil: Spectrum, heading: float
) -> Look:
    rough = {"ploughed": 0.16, "harrowed": 0.06, "wet": 0.08, "stubble": 0.07}[state]
    tone = {"ploughed": 0.82, "harrowed": 1.05, "wet": 0.62, "stubble": 1.0}[state]
    if state in ("harrowed", "ploughed") and rng.random() < 0.3:  # dry crumbs are pale
        soil = mix(soil, spectrum("soil_pale"), rng.uniform(0.1, 0.7))
    ground = soil * np.float32(tone)
    cover = mix(soil * np.float32(0.75), spectrum("stubble"), rng.uniform(0.0, 0.5))
    if state == "stubble":
        cover = vary(rng, mix(spectrum("straw"), spectrum("stubble"), rng.random()), 0.15)
    if state in ("harrowed", "wet") and rng.random() < 0.5:
        return _rolled_field(rng, soil * np.float32(tone), heading)
    return Look(
        ground=ground.astype(np.float32),
        canopy=cover.astype(np.float32),
        mean=rng.uniform(0.3, 0.8) if state == "stubble" else rng.uniform(0.1, 0.5),
        row=rng.uniform(0.0, 0.3) if rng.random() < 0.7 else 0.0,
        period=rng.uniform(0.7, 2.2),
        heading=heading,
        streak=rng.uniform(0.05, 0.25) if rng.random() < 0.75 else 0.0,
        streak_period=rng.uniform(1.0, 6.0),
        patch=(0.15, rng.uniform(0.04, 0.16), rng.uniform(0.02, 0.3)),
        stain=(rough * rng.uniform(0.3, 1.1), rng.uniform(0.01, 0.05), rng.uniform(0.01, 0.15)),
        streak_light=rng.uniform(0.01, 0.09),
    )


def _rolled_field(rng: np.random.Generator, soil: Spectrum, heading: float) -> Look:
    """Soil as smooth as a roof: no rows, faint passes of the machine, broad damp and dry parts."""
    if rng.random() < 0.5:
        soil = mix(soil, spectrum("soil_pale"), rng.uniform(0.2, 0.9))
    passes = rng.random() < 0.6
    return Look(
        ground=soil.astype(np.float32),
        canopy=(soil * np.float32(rng.uniform(0.7, 0.95))).astype(np.float32),
        mean=rng.uniform(0.0, 0.3),
        heading=heading,
        patch=(rng.uniform(0.0, 0.03), rng.uniform(0.0, 0.12), rng.uniform(0.05, 0.35)),
        stain=(rng.uniform(0.005, 0.03), rng.uniform(0.005, 0.04), rng.uniform(0.02, 0.16)),
        streak_light=rng.uniform(0.005, 0.04) if passes else 0.0,
        streak_period=float(np.exp(rng.uniform(np.log(1.5), np.log(12.0)))),
    )


def _closed_field(rng: np.random.Generator, crop: Spectrum, soil: Spectrum, heading: float) -> Look:
    """A crop closed over the soil: one even green, as dark and as smooth as a pond."""
    return Look(
        ground=soil,
        canopy=crop,
        mean=rng.uniform(0.93, 1.0),
        heading=heading,
        patch=(rng.uniform(0.0, 0.04), rng.uniform(0.0, 0.05), rng.uniform(0.0, 0.06)),
        stain=(rng.uniform(0.01, 0.06), rng.uniform(0.01, 0.04), rng.uniform(0.01, 0.08)),
        streak_light=rng.uniform(0.0, 0.04) if rng.random() < 0.6 else 0.0,
        streak_period=float(np.exp(rng.uniform(np.log(1.0), np.log(8.0)))),
    )


def _tall_field(rng: np.random.Generator, soil: Spectrum, heading: float) -> Look:
    """Maize, cotton, tobacco, mulberry, tea: as dark and rough as a wood, but in rows and with no
    lumps as large as crowns. Between the rows they shade themselves."""
    leaves = str(rng.choice(["crop_dark", "crop_green", "tree"], p=[0.5, 0.3, 0.2]))
    canopy = vary(rng, spectrum(leaves), 0.22, 0.10)
    shade = mix(soil, canopy, rng.uniform(0.3, 0.8)) * np.float32(rng.uniform(0.3, 0.8))
    return Look(
        ground=shade.astype(np.float32),
        canopy=canopy,
        mean=rng.uniform(0.5, 0.95),
        row=rng.uniform(0.1, 0.6),
        period=float(np.exp(rng.uniform(np.log(0.6), np.log(2.2)))),
        heading=heading,
        along=rng.uniform(0.1, 0.4) if rng.random() < 0.6 else 0.0,
        along_period=rng.uniform(0.5, 2.5),
        streak=rng.uniform(0.0, 0.15),
        streak_period=rng.uniform(1.0, 7.0),
        patch=(rng.uniform(0.08, 0.35), rng.uniform(0.03, 0.15), rng.uniform(0.02, 0.15)),
        stain=(rng.uniform(0.1, 0.4), rng.uniform(0.03, 0.08), rng.uniform(0.02, 0.10)),
        streak_light=rng.uniform(0.0, 0.08),
    )


def _grown_field(
    rng: np.random.Generator, state: str, soil: Spectrum, heading: float
) -> Look:
    crop = {"ripe": "crop_ripe", "dark": "crop_dark"}.get(state, "crop_green")
    if crop == "crop_green" and rng.random() < 0.35:
        crop = str(rng.choice(["crop_bright", "crop_dark", "grass"]))
    if state != "seedling" and rng.random() < 0.25:
        return _closed_field(rng, vary(rng, spectrum(crop), 0.25, 0.10), soil, heading)
    share = rng.uniform(0.12, 0.5) if state == "seedling" else rng.uniform(0.65, 1.0)
    return Look(
        ground=soil,
        canopy=vary(rng, spectrum(crop), 0.18, 0.10),
        mean=share,
        row=rng.uniform(0.05, 0.45) * (1.0 if rng.random() < 0.75 else 0.2),
        period=float(np.exp(rng.uniform(np.log(0.6), np.log(2.8)))),
        heading=heading,
        along=rng.uniform(0.0, 0.25) if rng.random() < 0.3 else 0.0,
        along_period=rng.uniform(0.6, 2.0),
        streak=rng.uniform(0.02, 0.18),
        streak_period=rng.uniform(1.0, 7.0),
        patch=(rng.uniform(0.05, 0.25), rng.uniform(0.04, 0.14), rng.uniform(0.02, 0.12)),
        stain=(rng.uniform(0.06, 0.18), 0.05, rng.uniform(0.02, 0.07)),
        streak_light=rng.uniform(0.0, 0.06),
    )


def field_look(
    rng: np.random.Generator, state: str, soil: Spectrum, heading: float, season: Season
) -> Look:
    """A field in one of its states, with rows along ``heading`` (radians)."""
    soil = vary(rng, soil, 0.10, 0.03)
    if state in ("ploughed", "harrowed", "wet", "stubble"):
        return _bare_field(rng, state, soil, heading)
    if state == "flooded":
        water = mix(spectrum("water_turbid"), spectrum("water_green"), rng.random())
        return Look(
            ground=mix(water, soil, rng.uniform(0.1, 0.5)),
            canopy=spectrum("crop_bright"),
            mean=rng.uniform(0.0, 0.25),
            patch=(0.05, 0.08, 0.06),
            stain=(0.02, 0.05, 0.06),
            snow=0.6,
        )
    if state == "fallow":
        return grass_look(rng, season, soil, weedy=True)
    if state == "mulched":
        film = "mulch" if rng.random() < 0.6 else "net_dark"
        return Look(
            ground=soil,
            canopy=vary(rng, spectrum(film), 0.2),
            mean=rng.uniform(0.35, 0.6),
            row=rng.uniform(0.4, 0.7),
            period=rng.uniform(1.1, 2.4),
            heading=heading,
            streak=0.12,
            streak_period=rng.uniform(2.0, 8.0),
            patch=(0.1, 0.08, 0.05),
            stain=(0.08, 0.04, 0.04),
        )
    if state == "tall":
        return _tall_field(rng, soil, heading)
    return _grown_field(rng, state, soil, heading)


def grass_look(
    rng: np.random.Generator, season: Season, soil: Spectrum, weedy: bool = False
) -> Look:
    """Grass, scrubby or mown, over the soil of the place."""
    green = min(max(season.green + rng.normal(0.0, 0.15), 0.0), 1.0)
    blades = mix(spectrum("grass_dry"), spectrum("weeds" if weedy else "grass"), green)
    return Look(
        ground=soil,
        canopy=vary(rng, blades, 0.15, 0.06),
        mean=rng.uniform(0.45, 0.95) if not weedy else rng.uniform(0.3, 0.85),
        patch=(rng.uniform(0.05, 0.22), rng.uniform(0.06, 0.22), rng.uniform(0.03, 0.14)),
        stain=(rng.uniform(0.05, 0.18), rng.uniform(0.02, 0.08), rng.uniform(0.02, 0.07)),
    )


def tree_look(
    rng: np.random.Generator, season: Season, evergreen: bool, soil: Spectrum
) -> Look:
    """Crowns; bare ones let the ground shine through."""
    if evergreen:
        leaves = mix(spectrum("conifer"), spectrum("tree"), rng.uniform(0.0, 0.8))
        share = 1.0
    else:
        summer = mix(spectrum("tree"), spectrum("tree_light"), rng.uniform(0.0, 0.9))
        turning = 260 < season.day < 320
        faded = spectrum("tree_autumn") if turning else spectrum("tree_bare")
        leaves = mix(faded, summer, season.leaf)
        share = 0.6 + 0.4 * math.sqrt(season.leaf)
    return Look(
        ground=mix(soil, spectrum("weeds"), 0.4),
        canopy=vary(rng, leaves, 0.18, 0.08),
        mean=share,
        patch=(0.1, 0.05, 0.02),
        stain=(rng.uniform(0.12, 0.28), rng.uniform(0.06, 0.14), 0.03),
        snow=0.25 if evergreen else 0.5,
        wall=0.6,
    )


def water_look(rng: np.random.Generator, season: Season) -> Look:
    """A pond, river or reservoir; frozen when it is snowy."""
    kind = draw(
        rng, {"water_clear": 2, "water_dark": 3, "water_green": 3, "water_turbid": 2}
    )
    base = vary(rng, spectrum(kind), 0.25, 0.12)
    if season.snow > 0.2 and rng.random() < 0.6:
        base = mix(base, spectrum("snow"), rng.uniform(0.1, 0.5))
    return Look(
        ground=base,
        canopy=spectrum("water_green"),
        mean=rng.uniform(0.0, 0.15) if rng.random() < 0.85 else rng.uniform(0.2, 0.7),
        patch=(0.02, rng.uniform(0.0, 0.08), rng.uniform(0.02, 0.12)),
        stain=(rng.uniform(0.0, 0.04), rng.uniform(0.0, 0.04), rng.uniform(0.01, 0.1)),
        snow=0.3,
    )
