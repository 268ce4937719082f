"""Registration kernels against slow twins, and the properties that need none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conftest import COMPILED
from landshift.kernels import gradient, registration, window
from oracles import registration as oracle

FEW = settings(deadline=None, max_examples=30 if COMPILED else 8)
values = st.sampled_from([0.0, 1.0, -1.0, 255.0]) | st.floats(-1e4, 1e4, width=32)
sides = st.integers(3, 9)
floors = st.sampled_from([1e-12, 1.0]) | st.floats(0.125, 100, width=32)


@st.composite
def pictures(draw, least=3, most=9):
    shape = draw(st.tuples(st.integers(least, most), st.integers(least, most)))
    in_float = hnp.arrays(np.float32, shape, elements=values)
    image = draw(in_float | hnp.arrays(np.uint16, shape))
    return image, draw(hnp.arrays(np.bool_, shape))


@FEW
@given(pictures(), floors, st.booleans())
def test_phasor_image(picture, floor, doubled):
    image, valid = picture
    found = np.empty(image.shape, np.complex64)
    gradient.phasor_image(image, valid, np.float32(floor), doubled, found)
    expected = oracle.phasor_image(image.astype(float), valid, np.float32(floor), doubled)
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert np.abs(found).max() <= 1 + 1e-5


@FEW
@given(pictures(), floors)
def test_doubled_phasors_do_not_see_reversed_contrast(picture, floor):
    image, valid = picture
    one, other = np.empty((2, *image.shape), np.complex64)
    image = image.astype(np.float32)
    gradient.phasor_image(image, valid, np.float32(floor), True, one)
    gradient.phasor_image(-image, valid, np.float32(floor), True, other)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("shrink", "halvings"), [(gradient.halve, 1), (gradient.quarter, 2)])
@FEW
@given(pictures(2, 13))
def test_halve_and_quarter(shrink, halvings, picture):
    image, valid = picture
    expected, expected_seen = image.astype(np.float32), valid
    shape = image.shape[0] >> halvings, image.shape[1] >> halvings
    found, seen = np.empty(shape, np.float32), np.empty(shape, np.bool_)
    shrink(image, valid, found, seen)
    for _ in range(halvings):
        expected, expected_seen = oracle.halve(expected, expected_seen)
    np.testing.assert_array_equal(seen, expected_seen)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-2)


@FEW
@given(pictures(), st.integers(1, 4))
def test_neighbour_differences(picture, step):
    image, valid = picture
    found = np.empty((image.shape[0] // step + 1) * (image.shape[1] // step + 1), np.float32)
    count = gradient.neighbour_differences(image, valid, step, found)
    expected = oracle.neighbour_differences(image.astype(np.float32), valid, step)
    np.testing.assert_array_equal(found[:count], expected.ravel())


@pytest.mark.parametrize("blur", [0.0, 0.8, 1.75])
def test_filters_sum_to_one_and_are_symmetric(blur):
    table = window.filter_table(blur)
    np.testing.assert_allclose(table.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(table, table[::-1, ::-1], atol=2e-7)


@FEW
@given(
    hnp.arrays(np.float32, (2, 3, 4), elements=st.floats(-50, 50, width=32)),
    st.lists(st.tuples(st.floats(-20, 60), st.floats(-20, 60)), min_size=1, max_size=6),
)
def test_lattice_values(lattice, places):
    row, col = np.array(places, float).T.copy()
    found = np.empty((2, row.size))
    window.lattice_values(lattice, 8.0, row, col, found)
    expected = oracle.lattice_values(lattice, 8.0, row, col)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@FEW
@given(hnp.arrays(np.float32, (2, 3, 3), elements=st.floats(-5, 5, width=32)))
def test_patch_displacement_is_the_lattice_at_every_pixel(lattice):
    down, right = np.empty((2, 5, 7), np.float32)
    window.patch_displacement(lattice, 4.0, -2, 3, down, right)
    row, col = np.meshgrid(np.arange(5.0) - 2, np.arange(7.0) + 3, indexing="ij")
    expected = oracle.lattice_values(lattice, 4.0, row, col)
    np.testing.assert_allclose(np.stack([down, right]), expected, atol=1e-5)


@FEW
@given(
    hnp.arrays(np.float32, (11, 12), elements=st.floats(0, 255, width=32)),
    st.floats(-6, 14), st.floats(-6, 14), st.sampled_from([0.0, 1.0]),
)  # fmt: skip
def test_cut_shifted(image, y, x, blur):
    table = window.filter_table(blur)
    patch, lines = np.empty((4, 4), np.float32), np.empty((32, 4), np.float32)
    window.cut_shifted(image, y, x, table, lines, patch)
    # the table knows 512 sub-pixel places
    near = [np.floor(v) + np.rint((v - np.floor(v)) * 512) / 512 for v in (y, x)]
    expected = [
        [oracle.sample(image.astype(float), near[0] + r, near[1] + c, blur) for c in range(4)]
        for r in range(4)
    ]
    np.testing.assert_allclose(patch, expected, atol=0.6)


def test_cut_bent_follows_a_smooth_field():
    row, col = np.mgrid[:60, :60].astype(np.float32)
    scene = lambda r, c: np.sin(r / 3) * np.cos(c / 4) + np.sin((r + c) / 5)  # noqa: E731
    down = 2.3 + 0.02 * row[:24, :24] - 0.015 * col[:24, :24]
    right = -1.6 + 0.01 * row[:24, :24] + 0.02 * col[:24, :24]
    patch, lines = np.empty((24, 24), np.float32), np.empty((48, 24), np.float32)
    image = scene(row, col)
    assert window.cut_bent(image, 18, 16, down, right, window.filter_table(0.0), lines, patch)
    expected = scene(18 + row[:24, :24] + down, 16 + col[:24, :24] + right)
    assert np.abs(patch - expected).max() < 0.02


def test_cut_bent_refuses_what_its_scratch_cannot_hold():
    down = np.linspace(0, 90, 16, dtype=np.float32)[:, None] * np.ones(16, np.float32)
    patch, lines = np.empty((16, 16), np.float32), np.empty((30, 16), np.float32)
    image = np.zeros((200, 40), np.float32)
    table = window.filter_table(0.0)
    assert not window.cut_bent(image, 5, 5, down, 0 * down, table, lines, patch)


spectra = hnp.arrays(
    np.complex64, (2, 3, 6, 6),
    elements=st.complex_numbers(max_magnitude=10, width=64, allow_nan=False),
)  # fmt: skip


@FEW
@given(spectra, hnp.arrays(np.float32, (6, 6), elements=st.floats(0, 1, width=32)))
def test_cross_spectra(pair, weight):
    expected, expected_energy = oracle.cross_spectra(*pair.astype(complex), weight)
    moving, energy = pair[1].copy(), np.empty(3, np.float32)
    registration.cross_spectra(pair[0], moving, weight, energy)
    np.testing.assert_allclose(moving, expected, atol=1e-3)
    np.testing.assert_allclose(energy, expected_energy, rtol=1e-3, atol=1e-3)
    total = np.abs(moving.real.sum((1, 2)))
    assert (total <= energy * 1.001 + 1e-2).all()


@FEW
@given(spectra)
def test_damped_cross_spectrum(pair):
    weights = np.linspace(0.2, 1, 6, dtype=np.float32)
    moving = pair[1, 0].copy()
    registration.damped_cross_spectrum(pair[0, 0], moving, weights, weights[::-1].copy())
    expected = oracle.damped_cross_spectrum(*pair[:, 0].astype(complex), weights, weights[::-1])
    np.testing.assert_allclose(moving, expected, atol=1e-3)


@FEW
@given(spectra, hnp.arrays(np.float32, 3, elements=st.sampled_from([0.0, 0.5, 1.0])))
def test_pool_spectra(pair, trust):
    ring = np.add.outer(np.arange(6), np.arange(6)) // 3
    found = np.zeros((3, ring.max() + 1))
    registration.pool_spectra(pair[0], pair[1], trust, ring, *found)
    expected = oracle.pool_spectra(*pair.astype(complex), trust.astype(float), ring)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


@FEW
@given(hnp.arrays(np.complex64, (2, 8, 8),
                  elements=st.sampled_from([0, 1, 2]) | st.complex_numbers(max_magnitude=5,
                                                                         width=64)))  # fmt: skip
def test_find_peaks(surfaces):
    place = np.empty((2, 2))
    height, second = np.empty((2, 2), np.float32)
    registration.find_peaks(surfaces, 3, 1, place, height, second)
    for k in range(2):
        best, value, other = oracle.find_peak(surfaces[k], 3, 1)
        assert tuple(place[k]) == best
        assert height[k] == value
        assert second[k] == np.float32(other)


@FEW
@given(spectra, st.floats(-3, 3), st.floats(-3, 3))
def test_correlation_at(pair, y, x):
    frequency = (2 * np.pi * np.fft.fftfreq(6)).astype(np.float32)
    found = registration.correlation_at(pair[0, 0], y, x, frequency, *np.empty((2, 6), np.float32))
    np.testing.assert_allclose(found, oracle.correlation_at(pair[0, 0], y, x), atol=1e-2)


@given(st.floats(-1, 1), st.floats(-1, 1))
@FEW
def test_refined_peaks_find_a_known_shift(down, right):
    side = 16
    w = 2 * np.pi * np.fft.fftfreq(side)
    weight = np.exp(-(w[:, None] ** 2 + w**2))
    cross = (weight * np.exp(-1j * (w[:, None] * down + w * right))).astype(np.complex64)[None]
    place = np.array([[round(down), round(right)]], float)
    height, curvature = np.empty(1), np.empty((1, 3))
    registration.refine_peaks(cross, 6, place, height, curvature)
    np.testing.assert_allclose(place[0], [down, right], atol=1e-3)
    assert curvature[0, 0] > 0
    assert height[0] == pytest.approx(weight.sum(), rel=1e-3)


@pytest.mark.parametrize("doubled", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_windows_see_no_further_than_the_picture(whole, doubled):
    image = np.random.default_rng(1).normal(size=(40, 44)).astype(np.float32)
    valid = np.ones(image.shape, bool)
    if not whole:
        valid[:, 20:] = False
    tops, lefts = np.array([4, -30, 4]), np.array([4, 4, 24])
    phasors, share = np.empty((3, 12, 12), np.complex64), np.empty(3, np.float32)
    window.cut_windows(
        image, valid, whole, tops, lefts, np.zeros((2, 2, 2), np.float32), 64.0, np.float32(0.1),
        doubled, np.ones((12, 12), np.float32), window.filter_table(0.0), phasors, share,
    )  # fmt: skip
    assert share[1] == 0
    assert not phasors[1].any()
    assert (share[2] == 0) == (not whole)
    assert share[0] > 0.8
    if whole:
        expected = oracle.phasor_image(image.astype(float), valid, 0.1, doubled)[4:16, 4:16]
        np.testing.assert_allclose(phasors[0], expected, atol=1e-3)


@pytest.mark.parametrize("slope", [0.0, 0.02])
@pytest.mark.parametrize("blur", [0.0, 1.0])
def test_windows_of_16_bits_are_those_of_the_same_values_in_float(slope, blur):
    image = np.random.default_rng(3).integers(0, 65536, (40, 44)).astype(np.uint16)
    lattice = np.full((2, 6, 6), 0.4, np.float32) + slope * np.arange(6, dtype=np.float32)
    tops, lefts = np.array([0, 12, 30]), np.array([0, 14, 30])
    found = []
    for picture in (image, image.astype(np.float32)):
        phasors, share = np.empty((3, 10, 10), np.complex64), np.empty(3, np.float32)
        window.cut_windows(
            picture, np.ones(image.shape, bool), True, tops, lefts, lattice, 8.0, np.float32(9.0),
            False, np.ones((10, 10), np.float32), window.filter_table(blur), phasors, share,
        )  # fmt: skip
        found.append(phasors)
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)


@pytest.mark.parametrize("slope", [0.0, 0.02])
@pytest.mark.parametrize("whole", [False, True])
def test_windows_are_the_same_cut_singly_or_out_of_the_whole(whole, slope):
    rng = np.random.default_rng(2)
    image = rng.normal(size=(100, 90)).astype(np.float32)
    valid = np.ones(image.shape, bool) if whole else rng.random(image.shape) > 0.01
    lattice = np.full((2, 13, 12), 1.3, np.float32)
    lattice[0] += slope * np.arange(12, dtype=np.float32)
    lattice[1] -= slope * np.arange(13, dtype=np.float32)[:, None]
    tops, lefts = np.array([0, 4, 60, 30]), np.array([0, 40, 50, 20])
    common = {"image": image, "valid": valid, "whole": whole, "lattice": lattice, "step": 8.0,
              "floor": np.float32(0.1), "doubled": False,
              "table": window.filter_table(0.0)}  # fmt: skip
    taper = rng.random((20, 20)).astype(np.float32)
    singly, share = np.empty((4, 20, 20), np.complex64), np.empty(4, np.float32)
    window.cut_windows(tops=tops, lefts=lefts, taper=taper, phasors=singly, share=share, **common)
    phasors, known = np.empty(image.shape, np.complex64), np.empty(image.shape, np.bool_)
    window.cut_whole(phasors=phasors, known=known, **common)
    gathered, of_whole = np.empty_like(singly), np.empty_like(share)
    window.gather_windows(phasors, tops, lefts, taper, gathered)
    window.shares_known(known, tops, lefts, 20, of_whole)
    np.testing.assert_allclose(of_whole, share, atol=1e-6)
    assert np.abs(gathered).max() > 0.3
    # between pixels the two passes of a bent cut depend a little on where it begins
    assert np.abs(gathered - singly).max() < (1e-5 if slope == 0 else 0.1)
