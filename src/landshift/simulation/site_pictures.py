"""A named site as its two sensors see it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from landshift.sensor import FAMILY_BANDS
from landshift.simulation.canvas import FloatArray
from landshift.simulation.geolocation import displaced
from landshift.simulation.light import View
from landshift.simulation.noise import noise
from landshift.simulation.pairs import along_lines, draw_weather
from landshift.simulation.rendering import render
from landshift.simulation.sensors import draw_camera, expose, pooled
from landshift.simulation.sites import SiteScene


@dataclass(frozen=True, eq=False)
class SitePicture:
    """One picture of a site on its nominal grid."""

    values: FloatArray
    """(band, row, col): display values 0 to 1 for rgb, else reflectance."""
    bands: tuple[str, ...]
    """Band names."""
    gsd_m: float
    """Side of a pixel."""
    west_m: float
    """Easting of the west edge."""
    north_m: float
    """Northing of the north edge."""


def _quiet(values: FloatArray) -> FloatArray:
    """Clip to what an unsigned file can hold."""
    return np.clip(values, 0.0, 1.0).astype(np.float32)


def picture_site(scene: SiteScene, noise_free: bool = False) -> tuple[SitePicture, SitePicture]:
    """The pictures before and after, each with its own sun, view, season and error.

    Parameters
    ----------
    scene
        A painted site.
    noise_free
        Leave out noise, blur and compression.
    """
    recipe = scene.recipe
    shape = scene.canvases[0].surface.shape
    rng = np.random.default_rng([scene.seed, 1])
    full = (shape[0], shape[1])
    ground = noise(rng, "fractal", full), noise(rng, "smooth", full)
    bands = FAMILY_BANDS[recipe.family]
    bent = along_lines(scene.stage)
    pictures = []
    for when in (0, 1):
        day = recipe.dates[when].timetuple().tm_yday
        weather = draw_weather(rng, day, 0.6, coarse=True)
        weather = replace(
            weather, view=View(weather.view.azimuth_deg, min(weather.view.off_nadir_deg, 6.0)),
            diffuse=min(weather.diffuse, 1.3),
        )  # fmt: skip
        snow = scene.stage.seasons[when].snow * 0.5
        rendering = render(
            rng, scene.canvases[when], scene.stage.table, when, weather, snow, bent, ground, bands
        )
        moved = displaced(rendering.reflectance, recipe.fine_m, scene.errors[when])
        skip = round(scene.margin_m / recipe.fine_m)
        inner = moved[:, skip:-skip, skip:-skip]
        gsd = recipe.gsd_m[when]
        values = _exposed(rng, recipe.family, bands, pooled(inner, round(gsd / recipe.fine_m)),
                          noise_free)
        half = recipe.extent_m / 2
        pictures.append(
            SitePicture(values, bands, gsd, recipe.east_m - half, recipe.north_m + half)
        )
    return pictures[0], pictures[1]


def _exposed(
    rng: np.random.Generator, family: str, bands: tuple[str, ...], sampled: FloatArray,
    noise_free: bool,
) -> FloatArray:  # fmt: skip
    """A clean camera: what the samples show should not hang on a lucky draw."""
    camera = draw_camera(rng, family, bands, sampled)
    camera = replace(camera, jpeg_quality=0, sharpen=min(camera.sharpen, 0.3))
    if family == "rgb":
        bright = float(np.percentile(sampled, 98)) + max(camera.haze)
        gain = tuple(0.9 ** (1 / 0.75) / bright * factor
                     for factor in np.exp(rng.normal(0, 0.03, len(bands))))
        camera = replace(camera, gain=gain, gamma=0.75, saturation=0.9,
                         noise=min(camera.noise, 0.008), blur_px=min(camera.blur_px, 0.55))
    else:
        gain = tuple(float(g) for g in np.exp(rng.normal(0, 0.03, len(bands))))
        camera = replace(camera, gain=gain, gamma=1.0, saturation=1.0, sharpen=0.0, levels=10000,
                         noise=min(camera.noise, 0.002))
    if noise_free:
        camera = replace(camera, noise=0.0, blur_px=0.0, sharpen=0.0)
    if not math.isfinite(camera.gain[0]):
        raise ValueError("a black scene cannot be exposed")
    return _quiet(expose(rng, sampled, camera))
