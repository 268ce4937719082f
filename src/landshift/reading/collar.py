"""Blank collars: the black or white rim that a turned or clipped picture carries unsaid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_CELLS = 2048
"""Cells along the longer side at most; a cell is one pixel in pictures up to this size."""
_STRIP_ROWS = 256
_LEAST_PX = 64
"""Smaller blank regions at the border are shadow or water that happens to be black."""
_EVERY_WAY = np.ones((3, 3), bool)

ReadRows = Callable[[int, int], NDArray[np.bool_]]
"""From the first row and the number of rows to True where every band has the collar's value."""


@dataclass(frozen=True, eq=False)
class Collar:
    """Where a pixel of one value in all bands counts as not seen."""

    value: float
    """That value, as the file has it."""

    cells: NDArray[np.bool_] | None
    """(cell row, cell col); None where the picture has no collar."""
    cell_px: int
    """Side of a cell in pixels."""

    def covers(self, row: int, col: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """The collar's cells, pixel by pixel, of a window that begins at (row, col)."""
        if self.cells is None:
            return np.zeros(shape, bool)
        rows = np.arange(row, row + shape[0]) // self.cell_px
        cols = np.arange(col, col + shape[1]) // self.cell_px
        return self.cells[np.ix_(rows, cols)]


def find_collar(
    shape: tuple[int, int], value: float, blank_rows: ReadRows, least_share: float
) -> Collar:
    """Regions of ``value`` that touch the picture's border, ``least_share`` of it at least.

    The picture is read once, in strips. Above 2048 px the flood fills cells instead of pixels: a
    cell carries it when all of its pixels are blank, and cells beside the flood are added, so that
    slanted rims are followed to the pixel by ``blank & covers``.
    """
    cell = -(-max(shape) // _CELLS)
    if not _border_is_blank(shape, blank_rows, least_share):
        return Collar(value, None, cell)
    strips = []
    strip = cell * max(1, _STRIP_ROWS // cell)
    for row in range(0, shape[0], strip):
        blank = blank_rows(row, min(strip, shape[0] - row))
        by_rows = np.logical_and.reduceat(blank, np.arange(0, blank.shape[0], cell), axis=0)
        strips.append(np.logical_and.reduceat(by_rows, np.arange(0, shape[1], cell), axis=1))
    # a ring of blank cells outside the picture joins whatever touches the border
    ringed = np.pad(np.concatenate(strips), 1, constant_values=True)
    regions, _ = ndimage.label(ringed, structure=_EVERY_WAY)
    outside = regions == regions[0, 0]
    least = max(_LEAST_PX, least_share * shape[0] * shape[1])
    if np.count_nonzero(outside[1:-1, 1:-1]) * cell * cell < least:
        return Collar(value, None, cell)
    cells = ndimage.binary_dilation(outside, structure=_EVERY_WAY)[1:-1, 1:-1]
    cells.flags.writeable = False
    return Collar(value, cells, cell)


def _border_is_blank(
    shape: tuple[int, int], blank_rows: ReadRows, least_share: float
) -> bool:
    # the first and last row are cheap in every format and no collar of a turned picture misses both
    return any(bool(blank_rows(row, 1).mean() > least_share) for row in (0, shape[0] - 1))
