"""The network's kernels against plain numpy, down to one pixel and around every edge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landshift.kernels import classifier, convolution
from landshift.kernels.convolution import LANES, pack_weights, plane_stride
from oracles import convolution as oracle

INF = np.float32(np.inf)
DIRT = np.float32(1e6)
"""Stands wherever a kernel must not look, and must clear."""

widths = st.integers(1, 5) | st.sampled_from(
    [LANES - 1, LANES, LANES + 1, 3 * LANES, 4 * LANES + 3]
)
heights = st.integers(1, 4)
seeds = st.integers(0, 2**32 - 1)


def plane_of(values):
    """``values`` (channel, row, col) in a ring of zeros."""
    channels, rows, cols = values.shape
    plane = np.full((channels, rows + 2, plane_stride(cols)), DIRT, np.float32)
    plane[:, :, : cols + 2] = 0
    plane[:, 1:-1, 1 : cols + 1] = values
    return plane


def dirty_plane(channels, rows, cols):
    return np.full((channels, rows + 2, plane_stride(cols)), DIRT, np.float32)


def inside(plane, rows, cols):
    return plane[:, 1 : rows + 1, 1 : cols + 1]


def assert_ring_is_clear(plane, rows, cols):
    ring = plane[:, : rows + 2, : cols + 2].copy()
    ring[:, 1:-1, 1:-1] = 0
    assert not ring.any()


@st.composite
def layers(draw, side):
    rng = np.random.default_rng(draw(seeds))
    inputs, outputs = draw(st.sampled_from([1, 3, 12])), draw(st.sampled_from([4, 8, 12, 16]))
    shape = (inputs, draw(heights), draw(widths))
    kernel = (outputs, inputs, 3, 3) if side == 3 else (outputs, inputs)
    return (
        rng.normal(size=shape).astype(np.float32),
        rng.normal(size=kernel).astype(np.float32),
        rng.normal(size=outputs).astype(np.float32),
        draw(st.sampled_from([np.float32(0), -INF])),
    )


@settings(deadline=None, max_examples=60)
@given(layers(side=3))
def test_convolve3_equals_its_twin(layer):
    source, weight, bias, least = layer
    _, rows, cols = source.shape
    target = dirty_plane(len(bias), rows, cols)
    convolution.convolve3(
        plane_of(source), 0, 0, pack_weights(weight), bias, least, target, rows, cols
    )
    wanted = oracle.convolve(source, weight, bias, least)
    np.testing.assert_allclose(inside(target, rows, cols), wanted, rtol=1e-5, atol=2e-5)
    assert_ring_is_clear(target, rows, cols)


@settings(deadline=None, max_examples=60)
@given(layers(side=1), st.booleans())
def test_convolve1_equals_its_twin(layer, keep):
    source, weight, bias, least = layer
    _, rows, cols = source.shape
    start = np.random.default_rng(1).normal(size=(len(bias), rows, cols)).astype(np.float32)
    target = plane_of(start) if keep else dirty_plane(len(bias), rows, cols)
    convolution.convolve1(
        plane_of(source), 0, 0, pack_weights(weight), bias, least, keep, target, rows, cols
    )
    sums = oracle.convolve(source, weight, bias, -np.inf) + (start if keep else 0)
    np.testing.assert_allclose(
        inside(target, rows, cols), np.maximum(sums, least), rtol=1e-5, atol=2e-5
    )
    assert_ring_is_clear(target, rows, cols)


@settings(deadline=None, max_examples=40)
@given(layers(side=3), st.integers(0, 3), st.integers(0, 3))
def test_part_of_a_plane_is_convolved_like_the_whole(layer, down, right):
    source, weight, bias, least = layer
    rows, cols = max(1, source.shape[1] - down), max(1, source.shape[2] - right)
    down, right = source.shape[1] - rows, source.shape[2] - cols
    target = dirty_plane(len(bias), rows, cols)
    convolution.convolve3(
        plane_of(source), down, right, pack_weights(weight), bias, least, target, rows, cols
    )
    wanted = oracle.convolve(source, weight, bias, least)[:, down:, right:]
    np.testing.assert_allclose(inside(target, rows, cols), wanted, rtol=1e-5, atol=2e-5)


@settings(deadline=None, max_examples=40)
@given(heights, widths, seeds)
def test_halve_equals_its_twin(rows, cols, seed):
    source = np.random.default_rng(seed).normal(size=(3, 2 * rows, 2 * cols)).astype(np.float32)
    target = dirty_plane(3, rows, cols)
    convolution.halve(plane_of(source), target, rows, cols)
    np.testing.assert_array_equal(inside(target, rows, cols), oracle.halve(source))
    assert_ring_is_clear(target, rows, cols)


@settings(deadline=None, max_examples=60)
@given(heights, widths, st.data())
def test_double_equals_its_twin(rows, cols, data):
    source = np.random.default_rng(rows).normal(size=(2, rows, cols)).astype(np.float32)
    add = data.draw(st.booleans())
    top, left = data.draw(st.integers(0, 2 * rows - 1)), data.draw(st.integers(0, 2 * cols - 1))
    part = data.draw(st.integers(1, 2 * rows - top)), data.draw(st.integers(1, 2 * cols - left))
    row, col = data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))
    start = np.random.default_rng(cols).normal(size=(2, part[0] + 4, part[1] + 4))
    target = plane_of(start.astype(np.float32))
    untouched = target.copy()
    convolution.double(plane_of(source), top, left, target, row, col, *part, add)
    wanted = oracle.double(source)[:, top : top + part[0], left : left + part[1]]
    where = (slice(None), slice(row + 1, row + 1 + part[0]), slice(col + 1, col + 1 + part[1]))
    if add:
        np.testing.assert_array_equal(target[where], wanted + untouched[where])
    else:
        np.testing.assert_array_equal(target[where], wanted)
        around = target[:, row : row + part[0] + 2, col : col + part[1] + 2].copy()
        around[:, 1:-1, 1:-1] = 0
        assert not around.any()
        target[:, row : row + part[0] + 2, col : col + part[1] + 2] = 0
        untouched[:, row : row + part[0] + 2, col : col + part[1] + 2] = 0
    target[where] = untouched[where] = 0
    np.testing.assert_array_equal(target, untouched)


def test_difference_is_absolute():
    before, after = (plane_of(np.full((4, 2, 3), v, np.float32)) for v in (1.5, -2.0))
    target = dirty_plane(4, 2, 3)
    convolution.difference(before, after, target)
    np.testing.assert_array_equal(inside(target, 2, 3), 3.5)
    assert_ring_is_clear(target, 2, 3)


@settings(deadline=None, max_examples=60)
@given(heights, widths, seeds, st.sampled_from([0.1, 3.0, 300.0]))
def test_softmax_equals_its_twin(rows, cols, seed, spread):
    rng = np.random.default_rng(seed)
    logits = (rng.normal(size=(8, rows, cols)) * spread).astype(np.float32)
    scale = rng.uniform(0.5, 2, 8).astype(np.float32)
    offset = rng.normal(size=8).astype(np.float32)
    valid = rng.random((rows + 3, cols + 2)) < 0.8
    probability = np.full((8, rows + 3, cols + 2), -1, np.float32)
    classifier.softmax(plane_of(logits), scale, offset, valid, probability, 2, 1, rows, cols)
    here = probability[:, 2 : rows + 2, 1 : cols + 1]
    wanted = oracle.softmax(logits, scale, offset) * valid[2 : rows + 2, 1 : cols + 1]
    # half a unit in the last place of a logit of 1000 is 3e-5
    np.testing.assert_allclose(here, wanted, rtol=1e-4, atol=1e-6 + 1e-7 * spread)
    here[:] = -1
    assert (probability == -1).all()


@settings(deadline=None, max_examples=80)
@given(heights, widths, seeds, st.integers(0, 9), st.integers(0, 9), st.floats(0, 0.9))
def test_blend_coarse_equals_its_twin(rows, cols, seed, row, col, share):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(4, rows, cols)).astype(np.float32)
    # The coarse picture may end before the block does: the block is filled up to multiples of 16.
    half = max(1, (row + rows + 1) // 2 - seed % 3), max(1, (col + cols + 1) // 2 - seed % 2)
    coarse = rng.normal(size=(4, *half)).astype(np.float32)
    plane = plane_of(logits)
    classifier.blend_coarse(plane, coarse, np.float32(share), row, col, rows, cols)
    wanted = oracle.blend_coarse(logits, coarse, np.float32(share), row, col)
    np.testing.assert_allclose(inside(plane, rows, cols), wanted, atol=2e-6)
    assert_ring_is_clear(plane, rows, cols)


def test_exponential_is_as_exact_as_it_says():
    values = np.linspace(-80, 0, 4001, dtype=np.float32)
    bits = np.empty(values.size, np.int32)
    powers = values.copy()
    classifier.exponential(powers, bits, bits.view(np.float32))
    # the rounding of value * log2(e) grows with the value
    error = np.abs(powers / np.exp(values.astype(np.float64)) - 1)
    assert (error <= 3e-7 + 1.2e-7 * np.abs(values)).all()


def test_weights_for_three_outputs_are_a_mistake():
    with pytest.raises(ValueError, match="multiple of 4"):
        pack_weights(np.zeros((6, 3, 3, 3), np.float32))
