"""A picture as it would look on a grid: one resampling, straight from its own pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.windows import Window

from landshift.errors import ImageError, NoOverlapError
from landshift.grid import Grid
from landshift.kernels.resampling import resample_block
from landshift.raster import Brightness, Raster
from landshift.reading.opening import open_picture
from landshift.reading.picture import PictureInfo, describe_image, read_block_and_hidden
from landshift.settings import GridSettings
from landshift.site import Image

Floats = NDArray[np.float64]
Place = Callable[[Floats, Floats], tuple[Floats, Floats]]
"""From row and col of the grid to row and col of the picture, both at pixel centres."""

_NODE_PX = 8
"""Target pixels between places that are transformed exactly; a projection bends by less than
1e-4 px between them, and a field of displacements is no finer."""
_BLOCK_PX = 512
_SOURCE_PX = 2048
"""Side of a target block and, roughly, of the source window behind it: 16 MB a band."""
_ALIKE = 1.02
"""Source pixels to one target pixel up to which both count as equally large. A registration's turn
and scale stay below it; averaging would take 1 % off the finest stripes and cost ten times more."""
_REACH_PX = 2.0
"""Source pixels that the cubic reaches to either side, beside the scale."""


class Displacement(Protocol):
    """What is asked of an alignment."""

    def displacement(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """East and north metres, place in the reference less place in the moving picture."""
        ...


def read_raster(
    image: Image, grid: Grid, alignment: Displacement | None = None,
    most_pixels: int = GridSettings.most_pixels,
) -> Raster:  # fmt: skip
    """Read ``image`` as it would look on ``grid``, moved by ``alignment``.

    Block by block, from windows of the source: memory depends on the result and the block. Cubic
    where the source is coarser or equal; where it is finer, averaged over the target pixel. A
    picture that declares more than ``most_pixels`` is refused.

    Raises
    ------
    ImageError
        When the file cannot be used, or only one of picture and grid has a CRS.
    NoOverlapError
        When the picture shows nothing there.
    """
    return _read(describe_image(image, most_pixels), grid, alignment, None)


def read_whole(
    image: Image, grid: Grid, most_pixels: int = GridSettings.most_pixels
) -> tuple[Raster, NDArray[np.bool_]]:
    """`read_raster`, and which of the picture's own pixels show the ground, read at one go.

    Returns
    -------
    Raster
        On ``grid``, which holds the whole picture.
    ndarray of bool, shape (row, col)
        The picture's own pixels; False also for what no pixel of the grid was made from.
    """
    info = describe_image(image, most_pixels)
    seen = np.zeros(info.grid.shape, np.bool_)
    return _read(info, grid, None, seen), seen


def _read(
    info: PictureInfo, grid: Grid, alignment: Displacement | None, own: NDArray[np.bool_] | None
) -> Raster:
    """`read_raster`; ``own`` is filled with what was seen of the picture's own pixels."""
    place = _placing(info, grid, alignment)
    bands = np.zeros((len(info.indexes), *grid.shape), np.float32)
    valid = np.zeros(grid.shape, bool)
    hidden = None if info.mask is None else np.zeros(grid.shape, bool)
    with open_picture(info.image.path, info.driver) as source:
        for first, shape in _blocks(grid, place):
            _fill_block(source, info, place, first, shape, bands, valid, first, hidden, own)
    _refuse_unseen(info.image, valid)
    return Raster(bands, valid, grid, info.sensor, info.date, hidden)


def read_brightness(image: Image, grid: Grid, roles: tuple[str, ...]) -> Brightness:
    """The mean of a picture's bands with these ``roles``, or of all, as it would look on ``grid``.

    What `read_raster` and the mean of its bands give, without all bands being held at once, and in
    16 bits where the file has no more: a file of 16 bits without gaps between its own values, one
    of 8 bits 257 times finer. Raises what `read_raster` does.
    """
    info = describe_image(image)
    place = _placing(info, grid, None)
    chosen, few_bits = info.sensor.numbers_of(roles), np.dtype(info.dtype).itemsize <= 2
    few_bits &= np.dtype(info.dtype).kind in "ui"
    low, high = _limits(info)
    pixels = np.zeros(grid.shape, np.uint16 if few_bits else np.float32)
    valid = np.zeros(grid.shape, bool)
    with open_picture(image.path, info.driver) as source:
        for first, shape in _blocks(grid, place):
            block = tuple(slice(a, a + n) for a, n in zip(first, shape, strict=True))
            bands, seen = np.zeros((len(info.indexes), *shape), np.float32), np.zeros(shape, bool)
            _fill_block(source, info, place, first, shape, bands, seen, (0, 0))
            mean = bands[chosen].mean(axis=0)
            pixels[block] = np.rint((mean - low) * (65535 / (high - low))) if few_bits else mean
            valid[block] = seen
    _refuse_unseen(image, valid)
    return Brightness(pixels, valid, grid)


