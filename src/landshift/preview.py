"""A picture as a person looks at it: reduced, stretched, and no more than a screen can show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from landshift.grid import Grid
from landshift.raster import Raster, block_means
from landshift.settings import PreviewSettings

_VISIBLE = ("red", "green", "blue")


@dataclass(frozen=True, eq=False)
class Preview:
    """One date's picture for display, aligned, on a whole fraction of the comparison's grid."""

    rgba: NDArray[np.uint8]
    """(row, col, 4); red, green, blue, and 255 where the picture was seen, 0 elsewhere."""
    grid: Grid
    """Its pixels; the last row and column may reach beyond the comparison's grid."""

    def __post_init__(self) -> None:
        """Refuse an array off the grid, and freeze it."""
        if self.rgba.shape != (*self.grid.shape, 4):
            raise ValueError(f"{self.rgba.shape} does not lie on grid {self.grid.shape}")
        self.rgba.flags.writeable = False


def make_preview(raster: Raster, settings: PreviewSettings) -> Preview:
    """Reduce ``raster`` by means of whole pixels, and stretch it for the eye.

    One gain serves all bands, so that green stays green. Of reflectances each band's own dark end
    is drawn to black, which takes haze away; display values were balanced by whoever made them.
    """
    factor = -(-max(raster.grid.shape) // settings.most_side_px)
    bands = raster.select(_shown_roles(raster))
    means, seen = block_means(bands, raster.valid, factor)
    shown = _stretched(means, seen, raster.sensor.scale is not None, settings)
    rgba = np.dstack([*np.broadcast_to(shown, (3, *seen.shape)), np.where(seen, 255, 0)])
    grid = raster.grid
    transform = grid.transform @ Affine.scale(factor)
    return Preview(rgba.astype(np.uint8), Grid(grid.crs, transform, seen.shape))


def _shown_roles(raster: Raster) -> tuple[str, ...]:
    """Red, green and blue where they are, else the one band that looks most like a picture."""
    roles = raster.sensor.bands
    if set(_VISIBLE) <= set(roles):
        return _VISIBLE
    return ("pan",) if "pan" in roles else (next(role for role in roles if role),)


def _stretched(
    bands: NDArray[np.float32], seen: NDArray[np.bool_], hazy: bool, settings: PreviewSettings
) -> NDArray[np.float32]:
    """Bands (band, row, col) from 0 to 255; ``hazy``: each with a dark end of its own."""
    if not seen.any():
        return np.zeros_like(bands)
    tail = settings.clipped_share
    dark, bright = np.quantile(bands[:, seen], (tail, 1 - tail), axis=1)
    if not hazy:
        dark = np.full_like(dark, dark.min())
    span = max(float((bright - dark).max()), 1e-6)
    unit = np.clip((bands - dark[:, None, None]) / span, 0, 1) ** settings.gamma
    return np.asarray(np.rint(255 * unit), np.float32)
