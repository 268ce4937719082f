"""Sites whose truth is known, given as the probabilities a classifier would have found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine
from pyproj import CRS

from landshift.change_map import TOTALS, ChangeMap
from landshift.grid import Grid
from landshift.landcover import Evidence, LandCover
from landshift.legend import Cover
from landshift.raster import Raster
from landshift.sensor import Sensor

RGB = ("red", "green", "blue")
COLOUR = np.array(
    [(0, 0, 0), (110, 130, 70), (190, 200, 210), (70, 90, 170), (160, 140, 110), (120, 120, 125),
     (40, 70, 35), (120, 150, 80), (40, 60, 70)], np.float32,
)  # fmt: skip
PRIOR = (0.8, 0.1, 0.05, 0.05)


@dataclass(frozen=True)
class Aligned:
    """As much of an alignment as the later stages look at."""

    residual_rms_m: float = 0.0
    verdict: str = "good"
    reason: str = ""
    east_m: float = 0.0
    north_m: float = 0.0


def utm_grid(rows: int, cols: int, gsd_m: float = 0.5) -> Grid:
    origin = Affine.translation(500_000, 4_400_000) @ Affine.scale(gsd_m, -gsd_m)
    return Grid(CRS.from_epsg(32652), origin, (rows, cols))


def rectangle(grid: Grid, row: float, col: float, length_m: float, width_m: float, azimuth: float):
    """True inside a rectangle about (row, col), its length along ``azimuth`` degrees."""
    r, c = np.mgrid[: grid.shape[0], : grid.shape[1]]
    step = np.sqrt(abs(grid.transform.determinant))
    east, north = (c - col) * step, (row - r) * step
    a = np.radians(azimuth)
    along, across = east * np.sin(a) + north * np.cos(a), east * np.cos(a) - north * np.sin(a)
    # Half open, so that a side along the pixels holds as many of them as it is long.
    long, wide = length_m / 2, width_m / 2
    return (along >= -long) & (along < long) & (across >= -wide) & (across < wide)


def soften(truth: np.ndarray, classes: int, sure: float, rng, noise: float) -> np.ndarray:
    """Probabilities (class, row, col) that favour ``truth`` (row, col, from 0) by ``sure``."""
    p = np.full((classes, *truth.shape), (1 - sure) / (classes - 1))
    np.put_along_axis(p, truth[None].astype(int), sure, axis=0)
    p *= np.exp(noise * rng.standard_normal(p.shape))
    return (p / p.sum(axis=0)).astype(np.float32)


def land_cover(truth, grid, rng, sure=0.9, noise=0.2, valid=None) -> LandCover:
    valid = np.ones(grid.shape, bool) if valid is None else valid
    p = soften(np.asarray(truth) - 1, 8, sure, rng, noise)
    return LandCover(p * valid, valid.copy(), grid)


def kinds_of(before, after, replaced=None) -> np.ndarray:
    kinds = np.where(before == after, 0, 3)
    kinds[(after == Cover.BUILDING) & (before != after)] = 1
    kinds[(before == Cover.BUILDING) & (before != after)] = 2
    if replaced is not None:
        kinds[replaced] = 1
    return kinds


def evidence_of(kinds, grid, rng, sure=0.93, noise=0.2, valid=None) -> Evidence:
    valid = np.ones(grid.shape, bool) if valid is None else valid
    p = soften(np.asarray(kinds), 4, sure, rng, noise)
    return Evidence(p * valid, valid.copy(), grid, PRIOR)


def picture(truth, grid, rng, noise=4.0, valid=None, date=None) -> Raster:
    valid = np.ones(grid.shape, bool) if valid is None else valid
    bands = COLOUR[np.asarray(truth)].transpose(2, 0, 1)
    bands = (bands + noise * rng.standard_normal(bands.shape)).astype(np.float32) * valid
    return Raster(bands, valid.copy(), grid, Sensor(RGB, grid.gsd_m), date)


def shifted(array, rows: int, cols: int):
    """``array`` (..., row, col) moved by whole pixels, its edge repeated."""
    r = np.clip(np.arange(array.shape[-2]) - rows, 0, array.shape[-2] - 1)
    c = np.clip(np.arange(array.shape[-1]) - cols, 0, array.shape[-1] - 1)
    return array[..., r[:, None], c]


def change_map(after_codes, grid, inside=None, probability=None, replaced=None) -> ChangeMap:
    """A change map that says these ``after_codes`` (10 · before + after) with certainty."""
    codes = np.asarray(after_codes, np.uint8)
    inside = np.ones(grid.shape, bool) if inside is None else inside
    replaced = np.zeros(grid.shape, bool) if replaced is None else replaced
    new = (codes % 10 == Cover.BUILDING) & (codes // 10 != Cover.BUILDING) & (codes > 0) | replaced
    hectares = np.where(inside & (codes > 0), grid.pixel_hectares[:, None], 0.0)
    table = np.zeros((1, 1, 8, 8))
    seen = codes > 0
    pairs = codes[seen] // 10 - 1, codes[seen] % 10 - 1
    np.add.at(table[0, 0], pairs, hectares[seen])
    return ChangeMap(
        codes=np.where(inside, codes, 255).astype(np.uint8),
        probability=inside.astype(np.float32),
        replaced=replaced & inside,
        new_building=new,
        new_building_probability=(
            new.astype(np.float32) if probability is None else probability.astype(np.float32)
        ),
        expected_hectares=table,
        replaced_hectares=np.array([[hectares[replaced].sum()]]),
        faint_hectares=np.zeros((8, 8)),
        noise_hectares=np.zeros((8, 8)),
        replaced_noise_hectares=0.0,
        total_noise_hectares=dict.fromkeys(TOTALS, 0.0),
        mirrored_noise_hectares=dict.fromkeys(TOTALS, 0.0),
        cell_px=max(grid.shape),
        seen_hectares=np.array([[hectares.sum()]]),
        aoi_hectares=float(inside.sum(axis=1) @ grid.pixel_hectares),
        grid=grid,
    )
