"""The one resampling: kernel against its slow twin, and what must hold for any picture."""

from __future__ import annotations

from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landshift.kernels import resampling as kernel
from oracles import resampling as oracle

INF = np.float32(np.inf)


def resampled(resample_block, source, valid, places, scales=(1.0, 1.0), limits=(-INF, INF)):
    """``source`` at y = top + row * down …, as an affine lattice says it."""
    (top, y_down, y_along), (left, x_down, x_along), shape = places
    step = 8
    nodes = [np.arange(-(-n // step) + 1.0) * step for n in shape]
    row, col = np.meshgrid(*nodes, indexing="ij")
    rows, cols = shape
    out = np.zeros((len(source), rows + 3, cols + 4), np.float32)  # and some beyond the block
    seen = np.zeros(out.shape[1:], bool)
    resample_block(
        source=source, valid=valid, lattice_row=top + row * y_down + col * y_along,
        lattice_col=left + row * x_down + col * x_along, step=step, row_scale=scales[0],
        col_scale=scales[1], low=limits[0], high=limits[1], top=2, left=1, rows=rows, cols=cols,
        out=out, out_valid=seen,
    )  # fmt: skip
    block = np.s_[2 : 2 + rows, 1 : 1 + cols]
    assert np.count_nonzero(seen) == np.count_nonzero(seen[block])
    assert np.count_nonzero(out) == np.count_nonzero(out[:, *block])
    return np.ascontiguousarray(out[:, *block]), np.ascontiguousarray(seen[block])


def plain(top=0.0, left=0.0, shape=(9, 11), gsd=1.0):
    return (top, gsd, 0.0), (left, 0.0, gsd), shape


@st.composite
def cases(draw):
    rows, cols = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    source = rng.uniform(-50, 300, (draw(st.integers(1, 3)), rows, cols)).astype(np.float32)
    valid = rng.random((rows, cols)) < draw(st.sampled_from([0.0, 0.3, 0.9, 1.0]))
    start = st.sampled_from([0.0, 0.5, 1e-5, -1.0, -0.75, 2.0]) | st.floats(-3, 9)
    turn = draw(st.sampled_from([0.0, 0.3, -0.01]))
    gsd = draw(st.sampled_from([0.25, 1.0, 1.7, 4.0]))
    shape = draw(st.integers(1, 9)), draw(st.integers(1, 17))
    places = (draw(start), gsd, turn), (draw(start), -turn, gsd), shape
    scales = draw(st.sampled_from([1.0, 1.7, 4.0])), draw(st.sampled_from([1.0, 1.25, 3.0]))
    limits = draw(st.sampled_from([(-INF, INF), (np.float32(0), np.float32(255))]))
    return source, valid, places, scales, limits


@settings(deadline=None, max_examples=100)
@given(cases())
def test_kernel_equals_oracle(case):
    got, got_seen = resampled(kernel.resample_block, *case)
    want, want_seen = resampled(oracle.resample_block, *case)
    np.testing.assert_array_equal(got_seen, want_seen)
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-3)


MOVED = st.sampled_from([0.0, 1.0, 1.00005, 1.5, 1.99995, 2.0, 2.3]) | st.floats(0, 4)


@settings(deadline=None, max_examples=100)
@given(MOVED, MOVED, st.integers(1, 17), st.booleans(), st.integers(0, 99))
def test_a_shift_alone_equals_the_oracle(top, left, cols, bounded, seed):
    source = np.random.default_rng(seed).uniform(-50, 300, (2, 9, cols + 5)).astype(np.float32)
    limits = (np.float32(0), np.float32(255)) if bounded else (-INF, INF)
    case = source, np.ones(source.shape[1:], bool), plain(top, left, (4, cols)), (1.0, 1.0), limits
    got, got_seen = resampled(kernel.resample_block, *case)
    want, want_seen = resampled(oracle.resample_block, *case)
    np.testing.assert_array_equal(got_seen, want_seen)
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-3)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 99), st.floats(-200, 200, width=32), st.sampled_from([0.3, 1.0, 2.5]))
def test_a_flat_picture_stays_flat(seed, level, gsd):
    rng = np.random.default_rng(seed)
    source = np.full((1, 30, 30), level, np.float32)
    valid = rng.random((30, 30)) < 0.8
    out, seen = resampled(
        kernel.resample_block, source, valid, plain(rng.uniform(0, 3), 1.2, (8, 8), gsd),
        (max(gsd, 1.0),) * 2,
    )  # fmt: skip
    np.testing.assert_allclose(out[0][seen], level, rtol=1e-5, atol=1e-4)
    assert not out[0][~seen].any()


