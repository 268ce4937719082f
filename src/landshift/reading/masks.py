"""A mask that lies beside a picture: what of the ground it says was not seen.

What its maker does not call clear ground is hidden: cloud, its shadow, haze and snow alike. One
sees through haze and into shadow, but both look like change; what is hidden is not answered and
widens intervals, which is the lesser harm.

``udm2``
    Planet's usable data mask (docs.planet.com/data/imagery/udm): bands clear, snow, shadow,
    haze_light, haze_heavy, cloud, of which one is 1, confidence and udm1. Seen is what ``clear``
    says. Since UDM2.1 haze_light holds all haze, "seen through to the ground". Of udm1 every bit
    hides but that of cloud, a threshold on brightness to which pale roofs are cloud.
``udm``
    Planet's older unusable data mask, one band of bits (Planet Imagery Product Specifications): 0
    not imaged, 1 cloud, from 2 on missing or suspect data of a band. Any bit hides: nothing else
    speaks of clouds.
``scl``
    Scene classification of Sentinel-2 L2A (ESA, Sen2Cor). Hidden are 0 no data, 1 saturated or
    defective, 3 cloud shadow, 8 and 9 cloud of medium and high probability, 10 thin cirrus, 11 snow
    or ice. Seen are 2 dark area (since 2022 shadow cast by terrain), 4 vegetation, 5 not vegetated,
    6 water, 7 unclassified.
``seen``, ``hidden``
    A mask that somebody drew, of 0 and one other value: seen, or hidden, is what is not 0.

A pixel of the picture is hidden where any pixel of the mask over part of it hides; Planet advises a
margin of a pixel. Where the mask has no pixel nothing is known, and that is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from landshift.errors import ImageError
from landshift.grid import Grid
from landshift.reading.opening import (
    check_pixels,
    driver_of,
    open_picture,
    placed_grid,
    sha256_of,
)
from landshift.site import MASK_KINDS, Mask

Floats = NDArray[np.float64]
Place = Callable[[Floats, Floats], tuple[Floats, Floats]]

_SCL_SEEN = (2, 4, 5, 6, 7)
_MOST_SCL = 11
_SCL_NAME = re.compile(r"(?:^|_)SCL(?:_[1236]0m)?$")
"""T52SDG_20240511T021611_SCL_20m.jp2, as in a product of ESA; SCL.tif, as catalogues serve it."""
_UDM2_BANDS = 8
_NOT_CLOUD_BIT = 0b11111101
_PLAIN = ("seen", "hidden")
_MOST_FINER = 64.0
"""Mask pixels along a pixel of the picture: 15 cm to 10 m. With more, a few pixels of the picture
need more of the mask than should be in memory at once."""
_TILE_PX = 1024
"""Side of what is looked at together: 8 MB an array of float64."""
_NODE_PX = 8
"""Pixels of the picture between places that are transformed exactly, as in `resampling`."""
_SLIVER = 0.01
"""Of a mask's pixel: less than this of it over a pixel of the picture is rounding."""


@dataclass(frozen=True, eq=False)
class MaskInfo:
    """What a mask says of itself, and how it is to be read."""

    path: Path
    """As the user named it."""
    kind: str
    """One of `landshift.site.MASK_KINDS`."""
    driver: str
    """GDAL's name of the format."""
    grid: Grid
    """The mask's own pixels; the picture's where the mask has no CRS."""
    bands: tuple[int, ...]
    """Numbers in the file: what is looked at, and of UDM2 the older mask."""
    nodata: float | None
    sha256: str
    notes: tuple[str, ...]
    """That it does not reach as far as the picture."""


def describe_mask(mask: Mask, picture: Path, grid: Grid, most_pixels: int) -> MaskInfo:
    """Open the mask of a picture with this ``grid``; tell its kind and look at all its values.

    Raises
    ------
    ImageError
        When it cannot be used, or says not what it hides.
    """
    path, driver = mask.path, driver_of(mask.path)
    with open_picture(path, driver) as source:
        check_pixels(path, source, most_pixels)
        kind = mask.kind or _kind_of(path, source)
        own = _grid_of(path, source, picture, grid)
        nodata = source.nodatavals[0]
        info = MaskInfo(
            path=path, kind=kind, driver=driver, grid=own, bands=_bands_of(path, source, kind),
            nodata=None if nodata is None else float(nodata), sha256=sha256_of(path), notes=(),
        )  # fmt: skip
        _check_values(source, info)
    if _reaches(info, grid):
        return info
    note = f"{path.name} does not reach all of {picture.name}; where it does not, nothing was seen"
    return replace(info, notes=(note,))