def _refuse_unseen(image: Image, valid: NDArray[np.bool_]) -> None:
    if not valid.any():
        masked = "" if image.mask is None else f", or hidden by {image.mask.path}"
        raise NoOverlapError(
            f"{image.path}: shows nothing there: every pixel is nodata, blank or outside{masked}"
        )


def nearest_codes(codes: NDArray[np.uint8], grid: Grid, target: Grid) -> NDArray[np.uint8]:
    """Codes of ``grid`` as they lie on ``target``: the nearest pixel's, 0 outside."""
    back = _between_grids(target, grid)
    out = np.zeros(target.shape, np.uint8)
    for row in range(0, target.shape[0], _BLOCK_PX):
        rows = np.arange(row, min(row + _BLOCK_PX, target.shape[0]))
        at_row, at_col = np.meshgrid(rows, np.arange(target.shape[1]), indexing="ij")
        y, x = back(at_row.astype(np.float64), at_col.astype(np.float64))
        inside = (y > -0.5) & (y < grid.shape[0] - 0.5) & (x > -0.5) & (x < grid.shape[1] - 0.5)
        near = np.rint(y[inside]).astype(np.intp), np.rint(x[inside]).astype(np.intp)
        out[rows[0] : rows[-1] + 1][inside] = codes[near]
    return out


def _between_grids(grid: Grid, source: Grid, alignment: Displacement | None = None) -> Place:
    if grid.crs is None or source.crs is None or grid.crs == source.crs:
        change = None
    else:
        # the 180th meridian is no edge: places of one block lie side by side on both sides of it
        change = Transformer.from_crs(grid.crs, source.crs, always_xy=True, force_over=True)
    turn, middle = _turn_of(source)

    def place(row: Floats, col: Floats) -> tuple[Floats, Floats]:
        x, y = grid.xy(row, col)
        if alignment is not None:
            east, north = alignment.displacement(x, y)
            x, y = x - east, y - north
        if change is not None:
            x, y = change.transform(x, y)
            if turn:  # longitudes of 0 to 360, or east of 180
                x = x + turn * np.rint((middle - x) / turn)
        return source.rowcol(x, y)

    return place


def _turn_of(source: Grid) -> tuple[float, float]:
    """A whole turn in the units of a grid in longitudes, 0 in other units; and its middle x."""
    if source.crs is None or not source.crs.is_geographic:
        return 0.0, 0.0
    west, _, east, _ = source.bounds
    return math.tau / source.crs.axis_info[0].unit_conversion_factor, (west + east) / 2


def _placing(info: PictureInfo, grid: Grid, alignment: Displacement | None) -> Place:
    if (grid.crs is None) != (info.grid.crs is None):
        lacks = "picture" if info.grid.crs is None else "grid"
        raise ImageError(f"{info.image.path}: the {lacks} has no CRS and cannot be laid there")
    return _between_grids(grid, info.grid, alignment)


