"""Reflectance of what lies on the ground, in ten bands.

Ten values per material: blue, green, red, red edge 1-3, near infrared, narrow near
infrared and two short wave infrareds (Sentinel-2 bands 2, 3, 4, 5, 6, 7, 8, 8A, 11, 12).
They are round numbers of the size found in spectral libraries; the scenes vary them widely,
so no single number is meant to be exact.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from landshift.sensor import FAMILY_BANDS

Spectrum = NDArray[np.float32]

BAND_NAMES: Final = FAMILY_BANDS["multispectral"]
"""The roles of the ten values."""

_TABLE: Final = {
    # soils
    "soil_brown": (60, 85, 120, 140, 155, 170, 190, 205, 270, 230),
    "soil_red": (55, 80, 150, 175, 190, 205, 225, 240, 300, 250),
    "soil_yellow": (95, 140, 195, 220, 235, 250, 270, 285, 350, 300),
    "soil_grey": (95, 115, 130, 140, 150, 158, 170, 180, 230, 210),
    "soil_dark": (40, 52, 65, 75, 85, 95, 108, 115, 140, 120),
    "soil_pale": (170, 220, 265, 285, 300, 312, 325, 335, 400, 360),
    "mud": (60, 75, 85, 90, 95, 100, 105, 105, 90, 60),
    # crops and grass
    "crop_green": (32, 68, 38, 95, 280, 360, 395, 410, 200, 90),
    "crop_bright": (40, 95, 55, 120, 300, 380, 420, 430, 220, 105),
    "crop_dark": (22, 45, 28, 70, 210, 275, 300, 315, 150, 65),
    "crop_ripe": (60, 115, 130, 185, 270, 300, 330, 355, 290, 180),
    "straw": (100, 145, 185, 215, 240, 255, 280, 300, 360, 280),
    "stubble": (75, 105, 135, 160, 185, 200, 220, 240, 300, 240),
    "grass": (38, 72, 52, 105, 230, 285, 310, 325, 220, 115),
    "grass_dry": (75, 105, 128, 155, 190, 210, 235, 255, 310, 230),
    "weeds": (40, 65, 55, 95, 180, 220, 245, 260, 220, 130),
    # trees
    "tree": (20, 42, 26, 65, 200, 260, 290, 305, 140, 60),
    "tree_light": (28, 60, 34, 85, 240, 310, 345, 360, 180, 80),
    "conifer": (16, 30, 20, 48, 140, 180, 205, 215, 95, 42),
    "tree_bare": (52, 66, 76, 92, 120, 135, 150, 165, 190, 140),
    "tree_autumn": (38, 65, 85, 125, 200, 235, 260, 275, 200, 110),
    # water
    "water_clear": (48, 46, 28, 26, 22, 20, 18, 16, 8, 6),
    "water_dark": (28, 34, 24, 22, 18, 16, 14, 12, 6, 5),
    "water_green": (40, 66, 44, 46, 34, 30, 26, 20, 10, 8),
    "water_turbid": (80, 110, 105, 100, 68, 58, 48, 36, 18, 12),
    "water_pool": (220, 240, 130, 90, 50, 40, 30, 25, 10, 8),
    # paved
    "asphalt": (75, 82, 88, 92, 96, 100, 106, 110, 130, 120),
    "asphalt_old": (120, 132, 140, 146, 150, 155, 160, 165, 190, 175),
    "concrete": (190, 220, 240, 250, 258, 264, 272, 280, 310, 285),
    "concrete_pale": (225, 260, 280, 288, 295, 300, 307, 313, 335, 308),
    "gravel": (130, 150, 165, 172, 178, 184, 190, 196, 230, 215),
    "ballast": (95, 100, 105, 108, 112, 115, 120, 125, 150, 145),
    "marking": (420, 450, 460, 465, 470, 475, 480, 480, 440, 400),
    # roofs
    "roof_blue": (260, 200, 105, 95, 110, 170, 250, 270, 270, 220),
    "roof_light_blue": (330, 310, 220, 210, 225, 270, 330, 345, 330, 280),
    "roof_red": (55, 62, 190, 240, 260, 275, 290, 300, 320, 280),
    "roof_orange": (75, 115, 220, 255, 275, 290, 305, 320, 350, 310),
    "roof_tile": (60, 80, 130, 155, 170, 182, 198, 212, 250, 220),
    "roof_grey": (120, 130, 138, 142, 148, 152, 160, 166, 190, 180),
    "roof_dark": (58, 62, 66, 70, 75, 80, 86, 92, 115, 110),
    "roof_white": (450, 480, 490, 495, 500, 502, 505, 508, 480, 430),
    "roof_pale": (290, 315, 330, 335, 340, 345, 350, 355, 370, 340),
    "roof_rust": (58, 72, 110, 135, 150, 165, 185, 205, 260, 240),
    "roof_brown": (60, 72, 90, 102, 115, 125, 140, 155, 200, 180),
    "roof_green": (75, 135, 95, 100, 130, 190, 240, 255, 230, 180),
    "roof_turquoise": (200, 255, 130, 130, 160, 230, 290, 300, 250, 200),
    "skylight": (330, 370, 370, 375, 380, 385, 390, 395, 370, 320),
    "solar": (45, 42, 40, 42, 46, 50, 56, 60, 90, 85),
    # greenhouses
    "film_white": (400, 425, 430, 440, 460, 475, 490, 500, 420, 330),
    "film_blue": (330, 345, 330, 340, 370, 395, 415, 425, 350, 280),
    "film_grey": (215, 235, 235, 245, 275, 300, 320, 335, 300, 240),
    "film_old": (150, 170, 175, 190, 225, 250, 275, 290, 270, 215),
    "net_dark": (42, 48, 50, 55, 68, 78, 88, 95, 110, 95),
    "net_green": (45, 75, 58, 70, 120, 150, 175, 185, 170, 130),
    "frame": (150, 160, 165, 170, 175, 178, 182, 186, 200, 190),
    "mulch": (330, 350, 350, 355, 362, 368, 375, 380, 370, 330),
    # weather
    "snow": (780, 800, 800, 795, 780, 760, 745, 720, 130, 90),
}

SPECTRA: Final[dict[str, Spectrum]] = {
    name: np.asarray(values, dtype=np.float32) / np.float32(1000.0)
    for name, values in _TABLE.items()
}


def spectrum(name: str) -> Spectrum:
    """Reflectance of the named material, shape (10,)."""
    return SPECTRA[name]


def mix(first: Spectrum, second: Spectrum, share: float) -> Spectrum:
    """``share`` of the second material in the first."""
    return (first + (second - first) * np.float32(share)).astype(np.float32)


_TILT: Final = np.linspace(-1.0, 0.6, len(BAND_NAMES))


def vary(
    rng: np.random.Generator, base: Spectrum, brightness: float = 0.15, colour: float = 0.06
) -> Spectrum:
    """The same material as it happens to be here: brighter or darker, and a little off in hue.

    Parameters
    ----------
    rng
        Source of chance.
    base
        Reflectance, shape (10,).
    brightness, colour
        Standard deviation of the logarithm of a common factor, and of a tilt along the
        spectrum together with a factor for each visible band.
    """
    chance = rng.standard_normal(5)
    change = chance[0] * colour * _TILT + chance[1] * brightness
    change[:3] += chance[2:] * (0.5 * colour)
    varied = base * np.exp(change)
    return np.asarray(np.minimum(np.maximum(varied, 0.004), 0.95), np.float32)


def draw(rng: np.random.Generator, weights: dict[str, float]) -> str:
    """One key of ``weights``, with a chance in proportion to its value."""
    names = list(weights)
    place = rng.random() * sum(weights.values())
    for name in names:
        place -= weights[name]
        if place < 0:
            return name
    return names[-1]
