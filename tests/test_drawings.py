"""What is the same in two files and is no ground: drawings over both, and edges of JPEG blocks."""

from __future__ import annotations

import io
from itertools import product

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as Picture
from PIL import ImageDraw
from pyproj import CRS
from scipy import ndimage

from landshift.alignment import align_brightness
from landshift.alignment.blocks import block_edges
from landshift.alignment.drawings import drawn_alike
from landshift.grid import Grid
from landshift.kernels import gradient
from landshift.raster import Brightness
from landshift.settings import AlignmentSettings, DrawingSettings

jit = pytest.mark.jit
SETTINGS = AlignmentSettings()
SIDE = 288


def ground(seed, side=SIDE):
    """Fields and their texture, 8 bits."""
    rng = np.random.default_rng(seed)
    layers = [ndimage.gaussian_filter(rng.normal(size=(side, side)), s) * s for s in (1.2, 3, 9)]
    picture = sum(layers) + 1.5 * (layers[2] > 0)
    low, high = np.percentile(picture, (1, 99))
    noise = rng.normal(0, 2, picture.shape)
    return np.clip(60 + 120 * (picture - low) / (high - low) + noise, 0, 255).astype(np.uint8)


def relit(picture, seed):
    noise = np.random.default_rng(seed).normal(0, 4, picture.shape)
    return np.clip(255 * (picture / 255) ** 0.8 + noise, 0, 255).astype(np.uint8)


def framed(picture):
    """A map's border with a caption, a scale bar and labels."""
    image = Picture.fromarray(picture)
    pen, side = ImageDraw.Draw(image), picture.shape[0]
    for box in ((0, 0, side, 14), (0, side - 30, side, side), (0, 0, 14, side),
                (side - 14, 0, side, side)):  # fmt: skip
        pen.rectangle(box, fill=255)
    pen.rectangle((14, 14, side - 14, side - 30), outline=0, width=2)
    pen.text((20, side - 22), "Site 14, county of nowhere, 40.1 N 129.6 E", fill=0)
    for k in range(20, side - 20, 24):
        pen.line((k, 6, k, 14), fill=0, width=2)
        pen.line((6, k, 14, k), fill=0, width=2)
    for row, col in product((40, 130, 210), (40, 140, 220)):
        pen.text((col, row), "Hall 7", fill=255, stroke_width=1, stroke_fill=0)
        pen.rectangle((col - 6, row + 14, col + 36, row + 30), outline=0, width=2)
    return np.asarray(image)


def jpeg(picture, quality):
    file = io.BytesIO()
    Picture.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Picture.open(file))


def brightness(picture):
    grid = Grid(CRS.from_epsg(32652), Affine(1, 0, 500_000, 0, -1, 4_600_000), picture.shape)
    return Brightness(picture.astype(np.float32), np.ones(picture.shape, bool), grid)


def aligned(one, other):
    return align_brightness(brightness(one), brightness(other), SETTINGS)


@jit
@pytest.mark.parametrize("quality", [None, 85])
def test_two_places_under_one_frame_are_not_registered_by_it(quality):
    pictures = [framed(ground(seed)) for seed in (1, 2)]
    if quality is not None:
        pictures = [jpeg(picture, quality) for picture in pictures]
    assert aligned(*pictures).verdict == "failed"


@jit
def test_a_frame_does_not_hold_one_place_that_moved():
    wide = ground(3, SIDE + 6)
    found = aligned(framed(wide[:SIDE, :SIDE]), framed(relit(wide, 4)[6:, 6:]))
    assert found.verdict != "failed"
    assert np.hypot(found.north_m + 6, found.east_m - 6) < 0.5


def test_frames_are_drawings_and_the_rest_is_ground():
    plain = [ground(seed) for seed in (5, 6)]
    drawn = drawn_alike(*(brightness(framed(one)) for one in plain), SETTINGS.drawings)
    strokes = np.abs(np.diff(framed(np.full((SIDE, SIDE), 128, np.uint8)).astype(int), axis=0)) > 60
    assert drawn[:-1][strokes].mean() > 0.9
    assert drawn.mean() < 0.65
    assert drawn_alike(*(brightness(one) for one in plain), SETTINGS.drawings) is None


