from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from landshift.radiometry import apply_curve, fit_curve, match_radiometry
from landshift.raster import Raster
from landshift.sensor import Sensor
from landshift.settings import RadiometrySettings
from posteriors import RGB, utm_grid

SETTINGS = RadiometrySettings()
GRID = utm_grid(90, 100, 1.0)


def ground(seed=0, bands=3):
    """Smooth ground with some texture, 20 to 200."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.standard_normal((bands, *GRID.shape)), (0, 4, 4))
    smooth = smooth / smooth.std() + 0.2 * rng.standard_normal(smooth.shape)
    return (110 + 35 * smooth).clip(20, 200)


def raster(bands, roles=RGB, valid=None):
    valid = np.ones(GRID.shape, bool) if valid is None else valid
    return Raster((bands * valid).astype(np.float32), valid.copy(), GRID, Sensor(roles, 1.0))


def miss(one, two, where=slice(None)):
    return float(np.abs(one.bands - two.bands)[:, where].mean())


@pytest.mark.parametrize(
    "distort",
    [
        lambda v: 0.6 * v + 40,
        lambda v: 255 * (v / 255) ** 0.6,
        lambda v: 1000 + 8 * v,
        lambda v: v / 255,
        lambda v: np.minimum(1.3 * v, 210),
    ],
)
def test_gain_offset_gamma_and_clipping_are_undone(distort):
    reference = raster(ground())
    moving = raster(distort(ground()))
    matched = match_radiometry(moving, reference, SETTINGS)
    bright = ground().max(axis=0) < 160  # what was clipped cannot come back
    assert miss(matched, reference, bright) < 2.5


def test_what_was_built_does_not_bend_the_curve():
    reference = raster(ground())
    changed = 0.7 * ground() + 30
    changed[:, 10:50, 10:70] = np.array([60.0, 90.0, 200.0])[:, None, None]
    same = np.ones(GRID.shape, bool)
    same[10:50, 10:70] = False
    matched = match_radiometry(raster(changed), reference, SETTINGS)
    assert miss(matched, reference, same) < 5.0
    untrimmed = match_radiometry(raster(changed), reference, replace(SETTINGS, rounds=0))
    assert miss(matched, reference, same) < 0.5 * miss(untrimmed, reference, same)


def test_only_shared_roles_are_drawn_over():
    values = ground(bands=4)
    reference = raster(values[:3], ("blue", "green", "red"))
    moving = raster(0.5 * values[[2, 3, 0]], ("red", "nir", "blue"))
    matched = match_radiometry(moving, reference, SETTINGS)
    np.testing.assert_allclose(matched.bands[0], values[2], atol=3.0)
    np.testing.assert_allclose(matched.bands[2], values[0], atol=3.0)
    np.testing.assert_array_equal(matched.bands[1], moving.bands[1])
    assert matched.sensor == moving.sensor


def test_a_picture_matched_with_itself_stays():
    picture = raster(ground())
    matched = match_radiometry(picture, picture, SETTINGS)
    np.testing.assert_allclose(matched.bands, picture.bands, atol=1e-3)


def test_unseen_pixels_stay_zero_and_too_few_change_nothing():
    valid = np.zeros(GRID.shape, bool)
    valid[:, :50] = True
    reference = raster(ground())
    moving = raster(0.5 * ground() + 10, valid=valid)
    matched = match_radiometry(moving, reference, SETTINGS)
    assert not matched.bands[:, :, 50:].any()
    assert np.abs(matched.bands - reference.bands)[:, :, :50].mean() < 2.5
    valid = np.zeros(GRID.shape, bool)
    valid[:5, :5] = True
    few = raster(ground(), valid=valid)
    assert match_radiometry(few, reference, SETTINGS) is few
    other = raster(ground(), ("nir", "swir1", ""))
    assert match_radiometry(other, reference, SETTINGS) is other


def test_unrelated_pictures_are_matched_by_mean_and_spread_alone():
    matched = match_radiometry(raster(0.5 * ground(1)), raster(ground(2)), SETTINGS)
    assert np.isfinite(matched.bands).all()
    assert matched.bands.mean() == pytest.approx(ground(2).mean(), rel=0.15)


def test_a_flat_band_stays_as_it_is():
    flat = raster(np.full((3, *GRID.shape), 50.0))
    matched = match_radiometry(flat, raster(ground()), SETTINGS)
    np.testing.assert_array_equal(matched.bands, flat.bands)


def test_different_grids_are_refused():
    other = Raster(np.zeros((3, 4, 4), np.float32), np.ones((4, 4), bool), utm_grid(4, 4),
                   Sensor(RGB, 1.0))  # fmt: skip
    with pytest.raises(ValueError, match="different grids"):
        match_radiometry(other, raster(ground()), SETTINGS)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(2, 12))
def test_curves_never_turn_back(seed, count, knots):
    rng = np.random.default_rng(seed)
    given_ = rng.integers(0, 6, count).astype(np.float32)
    wanted = (given_ + rng.integers(0, 4, count)).astype(np.float32)
    curve = fit_curve(given_, wanted, replace(SETTINGS, knots=knots))
    values = np.linspace(-5, 15, 50, dtype=np.float32)
    mapped = apply_curve(values, *curve)
    assert np.isfinite(mapped).all()
    assert np.all(np.diff(mapped) >= -1e-4)
