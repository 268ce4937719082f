"""How a sensor sees a rendered scene: optics, sampling, air, bands, numbers, compression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from landshift.simulation.canvas import FloatArray


@dataclass(frozen=True)
class Camera:
    """A sensor on one day, as far as its pictures show."""

    blur_px: float
    """Standard deviation of the optics' blur beyond the pixel, in pixels."""
    noise: float
    """Standard deviation of the noise, in output units."""
    haze: tuple[float, ...]
    """Light added by the air, by band, in reflectance."""
    gain: tuple[float, ...]
    """Factor by band."""
    gamma: float
    """Exponent of the display curve; 1 for reflectance."""
    saturation: float
    """Factor on the distance from grey; 1 for reflectance."""
    sharpen: float
    """Strength of the unsharp mask."""
    levels: int
    """Number of steps per unit: 255, 2047, 10000."""
    jpeg_quality: int
    """1 to 100, or 0 for none."""
    coarse_bands: tuple[int, ...]
    """Bands taken at twice the pixel and brought to it."""


def pooled(values: FloatArray, factor: int) -> FloatArray:
    """Means over squares of ``factor`` pixels; (…, row, col)."""
    rows, cols = values.shape[-2] // factor, values.shape[-1] // factor
    cut = values[..., : rows * factor, : cols * factor]
    if factor == 2:
        top = cut[..., 0::2, 0::2] + cut[..., 0::2, 1::2]
        top += cut[..., 1::2, 0::2]
        top += cut[..., 1::2, 1::2]
        return np.asarray(top * np.float32(0.25), np.float32)
    shaped = cut.reshape(*values.shape[:-2], rows, factor, cols, factor)
    return np.asarray(shaped.mean(axis=(-3, -1)), np.float32)


