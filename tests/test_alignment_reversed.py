"""An alignment read from the other side."""

import re
from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from matplotlib.quiver import Quiver, QuiverKey
from pyproj import CRS

from landshift.alignment import Alignment
from landshift.alignment.quiver import draw_quiver
from landshift.alignment.tie_points import no_ties
from landshift.grid import Grid
from landshift.raster import Brightness

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


@pytest.mark.parametrize(("code", "unit_m"), [(3857, 0.777491), (2263, 0.304801)])
def test_the_drawn_field_tells_metres_on_the_ground(code, unit_m):
    place = {3857: (13_940_000.0, 4_710_000.0), 2263: (980_000.0, 200_000.0)}[code]
    grid = Grid(CRS.from_epsg(code), Affine(0.5 / unit_m, 0, place[0], 0, -0.5 / unit_m, place[1]),
                (200, 300))  # fmt: skip
    assert grid.metres_per_unit == pytest.approx(unit_m, rel=1e-5)
    still, own = Alignment.identity(grid), np.float32(grid.metres_per_unit)
    lattice = np.broadcast_to(np.float32([3.0, -2.0])[:, None, None] / own, (2, 2, 2)).copy()
    ties = replace(no_ties(), place=np.array([[50.0, 60.0]]), moved=np.array([[-4.0, -6.0]]))
    found = replace(
        still, lattice_m=lattice, uncertainty_lattice_m=np.full((2, 2), 0.1 / own, np.float32),
        tie_points=ties, kept=np.ones(1, np.bool_),
    )  # fmt: skip
    seen = Brightness(np.ones(grid.shape, np.float32), np.ones(grid.shape, np.bool_), grid)
    figure = draw_quiver(found, seen)
    assert "give or take 0.1 m" in figure.get_suptitle()
    field, bend, misses = figure.axes
    mean = re.search(r"\((.+) m east, (.+) m north\)", bend.get_title())
    assert [float(part) for part in mean.groups()] == [3.0, -2.0]
    (key,) = (one for one in field.get_children() if isinstance(one, QuiverKey))
    assert key.text.get_text() == "2 m"
    (arrows,) = (one for one in field.get_children() if isinstance(one, Quiver))
    assert np.ptp(arrows.X) == pytest.approx(300 * 0.5 * 17 / 18, rel=0.01)
    assert [one.get_text() for one in misses.texts] == ["nothing above 0.001 px"]
