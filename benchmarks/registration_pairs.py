"""Pairs of real ground whose true displacement is known everywhere.

Both pictures of a pair are sampled from one twice as fine real picture: a pixel is the mean of
4 × 4 cubic-spline samples over its footprint, so that no estimator's own interpolation is the
truth. Scenes are read from a folder ``--data`` that holds, all public:

- ``naip_cropland_5m/*.tif``: NAIP, North Dakota, R G B NIR (github.com/opengeos/data); the third.
- ``s2_landcover_deva/s2_10bands_10m.tif``: Sentinel-2, Romania
  (github.com/valentinitnelav/satellite-image-classification-r).
- ``landsat7_fmask_pair/*.gtif``: Landsat 7 (github.com/ceholden, tutorials); the first.
- ``register_s2_pair/ref*``: Sentinel-2, the reference of AROSICS' own test pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from scipy import ndimage

KINDS = (
    "shift5", "shift30", "noise20", "noise2", "radiom", "bandswap", "change30", "rotscale",
    "distort", "all",
)  # fmt: skip
"""Up to 5 or 30 px; signal over noise 20 or 2 in both pictures; gamma 0.6 and uneven haze; red
against near infrared; 30 % painted over with buildings; 0.2° and 1.002; a smooth field of 2 px;
everything at once."""
BOTH_BANDS = ("bandswap", "all")
MARGIN = 80
"""Pixels of ground beyond the pictures: nothing is found outside."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two pictures and where some places of the one are found in the other."""

    kind: str
    seed: int
    scene: str
    reference: np.ndarray
    """(row, col) uint16"""
    moving: np.ndarray
    in_moving: np.ndarray
    """(2, n) row and col of check points in the moving picture"""
    in_reference: np.ndarray
    """(2, n) the same ground in the reference"""


Scene = tuple[str, np.ndarray, np.ndarray]
"""Name, a visible band, a near infrared one of the same pixels."""


def scenes(data: Path) -> list[Scene]:
    naip = sorted((data / "naip_cropland_5m").glob("*.tif"))[2]
    deva = data / "s2_landcover_deva" / "s2_10bands_10m.tif"
    landsat = sorted((data / "landsat7_fmask_pair").glob("*.gtif"))[0]
    one = sorted((data / "register_s2_pair").glob("ref*"))[0]
    return [
        ("naip", _band(naip, 1), _band(naip, 4)), ("deva", _band(deva, 3), _band(deva, 7)),
        ("landsat", _band(landsat, 3), _band(landsat, 4)), ("s2", _band(one, 1), _band(one, 1)),
    ]  # fmt: skip


def _band(path: Path, index: int) -> np.ndarray:
    """One band from 0.1 to 0.9, its collar cut off and its gaps filled with the nearest pixel."""
    with rasterio.open(path) as source:
        band = source.read(index).astype(np.float32)
        valid = source.read_masks(index) > 0
    valid &= np.isfinite(band)
    rows, cols = (np.flatnonzero(valid.mean(axis) > 0.97) for axis in (1, 0))
    band, valid = (a[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1] for a in (band, valid))
    if not valid.all():
        nearest = ndimage.distance_transform_edt(
            ~valid, return_indices=True, return_distances=False
        )
        band = band[tuple(nearest)]
    low, high = np.percentile(band, [0.5, 99.5])
    return (np.clip((band - low) / (high - low), 0, 1) * 0.8 + 0.1).astype(np.float32)


def _canvas(band: np.ndarray, side: int) -> np.ndarray:
    """A square of ``side`` px, mirrored where the band is smaller."""
    while min(band.shape) < side:
        grown = [(0, min(n - 1, max(0, side - n))) for n in band.shape]
        band = np.pad(band, grown, mode="reflect")
    return np.ascontiguousarray(band[:side, :side])


def _sampled(coefficients: np.ndarray, row: np.ndarray, col: np.ndarray) -> np.ndarray:
    total = np.zeros(row.shape, np.float32)
    for down in (np.arange(4) - 1.5) / 2:
        for right in (np.arange(4) - 1.5) / 2:
            total += ndimage.map_coordinates(
                coefficients, [row * 2 + down, col * 2 + right], order=3, prefilter=False,
                mode="mirror",
            )  # fmt: skip
    return total / 16


