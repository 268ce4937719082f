"""A cloud over a scene, and its shadow somewhere else on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from landshift.simulation.canvas import FloatArray
from landshift.simulation.rendering import SKYLIGHT
from landshift.simulation.spectra import BAND_NAMES

_CELL_M = 2.5
"""Side of the squares that clouds are drawn in; the picture's pixels where they are coarser."""
_LARGEST_M = (300.0, 2500.0)
"""How far apart clouds stand."""
_DECAY = (1.3, 1.9)
"""Amplitude of the vapour falls as frequency to minus this: from ragged to rounded, by eye."""
_SHARPNESS = (1.5, 12.0)
"""Optical depth by which the vapour above the threshold is multiplied: from veils to towers."""
_BRIGHTNESS = (0.45, 0.9)
"""Reflectance of thick cloud in the visible bands."""
_SHORT_WAVE = {"swir1": (0.6, 0.85), "swir2": (0.45, 0.75)}
"""The same in the short wave infrared, as a share: drops and ice absorb there."""
_PENUMBRA_M = 8.0
"""Standard deviation of a shadow's edge: the sun's half degree from a kilometre."""
_TRIES = 200


@dataclass(frozen=True, eq=False)
class Cloud:
    """What a cloud does to the light, (row, col) each."""

    opacity: FloatArray
    """Share of the light that comes from the cloud and not from the ground, 0-1."""
    shade: FloatArray
    """Share of the sunlight that does not reach the ground, 0-1."""


def draw_cloud(
    rng: np.random.Generator, shape: tuple[int, int], pixel_m: float, share: float
) -> Cloud:
    """A cloud over about ``share`` of a scene of ``shape`` pixels of ``pixel_m`` metres."""
    largest_m = math.exp(rng.uniform(*np.log(_LARGEST_M)))
    cell_m = max(_CELL_M, pixel_m)
    vapour = _vapour(rng, shape, pixel_m, cell_m, largest_m)
    for _ in range(_TRIES):
        at = rng.integers(0, len(vapour), 2)
        over = _cut(vapour, at, shape, pixel_m / cell_m)
        threshold = rng.normal(0.6, 0.4)
        if abs(float((over > threshold).mean()) - share) < 0.05:
            break
    else:
        threshold = float(np.quantile(over, 1 - share))
    depth = math.exp(rng.uniform(*np.log(_SHARPNESS)))
    toward, away = rng.uniform(0, 2 * math.pi), rng.uniform(60, 1500) / cell_m
    shift = np.rint([away * math.sin(toward), away * math.cos(toward)]).astype(int)
    beside = _cut(vapour, at + shift, shape, pixel_m / cell_m)
    opacity, shade = (
        1 - np.exp(-depth * np.maximum(amount - threshold, 0)) for amount in (over, beside)
    )
    shade = ndimage.gaussian_filter(shade, _PENUMBRA_M / pixel_m)
    return Cloud(opacity.astype(np.float32), shade.astype(np.float32))


def under_cloud(
    rng: np.random.Generator, reflectance: FloatArray, cloud: Cloud, bands: tuple[str, ...]
) -> FloatArray:
    """The scene (band, row, col) of these ``bands`` below and in the shadow of ``cloud``."""
    white = np.full(len(bands), rng.uniform(*_BRIGHTNESS))
    for band, share in _SHORT_WAVE.items():
        if band in bands:
            white[bands.index(band)] *= rng.uniform(*share)
    sky = SKYLIGHT[[BAND_NAMES.index(band) for band in bands], None, None]
    lit = reflectance * (1 - cloud.shade * (1 - sky))
    light = white[:, None, None] * (0.85 + 0.15 * cloud.opacity)
    return np.asarray(lit * (1 - cloud.opacity) + light * cloud.opacity, np.float32)


def _vapour(
    rng: np.random.Generator, shape: tuple[int, int], pixel_m: float, cell_m: float,
    largest_m: float,
) -> FloatArray:  # fmt: skip
    """A seamless square of unit noise in cells, larger than the scene and than the clouds."""
    need = max(max(shape) * pixel_m / cell_m + 2, 2 * largest_m / cell_m)
    side = 2 ** math.ceil(math.log2(need))
    along = np.fft.fftfreq(side, cell_m)[:, None], np.fft.rfftfreq(side, cell_m)[None]
    weight = np.maximum(np.hypot(*along), 1 / largest_m) ** -rng.uniform(*_DECAY)
    weight[0, 0] = 0.0
    white = np.fft.rfft2(rng.standard_normal((side, side)))
    shaped = np.fft.irfft2(white * weight, s=(side, side))
    return np.asarray(shaped / shaped.std(), np.float32)


def _cut(
    vapour: FloatArray, at: NDArray[np.int_], shape: tuple[int, int], step: float
) -> FloatArray:
    """The noise over a scene that begins at a cell; ``step`` cells a pixel."""
    places = [start + step * np.arange(side) for start, side in zip(at, shape, strict=True)]
    grid = np.meshgrid(*places, indexing="ij")
    return np.asarray(ndimage.map_coordinates(vapour, grid, order=1, mode="grid-wrap"), np.float32)
