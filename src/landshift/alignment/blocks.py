"""Edges of a JPEG's blocks of 8 × 8 px, which lie at the same pixels of any two files.

In a view enlarged beyond its own pixels most of what varies lies on them; both dates' ground then
agrees best where block lies on block, up to half a block from the truth.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from landshift.alignment.displacement import Floats
from landshift.alignment.outcome import Alignment
from landshift.raster import Brightness
from landshift.settings import BlockSettings

_BLOCK_PX = 8
_LINES = 512
"""Rows, or columns, that are looked at, at most."""


def block_edges(one: Brightness, axis: int) -> Floats:
    """Mean step between neighbours along ``axis`` for each place within a block.

    Returns
    -------
    ndarray of float64, shape (8,)
        Over the median of the eight: all near 1 where no blocks stand out or nothing varies.
    """
    across = one.pixels.shape[1 - axis]
    lines = slice(None, None, max(1, across // _LINES))
    picked = (slice(None), lines) if axis == 0 else (lines, slice(None))
    pixels, valid = one.pixels[picked], one.valid[picked]
    if axis == 1:
        pixels, valid = pixels.T, valid.T
    steps = np.abs(np.diff(pixels.astype(np.float32), axis=0))
    both = valid[1:] & valid[:-1]
    means = np.array(
        [
            float(steps[k::_BLOCK_PX].sum(where=both[k::_BLOCK_PX], dtype=np.float64))
            / max(1, int(np.count_nonzero(both[k::_BLOCK_PX])))
            for k in range(_BLOCK_PX)
        ]
    )
    middle = float(np.median(means))
    return means / middle if middle > 0 else np.ones(_BLOCK_PX)


def doubt_blocks(
    found: Alignment, reference: Brightness, moving: Brightness, settings: BlockSettings
) -> Alignment:
    """The same, called doubtful where block edges may have held it: both stand out and coincide."""
    if found.verdict != "good":
        return found
    t = ~found.grid.transform
    moved = (
        t.d * found.east_m + t.e * found.north_m, t.a * found.east_m + t.b * found.north_m
    )  # fmt: skip
    for axis in (0, 1):
        own, theirs = block_edges(reference, axis), block_edges(moving, axis)
        height = float(min(own.max(), theirs.max()))
        off = abs(moved[axis] - _BLOCK_PX * round(moved[axis] / _BLOCK_PX))
        if own.argmax() != theirs.argmax() or height < settings.height or off > settings.near_px:
            continue
        return replace(
            found, verdict="doubtful",
            reason=f"edges of JPEG blocks stand out {height:.1f} times: they may hold the pictures "
            f"up to {_BLOCK_PX // 2} px from where the ground lies",
        )  # fmt: skip
    return found