def _built_over(image: np.ndarray, rng: np.random.Generator, share: float) -> np.ndarray:
    """The picture with ``share`` of it under blocks of roofs and their shadows."""
    n, image, done = len(image), image.copy(), np.zeros(image.shape, bool)
    while done.mean() < share:
        height, width = rng.integers(n // 16, n // 5, 2)
        top, left = rng.integers(0, n - 8, 2)
        end, right = min(n, top + height), min(n, left + width)
        image[top:end, left:right] = rng.uniform(0.3, 0.6) + rng.normal(
            0, 0.02, (end - top, right - left)
        )
        done[top:end, left:right] = True
        for i in range(top + 1, end - 7, rng.integers(9, 16)):
            for j in range(left + 1, right - 7, rng.integers(9, 16)):
                deep, wide = rng.integers(4, 9, 2)
                image[i : i + deep, j : j + wide] = rng.uniform(0.15, 1.0)
                image[i + deep : i + deep + 1, j : j + wide] = 0.08
    return image


def make(kind: str, seed: int, n: int, scene: Scene) -> Pair:
    """A pair of ``n`` px a side; the same for the same arguments."""
    name, visible, infrared = scene
    rng = np.random.default_rng([seed, n, sum(map(ord, kind))])
    reach = 30.0 if kind in ("shift30", "all") else 5.0
    move = rng.uniform(-reach, reach, 2)
    turn, scale = 0.0, 1.0
    if kind in ("rotscale", "all"):
        turn, scale = np.deg2rad(0.2 * rng.choice([-1, 1])), 1.002
    bend = 2.0 if kind in ("distort", "all") else 0.0
    phase, centre = rng.uniform(0, 2 * np.pi, 4), (n - 1) / 2
    k = 2 * np.pi / max(n / 1.7, 250)

    def to_reference(r: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y, x = r - centre, c - centre
        y, x = np.cos(turn) * y - np.sin(turn) * x, np.sin(turn) * y + np.cos(turn) * x
        y, x = scale * y + centre + move[0], scale * x + centre + move[1]
        return (
            y + bend * np.sin(k * x + phase[0]) * np.cos(k * y + phase[1]),
            x + bend * np.cos(k * x + phase[2]) * np.sin(k * y + phase[3]),
        )

    side = 2 * (n + 2 * MARGIN)
    still = ndimage.spline_filter(_canvas(visible, side), 3, output=np.float32)
    moved = still
    if kind in BOTH_BANDS:
        moved = ndimage.spline_filter(_canvas(infrared, side), 3, output=np.float32)
    r, c = np.mgrid[0:n, 0:n].astype(np.float64)
    reference = _sampled(still, r + MARGIN, c + MARGIN)
    moving = _sampled(moved, *(a + MARGIN for a in to_reference(r, c)))
    if kind in ("radiom", "all"):
        haze = 0.15 + 0.35 * np.exp(-((r / n - 0.3) ** 2 + (c / n - 0.7) ** 2) / 0.12)
        moving = np.clip(moving, 0, 1) ** 0.6 * (1 - haze) + haze * 0.9
    if kind in ("change30", "all"):
        moving = _built_over(moving.astype(np.float32), rng, 0.30)
    for noisy, ratio in (("noise20", 20), ("all", 20), ("noise2", 2)):
        if kind == noisy:
            reference = reference + rng.normal(0, reference.std() / ratio, reference.shape)
            moving = moving + rng.normal(0, moving.std() / ratio, moving.shape)
    line = np.linspace(0.08 * n, 0.92 * n, 12)
    points = np.stack(np.meshgrid(line, line, indexing="ij")).reshape(2, -1)
    pictures = (
        (np.clip(a, -0.2, 1.3) * 10_000 + 3000).astype(np.uint16) for a in (reference, moving)
    )
    return Pair(kind, seed, name, *pictures, points, np.stack(to_reference(*points)))


def pair_of(kind: str, seed: int, n: int, pool: list[Scene], keep: Path | None) -> Pair:
    """The pair of this kind and seed; made once where a folder ``keep`` is given."""
    scene = pool[seed % (3 if kind in BOTH_BANDS else len(pool))]
    if keep is None:
        return make(kind, seed, n, scene)
    path = keep / f"{n}_{kind}_{seed}.npz"
    if not path.exists():
        made = make(kind, seed, n, scene)
        keep.mkdir(parents=True, exist_ok=True)
        np.savez(
            path, reference=made.reference, moving=made.moving, in_moving=made.in_moving,
            in_reference=made.in_reference,
        )  # fmt: skip
    with np.load(path) as kept:
        return Pair(kind, seed, scene[0], **{name: kept[name] for name in kept.files})
