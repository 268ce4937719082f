"""What was drawn over both pictures alike: frames, captions, scale bars, logos, labels.

A drawing lies at the same pixels of two exported maps whatever ground they show, and agrees with
itself better than any ground agrees with itself at another date. It would hold the registration of
one place at no shift, and prove that of two places.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landshift.kernels import gradient
from landshift.raster import Brightness
from landshift.settings import DrawingSettings

_ALIKE, _SAME = 2, 3
"""Codes of `gradient.compare_blocks`."""
_BESIDE_PX = 2
"""Pixels beside a line into which its gradient reaches."""


def drawn_alike(
    one: Brightness, other: Brightness, settings: DrawingSettings
) -> NDArray[np.bool_] | None:
    """Where both pictures carry the same drawing, (row, col); None where there is none.

    Parameters
    ----------
    one, other
        Both pictures on one grid, as they came.
    settings
        What counts as a drawing.
    """
    side, length = settings.block_px, settings.line_px
    blocks = _compared(one, other, (side, side), settings.block_apart, settings)
    same = np.count_nonzero(blocks == _SAME)
    others = np.count_nonzero(blocks) - same
    # Where the rest of the ground lies alike too, what is the same is ground as well.
    alike = np.count_nonzero(blocks == _ALIKE) > settings.most_alike * others
    if alike or same > settings.most_share * (same + others):
        return None
    drawn = np.zeros(one.grid.shape, np.bool_)
    # Beside a block gradients reach into it, and JPEG rings.
    _mark(drawn, blocks == _SAME, (side, side), (side, side))
    for axis, sides in enumerate(((1, length), (length, 1))):
        pieces = _compared(one, other, sides, settings.line_apart, settings) == _SAME
        # A line across the map fades over pale ground: enough of it says where all of it lies.
        across = pieces.mean(axis=1 - axis, keepdims=True) >= settings.line_share
        around = (length // 2, _BESIDE_PX) if axis else (_BESIDE_PX, length // 2)
        _mark(drawn, pieces | across, sides, around)
    return drawn if drawn.any() else None


def _compared(
    one: Brightness, other: Brightness, sides: tuple[int, int], same: float,
    settings: DrawingSettings,
) -> NDArray[np.uint8]:  # fmt: skip
    shape = tuple(n // side for n, side in zip(one.grid.shape, sides, strict=True))
    found = np.zeros(shape, np.uint8)
    limits = settings.alike_apart, same
    gradient.compare_blocks(
        one.pixels, other.pixels, one.valid, other.valid, sides, limits, found
    )
    return found


def _mark(
    drawn: NDArray[np.bool_], blocks: NDArray[np.bool_], sides: tuple[int, int],
    around: tuple[int, int],
) -> None:  # fmt: skip
    """Mark the ``blocks`` (row // rows, col // cols) and some pixels ``around`` each."""
    for row, col in np.argwhere(blocks):
        top, left = row * sides[0], col * sides[1]
        drawn[
            max(0, top - around[0]) : top + sides[0] + around[0],
            max(0, left - around[1]) : left + sides[1] + around[1],
        ] = True
