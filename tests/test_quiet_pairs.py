"""Simulated pairs in which one thing differs, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from landshift.simulation.families import QUIET_FAMILIES, simulate_quiet

SHAPE = (72, 64)
GSD_M = 1.0


@pytest.fixture(scope="module")
def pairs():
    return {family: simulate_quiet(family, 4, SHAPE, GSD_M) for family in QUIET_FAMILIES}


@pytest.mark.parametrize("family", QUIET_FAMILIES)
def test_a_seed_gives_one_pair_of_display_values(pairs, family):
    pair = pairs[family]
    again = simulate_quiet(family, 4, SHAPE, GSD_M)
    for one, other in ((pair.before, again.before), (pair.after, again.after)):
        assert one.shape == (3, *SHAPE)
        assert 0.0 <= one.min() < one.max() <= 1.0
        np.testing.assert_array_equal(one, other)
    assert (pair.days[0] != pair.days[1]) == (family == "season")
    assert (pair.east_m != 0.0) == (family == "shift")


def test_one_pixel_of_shift_is_all_that_a_shifted_pair_differs_by(pairs):
    pair = pairs["shift"]
    assert np.hypot(pair.east_m, pair.north_m) == pytest.approx(GSD_M)
    # content that lies further east and north is found at greater columns and lesser rows
    back = -pair.north_m, pair.east_m
    moved = [ndimage.shift(band, back, order=1, mode="nearest") for band in pair.before]
    inner = np.s_[:, 4:-4, 4:-4]
    left = np.abs(np.array(moved) - pair.after)[inner].mean()
    there = np.abs(pair.before - pair.after)[inner].mean()
    assert left < 0.8 * there, (left, there)  # noise, and the blur of moving it, remain


def test_haze_takes_contrast_and_leaves_edges_where_they_are(pairs):
    pair = pairs["haze"]
    one, other = (values.mean(axis=0) for values in (pair.before, pair.after))
    assert other.std() < one.std()
    steps = [np.hypot(*np.gradient(values)).ravel() for values in (one, other)]
    assert np.corrcoef(*steps)[0, 1] > 0.5


def test_only_what_grows_changes_with_the_season_and_only_film_with_the_film():
    from landshift.simulation import families
    from landshift.simulation.surfaces import BUILDING, GREENHOUSE

    for family, changing in (("season", families._GROWING), ("film", (GREENHOUSE,))):
        seeds = (4, families._STREAM, QUIET_FAMILIES.index(family))
        scene = families._set_scene(family, seeds, (240, 240), 0.5)
        before = families._seen(scene, scene.weather, 0)
        families._CHANGES[family](scene, before, GSD_M)
        table = scene.stage.table
        first, later = table.looks
        differ = {c for c, a, b in zip(table.cover, first, later, strict=True) if a is not b}
        assert differ
        assert differ <= set(changing)
        assert BUILDING not in differ


def test_a_family_that_is_none_is_refused():
    with pytest.raises(ValueError, match="family must be one of"):
        simulate_quiet("weather", 0, SHAPE, GSD_M)
