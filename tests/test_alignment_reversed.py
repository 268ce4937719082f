"""An alignment read from the other side."""

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from landshift.alignment import Alignment
from landshift.alignment.tie_points import no_ties
from landshift.grid import Grid

jit = pytest.mark.jit
GSD = 2.0


def bent(rows, cols, shift_px, slope, bend_px):
    """An alignment of any smooth displacement, with tie points on it."""
    grid = Grid(CRS.from_epsg(32652), Affine(GSD, 0, 4e5, 0, -GSD, 4.4e6), (rows, cols))
    step = 8.0
    row, col = np.meshgrid(*(np.arange(n // step + 2) * step for n in (rows, cols)), indexing="ij")
    wave = bend_px * np.sin(2 * np.pi * row / rows) * np.cos(2 * np.pi * col / cols)
    px = np.stack([shift_px[0] + slope * row + wave, shift_px[1] - slope * col + wave])
    place = np.stack([row.ravel(), col.ravel()], axis=1)
    ties = replace(no_ties(), place=place, moved=px.reshape(2, -1).T, miss=0 * place)
    return replace(
        Alignment.identity(grid), model="field", lattice_step_px=step, tie_points=ties,
        lattice_m=np.stack([-px[1], px[0]]).astype(np.float32) * np.float32(GSD),
        uncertainty_lattice_m=np.abs(px[0]).astype(np.float32),
    )  # fmt: skip


@jit
@pytest.mark.parametrize("shift_px", [(0.0, 0.0), (3.0, -5.0), (-40.0, 25.0)])
@pytest.mark.parametrize(("slope", "bend_px"), [(0.0, 0.0), (0.01, 0.0), (0.01, 2.0)])
def test_an_alignment_read_from_the_other_side_undoes_it(shift_px, slope, bend_px):
    there = bent(200, 240, shift_px, slope, bend_px)
    back = there.reversed()
    rng = np.random.default_rng(3)
    x, y = there.grid.xy(rng.uniform(60, 140, 50), rng.uniform(60, 180, 50))
    east, north = there.displacement(x, y)
    again = back.displacement(x - east, y - north)
    # between nodes 8 px apart each side is bilinear and misses a bend by h²/8 of its curvature
    near = 2 * 8**2 / 8 * 2 * (2 * np.pi / 200) ** 2 * bend_px * GSD + 1e-3
    assert np.stack(again) == pytest.approx(-np.stack([east, north]), abs=near)
    assert back.uncertainty(x - east, y - north) == pytest.approx(
        there.uncertainty(x, y), abs=near
    )
    np.testing.assert_allclose(
        back.tie_points.place + back.tie_points.moved, there.tie_points.place
    )
    assert (back.verdict, back.reason, back.model) == (there.verdict, there.reason, there.model)


@jit
def test_what_is_told_of_an_alignment_is_that_of_the_grids_middle():
    there = bent(200, 320, (3.0, -5.0), 0.01, 2.0)
    east, north = there.displacement(*there.grid.xy(np.array([99.5]), np.array([159.5])))
    assert (there.east_m, there.north_m) == pytest.approx((east[0], north[0]))
    assert there.uncertainty_m == pytest.approx(np.median(there.uncertainty_lattice_m))
    miss = np.arange(2.0 * len(there.tie_points)).reshape(-1, 2)
    there = replace(there, tie_points=replace(there.tie_points, miss=miss))
    back = there.reversed().tie_points
    np.testing.assert_array_equal(back.miss, -miss)
    np.testing.assert_array_equal(back.moved, -there.tie_points.moved)