def _scales(lattice_row: Floats, lattice_col: Floats, step: float) -> tuple[float, float]:
    """Source pixels to one target pixel along the source's rows and columns, at least 1."""
    scales = []
    every = max(1, min(lattice_row.shape) // 8)  # medians of some spans do for those of all
    step *= every
    for lattice in (lattice_row[::every, ::every], lattice_col[::every, ::every]):
        down, along = np.diff(lattice, axis=0) / step, np.diff(lattice, axis=1) / step
        scale = float(np.hypot(_median(down), _median(along)))
        scales.append(scale if scale > _ALIKE else 1.0)
    return scales[0], scales[1]


def _median(values: Floats) -> float:
    """As numpy's, which on some dozen values takes ten times as long."""
    line = np.sort(values, axis=None)
    return float(line[(line.size - 1) // 2] + line[line.size // 2]) / 2


def _block_side(grid: Grid, place: Place) -> int:
    rows = np.linspace(0.0, max(grid.shape[0] - 1.0, 1.0), 3)
    cols = np.linspace(0.0, max(grid.shape[1] - 1.0, 1.0), 3)
    lattice = place(*np.meshgrid(rows, cols, indexing="ij"))
    spans = [np.abs(np.diff(lattice[k], axis=a)).max() for k in (0, 1) for a in (0, 1)]
    finest = max(spans[0] / (rows[1] - rows[0]), spans[1] / (cols[1] - cols[0]),
                 spans[2] / (rows[1] - rows[0]), spans[3] / (cols[1] - cols[0]))  # fmt: skip
    if not np.isfinite(finest):
        return _BLOCK_PX
    return int(np.clip(_SOURCE_PX / max(finest, 1.0), _NODE_PX, _BLOCK_PX))


def _blocks(grid: Grid, place: Place) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """First pixel and shape of each block."""
    side = _block_side(grid, place)
    for row in range(0, grid.shape[0], side):
        for col in range(0, grid.shape[1], side):
            yield (row, col), (min(side, grid.shape[0] - row), min(side, grid.shape[1] - col))


def _fill_block(
    source: Any, info: PictureInfo, place: Place, first: tuple[int, int], shape: tuple[int, int],
    bands: NDArray[np.float32], valid: NDArray[np.bool_], at: tuple[int, int],
    hidden: NDArray[np.bool_] | None = None, own: NDArray[np.bool_] | None = None,
) -> None:  # fmt: skip
    """Fill the block of ``shape`` pixels from the grid's pixel ``first`` on into the arrays.

    ``hidden`` gets what would have been seen without the mask beside the picture.
    """
    at_row, at_col = np.meshgrid(
        *(a + np.arange(-(-n // _NODE_PX) + 1.0) * _NODE_PX
          for a, n in zip(first, shape, strict=True)), indexing="ij",
    )  # fmt: skip
    lattice_row, lattice_col = place(at_row, at_col)
    if not (np.isfinite(lattice_row).all() and np.isfinite(lattice_col).all()):
        return
    row_scale, col_scale = _scales(lattice_row, lattice_col, float(_NODE_PX))
    window = _window(info.grid, (lattice_row, lattice_col), (row_scale, col_scale))
    if window is None:
        return
    pixels, seen, masked = read_block_and_hidden(source, info, window)
    if own is not None:
        own[window.toslices()] = seen
    low, high = _limits(info)

    def fill(
        values: NDArray[np.float32], shown: NDArray[np.bool_], corner: tuple[int, int],
        out: NDArray[np.float32], out_valid: NDArray[np.bool_],
    ) -> None:  # fmt: skip
        resample_block(
            source=values,
            valid=shown,
            lattice_row=lattice_row - window.row_off,
            lattice_col=lattice_col - window.col_off,
            step=_NODE_PX,
            row_scale=row_scale,
            col_scale=col_scale,
            low=low,
            high=high,
            top=corner[0],
            left=corner[1],
            rows=shape[0],
            cols=shape[1],
            out=out,
            out_valid=out_valid,
        )

    fill(pixels, seen, at, bands, valid)
    if hidden is not None and masked is not None and masked.any():
        block = tuple(slice(a, a + n) for a, n in zip(at, shape, strict=True))
        shown = np.zeros(shape, np.bool_)
        fill(pixels[:1], seen | masked, (0, 0), np.zeros((1, *shape), np.float32), shown)
        hidden[block] = shown & ~valid[block]


def _window(
    own: Grid, lattice: tuple[Floats, Floats], scales: tuple[float, float]
) -> Window | None:
    """The source pixels that a block needs, None where it lies outside the picture."""
    sides = []
    for places, scale, size in zip(lattice, scales, own.shape, strict=True):
        first = int(np.floor(places.min() - _REACH_PX - scale))
        last = int(np.ceil(places.max() + _REACH_PX + scale + 1))
        sides.append((max(first, 0), min(last, size)))
    (top, bottom), (left, right) = sides
    if top >= bottom or left >= right:
        return None
    return Window(left, top, right - left, bottom - top)


def _limits(info: PictureInfo) -> tuple[np.float32, np.float32]:
    dtype = np.dtype(info.dtype)
    if dtype.kind not in "ui":
        return np.float32(-np.inf), np.float32(np.inf)
    ends = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max], np.float64)
    low, high = sorted(ends * info.scale + info.offset)
    return np.float32(low), np.float32(high)