def test_lines_of_a_map_grid_are_drawings():
    pictures = [ground(seed).astype(np.uint8) for seed in (7, 8)]
    for picture in pictures:
        picture[100], picture[:, 150] = 255, 0
    drawn = drawn_alike(*map(brightness, pictures), SETTINGS.drawings)
    assert min(drawn[100].mean(), drawn[:, 150].mean()) > 0.6
    assert drawn.mean() < 0.15


@pytest.mark.parametrize("altered", [20, 120])
def test_one_picture_of_which_part_was_altered_is_no_drawing(altered):
    before = ground(9)
    after = before.copy()
    after[:altered, :altered] = 230
    assert drawn_alike(brightness(before), brightness(after), SETTINGS.drawings) is None


def test_ground_in_the_same_light_is_no_drawing():
    before = ground(10)
    after = np.clip(before + np.random.default_rng(0).normal(0, 1, before.shape), 0, 255)
    assert drawn_alike(brightness(before), brightness(after), SETTINGS.drawings) is None


@settings(deadline=None, max_examples=60)
@given(
    hnp.arrays(np.uint16, (11, 9), elements=st.integers(0, 40)),
    hnp.arrays(np.uint16, (11, 9), elements=st.integers(0, 40)),
    hnp.arrays(np.bool_, (11, 9), elements=st.sampled_from([True] * 30 + [False])),
    st.sampled_from([(4, 4), (1, 5), (3, 1)]),
)
def test_blocks_against_a_slow_twin(one, other, valid, sides):
    other = np.where(valid, one, other)  # else none would ever be the same
    found = np.empty((11 // sides[0], 9 // sides[1]), np.uint8)
    limits = 0.3, 0.1
    gradient.compare_blocks(one, other, valid, valid, sides, limits, found)
    own, theirs = (np.stack(np.gradient(a.astype(np.float32))) for a in (one, other))
    inner = np.zeros(one.shape, bool)
    inner[1:-1, 1:-1] = True
    for at in np.ndindex(found.shape):
        block = tuple(slice(k * n, (k + 1) * n) for k, n in zip(at, sides, strict=True))
        cut = inner[block]
        a, b = own[:, *block][:, cut], theirs[:, *block][:, cut]
        varies = valid[block][cut].all() and np.abs(a).sum() > 0 and np.abs(b).sum() > 0
        share = np.abs(a - b).sum() / (np.abs(a).sum() + np.abs(b).sum()) if varies else 1.0
        if not np.isclose(share, limits).any():
            assert found[at] == int(varies) + (share < limits[0]) + (share < limits[1])


def enlarged(picture, times, down):
    big = ndimage.zoom(picture.astype(np.float32), times, order=1)[16 + down :, 16:]
    return np.clip(np.rint(big[:SIDE, :SIDE]), 0, 255).astype(np.uint8)


@jit
@pytest.mark.parametrize("quality", [None, 40])
def test_blocks_that_may_hold_an_enlarged_picture_are_told(quality):
    small = ground(21, 64)
    pictures = [enlarged(small, 8, 0), enlarged(relit(small, 12), 8, 2)]
    if quality is None:
        assert "JPEG" not in aligned(*pictures).reason
        return
    found = aligned(*(jpeg(picture, quality) for picture in pictures))
    assert found.verdict == "doubtful"
    assert "edges of JPEG blocks" in found.reason


@jit
def test_blocks_do_not_hold_a_picture_in_its_own_pixels():
    before = ground(13)
    found = aligned(jpeg(before, 50), jpeg(relit(before, 14), 50))
    assert (found.verdict, found.reason) == ("good", "")


def test_block_edges_stand_out_on_their_place():
    steps = np.kron(np.random.default_rng(1).integers(0, 255, (9, 9)), np.ones((8, 8)))
    one = brightness(steps + np.random.default_rng(2).normal(0, 2, steps.shape))
    for axis in (0, 1):
        edges = block_edges(one, axis)
        assert edges.argmax() == 7
        assert edges.max() > 5
    np.testing.assert_array_equal(block_edges(brightness(np.ones((20, 20))), 0), np.ones(8))
    assert DrawingSettings().block_apart < DrawingSettings().alike_apart
