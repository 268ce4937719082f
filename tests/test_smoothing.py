"""At which pixels probabilities are smoothed."""

import numpy as np
import pytest

from landshift.legend import Cover
from landshift.settings import TransitionSettings
from landshift.transition import smoothed_posteriors
from posteriors import Aligned, evidence_of, land_cover, picture, utm_grid


def test_a_building_of_one_coarse_pixel_is_not_smoothed_away():
    lone = np.zeros((20, 20), int)
    lone[10, 10] = 1
    seen = {}
    for gsd_m in (3.0, 10.0):
        grid, rng = utm_grid(20, 20, gsd_m), np.random.default_rng(1)
        cover = land_cover(np.full(grid.shape, Cover.CROPLAND), grid, rng)
        evidence = evidence_of(lone, grid, rng, 0.8, 0.0)
        pictures = (picture(np.full(grid.shape, Cover.CROPLAND), grid, rng),) * 2
        found = smoothed_posteriors(
            cover, cover, evidence, Aligned(0.0), pictures, TransitionSettings()
        )
        seen[gsd_m] = found.kinds[1, 10, 10] / evidence.probability[1, 10, 10]
    assert seen[10.0] == pytest.approx(1.0)
    assert seen[3.0] < 0.8
