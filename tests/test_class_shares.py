"""How common each class is at a place, and what that does to maps and to unchanged ground."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from landshift.alignment import Alignment
from landshift.grid import Grid
from landshift.landcover import ClassShares, LandCover, shares_of_place, weighed_by_shares
from landshift.legend import Cover
from landshift.settings import CoverSettings, TransitionSettings
from landshift.transition import find_transitions, settings_of_place
from posteriors import evidence_of, kinds_of, land_cover, utm_grid

MODEL = SimpleNamespace(class_prior=(0.3, 0.05, 0.1, 0.1, 0.1, 0.15, 0.15, 0.05))


def cover_of(probability, gsd_m=1.0, valid=None):
    """One row of pixels with these probabilities (class, pixel)."""
    planes = np.ascontiguousarray(probability, np.float32)[:, None]
    seen = np.ones(planes.shape[1:], bool) if valid is None else valid[None]
    return LandCover(planes * seen, seen, Grid(None, Affine.scale(gsd_m), seen.shape))


def random_cover(seed, pixels=40, valid=None):
    drawn = np.random.default_rng(seed).dirichlet(np.full(8, 0.4), pixels).T
    return cover_of(drawn, valid=valid)


def plain_shares(pictures, trained, weight, rounds):
    """Saerens et al. 2002 pixel by pixel, pictures counting alike."""
    here = list(trained)
    for _ in range(rounds):
        means = []
        for probability in pictures:
            total = [0.0] * 8
            for pixel in probability.T:
                given = [float(p) * here[k] / trained[k] for k, p in enumerate(pixel)]
                total = [t + g / sum(given) for t, g in zip(total, given, strict=True)]
            means.append([t / probability.shape[1] for t in total])
        here = [
            (sum(m[k] for m in means) / len(means) + weight * trained[k]) / (1 + weight)
            for k in range(8)
        ]
    return here


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.3, 1.0, 50.0]), st.integers(1, 2))
def test_shares_are_those_of_the_plain_twin(seed, weight, dates):
    covers = [random_cover(seed + date) for date in range(dates)]
    found = shares_of_place(covers, MODEL, CoverSettings(prior_weight=weight, prior_rounds=5))
    pictures = [cover.probability[:, 0] for cover in covers]
    wanted = plain_shares(pictures, MODEL.class_prior, weight, 5)
    np.testing.assert_allclose(found.here, wanted, atol=1e-6)
    np.testing.assert_allclose(found.here.sum(), 1.0, atol=1e-6)


def test_shares_of_a_place_are_found_where_the_model_is_calibrated():
    rng = np.random.default_rng(5)
    truth = np.array([0.6, 0.1, 0.2, 0.02, 0.02, 0.02, 0.02, 0.02])
    drawn = rng.choice(8, 20_000, p=truth)
    seen = np.eye(8)[drawn] * 1.5 + rng.normal(0, 1.0, (len(drawn), 8))
    # Bayes' rule for these features and the shares that the model was trained with
    given = np.asarray(MODEL.class_prior)[:, None] * np.exp(1.5 * seen.T)
    cover = cover_of(given / given.sum(axis=0))
    found = shares_of_place([cover], MODEL, CoverSettings(prior_weight=0.0, prior_rounds=200))
    np.testing.assert_allclose(found.here, truth, atol=0.03)
    before, after = (
        (each.probability[:, 0].argmax(axis=0) == drawn).mean()
        for each in (cover, weighed_by_shares(cover, found))
    )
    assert after > before + 0.02


def test_the_shares_of_a_place_do_not_know_which_date_came_first():
    one, other = random_cover(1), random_cover(2)
    settings = CoverSettings()
    forth, back = (shares_of_place(pair, MODEL, settings) for pair in ((one, other), (other, one)))
    np.testing.assert_array_equal(forth.here, back.here)


def test_what_was_not_seen_has_no_say_in_the_shares():
    valid = np.arange(40) < 25
    whole = random_cover(3)
    part = cover_of(whole.probability[:, 0, :25])
    hidden = random_cover(3, valid=valid)
    settings = CoverSettings()
    np.testing.assert_allclose(
        shares_of_place([hidden], MODEL, settings).here,
        shares_of_place([part], MODEL, settings).here,
    )
    blind = random_cover(3, valid=np.zeros(40, bool))
    found = shares_of_place([blind], MODEL, CoverSettings(prior_weight=1e6))
    np.testing.assert_allclose(found.here, MODEL.class_prior, atol=1e-5)
    assert not weighed_by_shares(blind, found).probability.any()


def test_shares_are_those_of_all_of_a_large_picture():
    halves = np.repeat([0, 7], 150)
    cover = cover_of(0.92 * np.eye(8)[:, halves] + 0.01)
    few, all_of_it = (
        shares_of_place([cover], MODEL, CoverSettings(prior_weight=0.0, most_samples=most)).here
        for most in (100, 300)
    )
    np.testing.assert_allclose(few, all_of_it, atol=0.01)
    assert few[7] > 0.4


def test_a_class_that_the_model_never_learned_is_not_divided_by_nothing():
    never = SimpleNamespace(class_prior=(0.0, *MODEL.class_prior[1:]))
    shares = shares_of_place([random_cover(5)], never, CoverSettings())
    assert np.isfinite(shares.factors).all()
    assert np.isfinite(weighed_by_shares(random_cover(5), shares).probability).all()


def test_coarse_pixels_keep_the_shares_of_the_model():
    drawn = np.random.default_rng(4).dirichlet(np.full(8, 0.4), 40).T
    settings = CoverSettings(prior_coarsest_gsd_m=5.5)
    fine, coarse = (
        shares_of_place([cover_of(drawn, gsd_m)], MODEL, settings) for gsd_m in (5.0, 10.0)
    )
    np.testing.assert_array_equal(coarse.factors, 1.0)
    assert np.abs(fine.factors - 1.0).max() > 0.1


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_weighing_is_bayes_rule_and_can_be_taken_back(seed):
    rng = np.random.default_rng(seed)
    trained, here = rng.dirichlet(np.full(8, 2.0), 2) * 0.9 + 0.0125
    cover = random_cover(seed, valid=rng.random(40) < 0.8)
    weighed = weighed_by_shares(cover, ClassShares(trained, here))
    np.testing.assert_allclose(weighed.probability.sum(axis=0), cover.valid, atol=1e-5)
    plain = cover.probability * (here / trained)[:, None, None]
    plain = np.divide(plain, plain.sum(axis=0), out=np.zeros_like(plain), where=cover.valid)
    np.testing.assert_allclose(weighed.probability, plain, atol=1e-5)
    back = weighed_by_shares(weighed, ClassShares(here, trained))
    np.testing.assert_allclose(back.probability, cover.probability, atol=1e-4)


def test_shares_of_a_place_weigh_unchanged_ground_alone():
    grid, rng = utm_grid(20, 20, 2.0), np.random.default_rng(8)
    grass = np.full(grid.shape, Cover.HERBACEOUS)
    built = grass.copy()
    built[5:15, 5:15] = Cover.BUILDING
    evidence = evidence_of(kinds_of(grass, built), grid, rng)
    covers = [land_cover(each, grid, rng, sure=0.3, noise=0.05) for each in (grass, built)]
    trained, here = np.full(8, 1 / 8), np.full(8, 0.01)
    here[[Cover.CROPLAND - 1, Cover.HERBACEOUS - 1]] = 0.9, 0.04
    plain = TransitionSettings()
    own = settings_of_place(plain, ClassShares(trained, here))
    alignment, inside = Alignment.identity(grid), np.ones(grid.shape, bool)
    found, weighed = (
        find_transitions(*covers, evidence, alignment, inside, (), each) for each in (plain, own)
    )
    same = found.codes // 10 == found.codes % 10
    assert (found.codes[same] == 77).mean() > 0.9
    assert (weighed.codes[same] == 11).mean() > 0.9
    np.testing.assert_array_equal(weighed.codes[~same], found.codes[~same])
    changed = ~np.eye(8, dtype=bool)
    np.testing.assert_allclose(
        weighed.expected_hectares[..., changed], found.expected_hectares[..., changed]
    )
    np.testing.assert_allclose(weighed.expected_hectares.sum(), found.expected_hectares.sum())