def spots(
    rng: np.random.Generator, shape: tuple[int, int], factor: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of one pixel, drawn at random, of each square of ``factor`` pixels.

    What lies at such a spot is an unbiased sample of the square. The commonest code is not: of four
    pixels two and two are a tie, and whoever wins ties is drawn a quarter pixel too large on every
    side, at 10 m a fifth of all roofs.
    """
    rows, cols = shape[0] // factor, shape[1] // factor
    down, right = rng.integers(0, factor, (2, rows, cols))
    return np.arange(rows)[:, None] * factor + down, np.arange(cols)[None] * factor + right


_LUMA = np.asarray(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
_QUANT_LUMA = np.asarray(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
"""The luminance table of the JPEG standard, annex K."""


def _cosines() -> FloatArray:
    place = np.arange(8)
    matrix = np.cos((2 * place[None, :] + 1) * place[:, None] * np.pi / 16) / 2
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)


_DCT = _cosines()


def _quantised(plane: FloatArray, table: FloatArray) -> FloatArray:
    """One plane, 0 to 255, after quantisation of its 8 x 8 cosines."""
    rows, cols = plane.shape
    padded = np.pad(plane, ((0, -rows % 8), (0, -cols % 8)), mode="edge") - np.float32(128)
    high, wide = padded.shape[0] // 8, padded.shape[1] // 8
    blocks = padded.reshape(high, 8, wide, 8).transpose(0, 2, 1, 3)
    cosines = _DCT @ blocks @ _DCT.T
    cosines = np.round(cosines / table) * table
    blocks = _DCT.T @ cosines @ _DCT
    joined = blocks.transpose(0, 2, 1, 3).reshape(padded.shape)
    return np.asarray(joined[:rows, :cols] + np.float32(128), np.float32)


def jpeg(picture: FloatArray, quality: int) -> FloatArray:
    """What JPEG compression leaves of an RGB picture of values 0 to 1, (3, row, col)."""
    scale = 50 / quality if quality < 50 else 2 - quality / 50
    table = np.maximum(_QUANT_LUMA * np.float32(scale), 1)
    luma = np.tensordot(_LUMA, picture * np.float32(255), axes=1)
    luma[1:] += 128
    planes = [_quantised(luma[0], table)]
    rows, cols = picture.shape[1:]
    for k in (1, 2):
        even = np.pad(luma[k], ((0, rows % 2), (0, cols % 2)), mode="edge")
        small = _quantised(pooled(even, 2), np.maximum(table.T * np.float32(1.4), 1))
        planes.append(np.repeat(np.repeat(small, 2, 0), 2, 1)[:rows, :cols])
    planes[1] = planes[1] - 128
    planes[2] = planes[2] - 128
    red = planes[0] + 1.402 * planes[2]
    green = planes[0] - 0.344136 * planes[1] - 0.714136 * planes[2]
    blue = planes[0] + 1.772 * planes[1]
    return np.clip(np.stack([red, green, blue]) / 255, 0, 1).astype(np.float32)


def expose(rng: np.random.Generator, reflectance: FloatArray, camera: Camera) -> FloatArray:
    """The picture that a camera makes of a scene already sampled to its pixels.

    Parameters
    ----------
    rng
        Source of the noise.
    reflectance
        Scene at the camera's pixel, (band, row, col).
    camera
        What it does to it.
    """
    picture = np.empty_like(reflectance)
    for k in range(reflectance.shape[0]):
        band = reflectance[k]
        blur = camera.blur_px
        if k in camera.coarse_bands:
            blur = float(np.hypot(blur, 0.8))
        if blur > 0.15:
            band = ndimage.gaussian_filter(band, blur, truncate=2.5)
        band = (band + np.float32(camera.haze[k])) * np.float32(camera.gain[k])
        picture[k] = band
    if camera.saturation != 1.0:
        grey = picture[:3].mean(axis=0)
        picture[:3] = grey + (picture[:3] - grey) * np.float32(camera.saturation)
    np.clip(picture, 0, None, out=picture)
    if camera.gamma != 1.0:
        picture **= np.float32(camera.gamma)
    if camera.noise > 0:
        picture += rng.standard_normal(picture.shape, np.float32) * np.float32(camera.noise)
    if camera.sharpen > 0:
        soft = ndimage.uniform_filter(picture, (0, 3, 3))
        picture += np.float32(camera.sharpen) * (picture - soft)
    np.clip(picture, 0, 1, out=picture)
    if camera.jpeg_quality > 0 and picture.shape[0] >= 3:
        picture[:3] = jpeg(picture[:3], camera.jpeg_quality)
    levels = np.float32(camera.levels)
    return np.asarray(np.round(picture * levels) / levels, np.float32)


def draw_camera(
    rng: np.random.Generator, family: str, bands: tuple[str, ...], sample: FloatArray
) -> Camera:
    """A camera of a family ("rgb", "rgbn" or "multispectral") set for a scene.

    Parameters
    ----------
    rng
        Source of chance.
    family
        Which sensors to draw from.
    bands
        Names of the bands.
    sample
        The scene's reflectance, (band, row, col), by which display pictures are exposed.
    """
    count = len(bands)
    if family == "multispectral":
        gain = np.exp(rng.normal(0, 0.04, count) + rng.normal(0, 0.05))
        haze = rng.exponential(0.004) * np.linspace(1.5, 0.1, count)
        coarse = tuple(k for k, name in enumerate(bands) if name not in
                       ("blue", "green", "red", "nir"))
        return Camera(rng.uniform(0.3, 0.55), rng.uniform(0.0005, 0.003), tuple(haze),
                      tuple(gain), 1.0, 1.0, 0.0, 10000, 0, coarse)
    blueness = np.asarray([{"red": 0.45, "green": 0.7, "blue": 1.0}.get(b, 0.25) for b in bands])
    haze = (rng.uniform(0.0, 0.02) + rng.exponential(0.02)) * blueness
    display = family == "rgb" or rng.random() < 0.5
    if not display:
        gain = np.exp(rng.normal(0, 0.08, count) + rng.normal(0, 0.1))
        return Camera(rng.uniform(0.3, 0.9), rng.uniform(0.001, 0.006), tuple(haze), tuple(gain),
                      1.0, 1.0, 0.0, int(rng.choice([2047, 10000])), 0, ())
    veil = float(haze[:3].mean())
    bright, middle = np.percentile(sample[:3, ::4, ::4], [rng.uniform(92, 99.7), 50]) + veil
    gamma = rng.uniform(0.5, 1.1)
    by_bright = rng.uniform(0.5, 1.0) ** (1 / gamma) / max(float(bright), 0.02)
    goal = rng.uniform(0.14 if rng.random() < 0.3 else 0.25, 0.55)
    by_middle = goal ** (1 / gamma) / max(float(middle), 0.01)
    base = by_bright**0.4 * by_middle**0.6
    gain = base * np.exp(rng.normal(0, 0.055, count))
    if count > 3:
        gain[3:] *= rng.uniform(0.35, 0.9)
    return Camera(
        rng.uniform(0.25, 0.85),
        min(0.002 + rng.exponential(0.006), 0.025),
        tuple(haze),
        tuple(gain),
        gamma,
        float(rng.uniform(0.55, 1.3)),
        rng.uniform(0.2, 1.1) if rng.random() < 0.45 else 0.0,
        255,
        int(rng.integers(55, 96)) if rng.random() < 0.6 and count == 3 else 0,
        (),
    )