def test_an_unmoved_picture_comes_through_bit_for_bit():
    rng = np.random.default_rng(0)
    source = rng.uniform(0, 255, (3, 9, 11)).astype(np.float32)
    valid = rng.random((9, 11)) < 0.7
    out, seen = resampled(kernel.resample_block, source, valid, plain())
    np.testing.assert_array_equal(seen, valid)
    np.testing.assert_array_equal(out[:, seen], source[:, valid])


def test_a_straight_slope_is_sampled_exactly():
    row, col = np.mgrid[:20, :20]
    source = (3.0 * row + 7.0 * col).astype(np.float32)[None]
    out, seen = resampled(
        kernel.resample_block, source, np.ones((20, 20), bool), plain(4.3, 5.6, (8, 8))
    )
    y, x = np.mgrid[:8, :8]
    assert seen.all()
    np.testing.assert_allclose(out[0], 3.0 * (y + 4.3) + 7.0 * (x + 5.6), rtol=1e-5)


def test_a_pixel_unseen_elsewhere_changes_nothing():
    rng = np.random.default_rng(3)
    source = rng.uniform(0, 255, (2, 60, 60)).astype(np.float32)
    valid = np.ones((60, 60), bool)
    places = (20.37, 1.0, 0.01), (20.81, -0.01, 1.0), (16, 16)
    whole, seen = resampled(kernel.resample_block, source, valid, places)
    valid[2, 2] = False
    parted, still_seen = resampled(kernel.resample_block, source, valid, places)
    assert seen.all()
    assert still_seen.all()
    np.testing.assert_allclose(parted, whole, rtol=1e-5, atol=1e-3)
    expected, _ = resampled(oracle.resample_block, source, valid, places)
    np.testing.assert_allclose(whole, expected, rtol=2e-5, atol=2e-3)


def test_stripes_too_fine_for_the_grid_become_grey_and_no_pattern():
    stripes = np.where(np.arange(120) % 2, 255.0, 0.0).astype(np.float32)
    source = np.broadcast_to(stripes, (1, 120, 120)).copy()
    out, _ = resampled(
        kernel.resample_block, source, np.ones((120, 120), bool),
        plain(20.3, 20.3, (16, 16), 4.3), (4.3, 4.3),
    )  # fmt: skip
    np.testing.assert_allclose(out, 127.5, atol=6.0)


def test_what_is_seen_ends_where_the_seen_pixels_end():
    valid = np.ones((40, 40), bool)
    valid[:, 20:] = False  # the last seen pixel reaches to column 19.5
    source = np.full((1, 40, 40), 9.0, np.float32)
    for left in np.arange(10, 11, 0.1):
        _, seen = resampled(
            kernel.resample_block, source, valid, plain(5.0, left, (8, 24)), (1.0, 1.0)
        )
        places = left + np.arange(24)
        clear = np.abs(places - 19.5) > 1e-6
        np.testing.assert_array_equal(seen[4][clear], (places < 19.5)[clear])


def test_overshoot_is_held_within_the_data_type():
    source = np.where(np.arange(20) < 10, 0.0, 255.0).astype(np.float32)
    source = np.broadcast_to(source, (1, 20, 20)).copy()
    out, _ = resampled(
        kernel.resample_block, source, np.ones((20, 20), bool), plain(4.0, 4.4, (8, 12)),
        limits=(np.float32(0), np.float32(255)),
    )  # fmt: skip
    assert out.min() == 0.0
    assert out.max() == 255.0


@pytest.mark.jit
def test_speed_of_a_megapixel_is_bounded():
    source = np.zeros((3, 1030, 1030), np.float32)
    valid = np.ones((1030, 1030), bool)
    resampled(kernel.resample_block, source[:, :9, :9].copy(), valid[:9, :9].copy(), plain())
    start = process_time()
    resampled(kernel.resample_block, source, valid, plain(2.5, 2.5, (1024, 1024)))
    assert process_time() - start < 3.0  # 0.2 s on a quiet core