def hidden_by(info: MaskInfo, grid: Grid, window: Window) -> NDArray[np.bool_]:
    """(row, col) of a window of the picture with this ``grid``: True where the mask hides it.

    Raises
    ------
    ImageError
        When the mask's file cannot be read any more.
    """
    hidden = np.empty((int(window.height), int(window.width)), np.bool_)
    place = _between(grid, info.grid)
    side = max(1, int(_TILE_PX / max(1.0, grid.gsd_m / info.grid.gsd_m)))
    with open_picture(info.path, info.driver) as source:
        for tile in _tiles(hidden.shape, side):
            first = window.row_off + tile.row_off, window.col_off + tile.col_off
            sides = _sides(info.grid.shape, place, first, (tile.height, tile.width))
            hidden[tile.toslices()] = _any_hidden(source, info, sides)
    return hidden


def _kind_of(path: Path, source: Any) -> str:
    """What the file says that it is, in words of its maker."""
    names = [(text or "").strip().lower() for text in source.descriptions]
    if {"clear", "cloud"} <= set(names):
        return "udm2"
    if names == ["scl"] or (source.count == 1 and _SCL_NAME.search(path.stem)):
        return "scl"
    raise ImageError(
        f"{path}: does not say what kind of mask it is; allowed before its name are "
        f"{', '.join(f'{kind}:' for kind in MASK_KINDS)} (seen: what is not 0 was seen; hidden: "
        "what is not 0 was not)"
    )


def _bands_of(path: Path, source: Any, kind: str) -> tuple[int, ...]:
    names = [(text or "").strip().lower() for text in source.descriptions]
    if kind == "udm2" and "clear" in names:
        older = [number for number, name in enumerate(names, 1) if name in ("udm1", "unusable")]
        return names.index("clear") + 1, *older[:1]
    allowed = _UDM2_BANDS if kind == "udm2" else 1
    if source.count != allowed:
        raise ImageError(f"{path}: {source.count} bands; allowed in a mask {kind}: are {allowed}")
    if kind in _PLAIN and ColorInterp.palette in source.colorinterp and source.driver == "PNG":
        raise ImageError(
            f"{path}: its values are numbers of colours; allowed in a mask {kind}: is grey"
        )
    return (1, _UDM2_BANDS) if kind == "udm2" else (1,)


def _grid_of(path: Path, source: Any, picture: Path, grid: Grid) -> Grid:
    own = placed_grid(path, source)
    if own is None:
        if (source.height, source.width) != grid.shape:
            raise ImageError(
                f"{path}: {source.height} x {source.width} pixels and no CRS; allowed without one "
                f"are the {grid.shape[0]} x {grid.shape[1]} of {picture}"
            )
        return grid
    if grid.crs is None:
        raise ImageError(f"{path}: has a CRS and {picture} has none; they cannot be laid together")
    if own.gsd_m * _MOST_FINER < grid.gsd_m:
        raise ImageError(
            f"{path}: a pixel is {own.gsd_m:.3g} m, more than {_MOST_FINER:g} times finer than "
            f"{picture}; gdalwarp -r max makes it coarser"
        )
    return own


def _check_values(source: Any, info: MaskInfo) -> None:
    """Refuse values that a mask of this kind does not hold: it is another kind, or no mask."""
    kind, (low, high) = info.kind, (np.inf, -np.inf)
    dtypes = {source.dtypes[number - 1] for number in info.bands}
    if kind in ("udm", "udm2") and dtypes != {"uint8"}:
        raise ImageError(f"{info.path}: pixels are {dtypes.pop()}; allowed in {kind}: is uint8")
    for window in _tiles(source.shape, _TILE_PX) if kind != "udm" else ():
        values = source.read(info.bands[0], window=window)
        values = values[np.isfinite(values) & (values != 0)]
        values = values if info.nodata is None else values[values != info.nodata]
        if kind == "scl" and (bad := values[~np.isin(values, range(_MOST_SCL + 1))]).size:
            raise ImageError(f"{info.path}: holds {bad[0]:g}; allowed in scl: are 0 to {_MOST_SCL}")
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
        if kind != "scl" and low < high:
            raise ImageError(
                f"{info.path}: holds {low:g} and {high:g}; allowed in a mask {kind}: are 0 and one "
                "other value"
            )


def _tiles(shape: tuple[int, int], side: int) -> Iterator[Window]:
    for row in range(0, shape[0], side):
        for col in range(0, shape[1], side):
            yield Window(col, row, min(side, shape[1] - col), min(side, shape[0] - row))


