"""Small picture files for tests of the doors."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

UTM = "EPSG:32652"
CORNER = (400_000.0, 4_600_000.0)


def ground(rows=120, cols=160, bands=3, seed=0):
    """Smooth ground with blocks on it, 20-230."""
    rng = np.random.default_rng(seed)
    row, col = np.mgrid[:rows, :cols]
    out = np.empty((bands, rows, cols), np.float32)
    for band in range(bands):
        waves = sum(
            np.sin(row * rng.uniform(-0.3, 0.3) + col * rng.uniform(-0.3, 0.3) + rng.uniform(0, 6))
            for _ in range(6)
        )
        out[band] = 125 + 15 * waves
    for _ in range(12):
        r, c = rng.integers(0, rows - 8), rng.integers(0, cols - 12)
        out[:, r : r + 8, c : c + 12] = rng.uniform(30, 220, (bands, 1, 1))
    return out.clip(20, 230)


def north_up(gsd=1.0, corner=CORNER):
    return Affine(gsd, 0, corner[0], 0, -gsd, corner[1])


def write(path: Path, bands, crs=UTM, transform=None, driver="GTiff", descriptions=(), mask=None,
          colorinterp=None, tags=None, internal_mask=True, **profile) -> Path:  # fmt: skip
    """Write ``bands`` (band, row, col) and return the path."""
    bands = np.asarray(bands)
    if bands.dtype == np.float32 and "dtype" not in profile:
        bands = bands.round().astype(np.uint8)
    bands = bands.astype(profile.pop("dtype", bands.dtype))
    profile |= {"driver": driver, "dtype": bands.dtype, "count": len(bands), "crs": crs,
                "height": bands.shape[1], "width": bands.shape[2]}  # fmt: skip
    if crs is not None:
        profile["transform"] = transform or north_up()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        env = rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal_mask)
        with env, rasterio.open(path, "w", **profile) as target:
            target.write(bands)
            for number, name in enumerate(descriptions, 1):
                target.set_band_description(number, name)
            if colorinterp:
                target.colorinterp = colorinterp
            if mask is not None:
                target.write_mask(mask)
            if tags:
                target.update_tags(**tags)
    return path