def _reaches(info: MaskInfo, grid: Grid) -> bool:
    """Whether the mask lies under all of the picture, but for a pixel of either at its edge."""
    ends = (np.linspace(-0.5, size - 0.5, 9) for size in grid.shape)
    row, col = _between(grid, info.grid)(*np.meshgrid(*ends, indexing="ij"))
    edge = 1.0 + grid.gsd_m / info.grid.gsd_m
    return all(
        bool((place > -0.5 - edge).all() and (place < size - 0.5 + edge).all())
        for place, size in zip((row, col), info.grid.shape, strict=True)
    )


def _between(grid: Grid, mask: Grid) -> Place:
    """From row and col of the picture to those of the mask, both counted at pixel centres."""
    same = grid.crs is None or grid.crs == mask.crs
    change = None if same else Transformer.from_crs(grid.crs, mask.crs, always_xy=True)

    def place(row: Floats, col: Floats) -> tuple[Floats, Floats]:
        x, y = grid.xy(row, col)
        return mask.rowcol(*((x, y) if change is None else change.transform(x, y)))

    return place


def _sides(
    size: tuple[int, int], place: Place, first: tuple[float, float], shape: tuple[int, int]
) -> list[NDArray[np.intp]]:
    """First and last row, first and last col of the mask under each pixel; the last excluded.

    Around a mask of ``size`` lies one pixel more on each side, which stands for all outside.
    """
    nodes = [np.arange(-(-side // _NODE_PX) + 1.0) for side in shape]
    at = (start - 0.5 + _NODE_PX * each for start, each in zip(first, nodes, strict=True))
    # from nodes to the corners of all pixels: linear between two of them
    down, along = (
        np.maximum(0.0, 1.0 - np.abs(np.arange(side + 1.0)[:, None] / _NODE_PX - each))
        for side, each in zip(shape, nodes, strict=True)
    )
    found = []
    for places, end in zip(place(*np.meshgrid(*at, indexing="ij")), size, strict=True):
        # what no projection reaches lies outside
        corners = down @ np.where(np.isfinite(places), places, -9.0) @ along.T + 0.5
        four = np.stack([corners[:-1, :-1], corners[1:, :-1], corners[:-1, 1:], corners[1:, 1:]])
        start = np.floor(four.min(axis=0) + _SLIVER).clip(-1, end).astype(np.intp)
        stop = np.ceil(four.max(axis=0) - _SLIVER).clip(-1, end + 1).astype(np.intp)
        found += [start, np.maximum(stop, start + 1)]
    return found


def _any_hidden(source: Any, info: MaskInfo, sides: list[NDArray[np.intp]]) -> NDArray[np.bool_]:
    """Whether any pixel of the mask between these sides hides, by sums over all above and left."""
    top, bottom, left, right = sides
    first, last = (int(top.min()), int(left.min())), (int(bottom.max()), int(right.max()))
    ends = [min(stop, end) for stop, end in zip(last, info.grid.shape, strict=True)]
    row, col = max(first[0], 0), max(first[1], 0)
    hidden = np.ones((last[0] - first[0], last[1] - first[1]), np.bool_)
    if row < ends[0] and col < ends[1]:
        part = Window.from_slices((row, ends[0]), (col, ends[1]))
        inner = np.s_[row - first[0] : ends[0] - first[0], col - first[1] : ends[1] - first[1]]
        hidden[inner] = _hides(source, info, part)
    sums = np.zeros((hidden.shape[0] + 1, hidden.shape[1] + 1), np.int32)
    hidden.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, out=sums[1:, 1:])
    top, bottom, left, right = top - first[0], bottom - first[0], left - first[1], right - first[1]
    inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return np.asarray(inside > 0)


def _hides(source: Any, info: MaskInfo, window: Window) -> NDArray[np.bool_]:
    """(row, col) of a window of the open mask: True where it says that nothing was seen."""
    values = source.read(info.bands[0], window=window)
    if info.kind in ("udm", "hidden"):
        # 0 is not hidden even where it is called nodata, as programs that burn polygons do
        return np.asarray(values != 0)
    hidden = (values == 0) | ~np.isfinite(values)
    if info.kind == "scl":
        hidden = ~np.isin(values, _SCL_SEEN)
    if info.nodata is not None:
        hidden |= values == info.nodata
    for older in info.bands[1:]:
        hidden |= (source.read(older, window=window) & _NOT_CLOUD_BIT) != 0
    return np.asarray(hidden)
