"""Blocks, threads and edges: the answer must not know how it was computed."""

from __future__ import annotations

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from landshift import inference
from landshift.cores import usable_cores
from landshift.errors import ModelError
from landshift.features import measure_exposure, network_input, normalise_bands
from landshift.grid import Grid
from landshift.landcover import classify, classify_pair, span_seen
from landshift.sensor import Sensor
from networks import random_model, random_raster


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return random_model(folder, seed=1, symmetric=True, second_look=[0.3, 0.2])


def probabilities(before, after, model, threads=1):
    return [each.probability for each in classify_pair(before, after, model, threads)]


@pytest.mark.parametrize("shape", [(1, 1), (1, 17), (5, 3)])
def test_probabilities_sum_to_one_where_seen_and_are_zero_elsewhere(model, shape):
    before, after = random_raster(shape, 1, seen=0.8), random_raster(shape, 2, seen=0.8)
    for answer in classify_pair(before, after, model):
        assert answer.probability.dtype == np.float32
        assert answer.probability.shape[1:] == shape
        np.testing.assert_allclose(answer.probability.sum(axis=0), answer.valid, atol=1e-5)
        assert not answer.probability.flags.writeable
        assert answer.grid == before.grid
    evidence = classify_pair(before, after, model)[2]
    np.testing.assert_array_equal(evidence.valid, before.valid & after.valid)
    assert evidence.prior == model.change_prior


# compiled kernels run over without a word, as plain Python numpy warns
@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
def test_a_model_whose_numbers_run_over_names_no_class(model):
    one, other = random_raster((20, 20), 1), random_raster((20, 20), 2)
    huge = np.full_like(model.layers["cls.weight"], 3e38)
    loud = dataclasses.replace(model, layers={**model.layers, "cls.weight": huge})
    for asked in (lambda: classify(one, loud), lambda: classify_pair(one, other, loud)):
        with pytest.raises(ModelError, match=r"gives no probabilities"):
            asked()


@given(st.integers(1, 40), st.integers(0, 40), st.integers(1, 40))
def test_a_picture_is_mirrored_as_numpy_mirrors_it(length, first, count):
    axis = np.arange(length)
    whole = np.pad(axis, (0, 100), mode="reflect")
    here = inference._mirrored(first, count, length)
    np.testing.assert_array_equal(axis[here], whole[first : first + count])


def test_the_edge_of_a_picture_is_no_dark_frame(model):
    whole = random_raster((64, 64), 9), random_raster((64, 64), 10)
    # two pictures whose last rows are the mirror of what lies before them
    mirrored = np.r_[np.arange(57), 55 - np.arange(7)]
    pair = [
        dataclasses.replace(one, bands=np.ascontiguousarray(one.bands[:, mirrored]))
        for one in whole
    ]
    cut = [
        dataclasses.replace(
            one, bands=np.ascontiguousarray(one.bands[:, :57]), valid=one.valid[:57].copy(),
            grid=Grid(None, one.grid.transform, (57, 64)),
        )
        for one in pair
    ]  # fmt: skip
    light = [measure_exposure(one.bands, one.valid) for one in pair]
    once = dataclasses.replace(model, second_look=(0.0, 0.0))
    found = classify_pair(*pair, once, None, tuple(light))
    answers = classify_pair(*cut, once, None, tuple(light))
    for long, short in zip(found, answers, strict=True):
        np.testing.assert_allclose(short.probability, long.probability[:, :57], atol=1e-6)


@pytest.mark.jit
@pytest.mark.parametrize("shape", [(16, 400), (333, 250), (431, 431)])
@pytest.mark.parametrize("block_px", [16, 64, 112])
def test_blocks_equal_the_whole(model, monkeypatch, shape, block_px):
    if block_px == 16 and shape[0] > 16:
        shape = (120, 170)
    before, after = random_raster(shape, 3, seen=0.9), random_raster(shape, 4)
    whole = probabilities(before, after, model)
    monkeypatch.setattr(inference, "BLOCK_PIXELS", block_px)
    assert len(list(inference.blocks(shape))) > 1
    for parts, at_once in zip(probabilities(before, after, model), whole, strict=True):
        np.testing.assert_allclose(parts, at_once, atol=1e-5)


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 3000), st.integers(1, 3000))
def test_blocks_tile_the_picture(rows, cols):
    blocks = list(inference.blocks((rows, cols)))
    assert sum(block.rows * block.cols for block in blocks) == (
        -(-rows // 16) * 16 * -(-cols // 16) * 16
    )
    assert len({(block.row, block.col) for block in blocks}) == len(blocks)
    for block in blocks:
        assert all(n % 16 == 0 for n in (block.row, block.col, block.rows, block.cols))
        assert 0 < block.rows <= inference.BLOCK_PIXELS
        assert 0 < block.cols <= inference.BLOCK_PIXELS


@pytest.mark.jit
@pytest.mark.parametrize(("second_look", "third_look", "reach", "kept", "gsd_m"), [
    ((0.0, 0.0), 0.0, inference.REACH, 208, 0.6),
    ((0.3, 0.2), 0.0, 2 * inference.REACH + 2, 128, 0.6),
    ((0.3, 0.2), 0.3, 4 * inference.REACH + 6, 64, 0.3),
])  # fmt: skip
def test_a_pixel_beyond_the_reach_changes_nothing(
    model, monkeypatch, second_look, third_look, reach, kept, gsd_m
):
    model = dataclasses.replace(model, second_look=second_look, third_look=third_look)
    raster = random_raster((256, 480), 5, gsd_m=gsd_m)
    exposure = measure_exposure(raster.bands, raster.valid)
    monkeypatch.setattr(inference, "measure_exposure", lambda *_: exposure)
    bands = raster.bands.copy()
    bands[:, :, kept + reach :] += 20
    other = dataclasses.replace(raster, bands=bands)
    one, two = (classify(each, model).probability for each in (raster, other))
    np.testing.assert_array_equal(one[:, :, :kept], two[:, :, :kept])
    assert not np.array_equal(one[:, :, : kept + 16], two[:, :, : kept + 16])


@pytest.mark.jit
def test_threads_and_repeats_give_the_same_bytes(model, monkeypatch):
    monkeypatch.setattr(inference, "BLOCK_PIXELS", 96)
    before, after = random_raster((300, 210), 6, seen=0.95), random_raster((300, 210), 7)
    first = probabilities(before, after, model, threads=1)
    for threads in (1, 2, 3, 8):
        for mine, theirs in zip(probabilities(before, after, model, threads), first, strict=True):
            assert mine.tobytes() == theirs.tobytes()
    assert classify(before, model, 2).probability.tobytes() == first[0].tobytes()


def test_there_are_no_more_threads_than_cores_that_are_ours(monkeypatch):
    made = []
    monkeypatch.setattr(inference, "Network", lambda weights, dates: made.append(weights))
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 4}, raising=False)
    inference.each_block(lambda block, network: None, (3000, 3000), "weights", 2, None)
    assert len(made) == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cores() == 64


@pytest.mark.jit
def test_two_callers_at_once_do_not_disturb_each_other(model):
    rasters = [random_raster((90, 140), seed) for seed in range(4)]
    alone = [classify(raster, model, 1).probability for raster in rasters]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda raster: classify(raster, model, 2), rasters))
    for one, other in zip(alone, together, strict=True):
        assert one.tobytes() == other.probability.tobytes()


def test_a_second_look_counts_and_only_where_the_model_reads_such_pixels(model):
    once = dataclasses.replace(model, second_look=(0.0, 0.0))
    raster, coarse = random_raster((64, 64), 5), random_raster((64, 64), 5, gsd_m=1.2)
    assert not np.allclose(classify(raster, model).probability, classify(raster, once).probability)
    alike = classify(coarse, model).probability, classify(coarse, once).probability
    np.testing.assert_array_equal(*alike)


@pytest.mark.parametrize("shape", [(15, 15), (16, 17), (33, 70), (64, 64), (130, 97)])
def test_coarser_pixels_count_wherever_there_are_some(tmp_path, shape):
    knows = random_model(tmp_path, seed=4, symmetric=True, context=True, turns=2)
    deaf = dataclasses.replace(
        knows, layers={name: each for name, each in knows.layers.items() if "chgc" not in name}
    )
    pair = random_raster(shape, 5, seen=0.9), random_raster(shape, 6)
    *covers, change = probabilities(*pair, knows)
    *plain_covers, plain_change = probabilities(*pair, deaf)
    assert np.isfinite(change).all()
    assert np.array_equal(change, plain_change) == (min(shape) < inference.UNIT)
    np.testing.assert_array_equal(covers, plain_covers)  # what a field is, it says by itself


@pytest.mark.jit
@pytest.mark.parametrize(("second_look", "times"), [([0.0, 0.0], 2), ([0.35, 0.2], 4)])
def test_change_is_told_from_afar_and_no_further(tmp_path, monkeypatch, second_look, times):
    model = random_model(tmp_path, seed=4, context=True, second_look=second_look)
    raster = random_raster((64, 640), 5, gsd_m=0.3)
    exposure = measure_exposure(raster.bands, raster.valid)
    monkeypatch.setattr(inference, "measure_exposure", lambda *_: exposure)
    still = raster_swapped(raster)
    # a pixel sees `REACH` beyond the square of 16 that it lies in, of pixels that much coarser
    most = times * (inference.REACH + inference.UNIT) + 16
    for first, counts in ((times * inference.REACH, True), (64 + most, False)):
        bands = raster.bands.copy()
        bands[:, :, first:] += 20
        other = dataclasses.replace(raster, bands=bands)
        one, two = (
            classify_pair(each, still, model)[2].probability[:, :, :64] for each in (raster, other)
        )
        assert np.array_equal(one, two) != counts


LOOKS = [([0.0, 0.0], 0.0), ([0.3, 0.2], 0.0), ([0.5, 0.2], 0.4)]
"""Weights of the second look and of the third."""


@pytest.mark.jit
@pytest.mark.parametrize("context", [False, True])
@pytest.mark.parametrize(("second", "third"), LOOKS)
def test_a_part_that_is_large_enough_is_answered_as_the_whole(tmp_path, context, second, third):
    model = random_model(
        tmp_path, seed=4, context=context, second_look=second, third_look=third
    )
    raster = random_raster((64, 1200), 5, gsd_m=0.3)
    exposure = measure_exposure(raster.bands, raster.valid)
    places = np.arange(597, 604)
    part = span_seen(model, places, 1200)
    assert 0 < part.start < 597
    assert 603 < part.stop < 1200
    assert span_seen(model, places, 610).stop == 610
    bands, valid = raster.bands[:, :, part].copy(), raster.valid[:, part].copy()
    grid = raster.grid.window(0, part.start, 64, part.stop - part.start)
    alone = dataclasses.replace(raster, bands=bands, valid=valid, grid=grid)
    whole = classify_pair(raster, raster_swapped(raster), model, exposures=(exposure,) * 2)
    found = classify_pair(alone, raster_swapped(alone), model, exposures=(exposure,) * 2)
    for one, other in zip(found, whole, strict=True):
        np.testing.assert_allclose(
            one.probability[:, :, places - part.start], other.probability[:, :, places], atol=1e-6
        )


@pytest.mark.jit
@pytest.mark.parametrize("context", [False, True])
@pytest.mark.parametrize(("second", "third"), LOOKS)
@pytest.mark.parametrize("where", [
    np.s_[0:1, 0:1], np.s_[100:140, 201:202], np.s_[31:33, 479:481], np.s_[249:250, 499:500],
    np.s_[0:250, 320:336],
])  # fmt: skip
def test_where_alone_is_asked_the_answer_is_that_of_the_whole(
    tmp_path, context, second, third, where
):
    model = random_model(tmp_path, seed=6, context=context, second_look=second, third_look=third)
    before, after = (
        random_raster((250, 500), seed, gsd_m=0.3, seen=seen) for seed, seen in ((7, 0.95), (8, 1))
    )
    whole = classify_pair(before, after, model)
    asked = classify_pair(before, after, model, where=where)
    for one, other in zip(whole, asked, strict=True):
        np.testing.assert_allclose(
            other.probability[:, *where], one.probability[:, *where], atol=1e-6
        )


@settings(deadline=None, max_examples=100)
@given(st.data(), st.tuples(st.integers(1, 3000), st.integers(1, 3000)))
def test_blocks_that_are_asked_for_hold_what_is_asked(data, shape):
    spans = []
    for side in shape:
        first = data.draw(st.integers(0, side - 1))
        spans.append(slice(first, data.draw(st.integers(first + 1, side))))
    counts = np.zeros([-(-side // 16) for side in shape], int)
    for block in inference.blocks(shape, (spans[0], spans[1])):
        (row, rows), (col, cols) = ((n // 16, m // 16) for n, m in (
            (block.row, block.rows), (block.col, block.cols)))  # fmt: skip
        counts[row : row + rows, col : col + cols] += 1
    wanted = np.zeros(counts.shape, int)
    wanted[tuple(slice(span.start // 16, -(-span.stop // 16)) for span in spans)] = 1
    assert np.array_equal(counts, wanted)


def raster_swapped(raster):
    """Another picture of the same ground, so that there is change to find."""
    return dataclasses.replace(raster, bands=raster.bands[::-1].copy())


@pytest.mark.parametrize("turns", [2, 4])
def test_turned_looks_are_the_mean_of_looks_at_the_turned_picture(tmp_path, turns):
    model = random_model(tmp_path, seed=2, symmetric=True, second_look=[0.3, 0.2])
    pair = random_raster((64, 96), 6, seen=0.9), random_raster((64, 96), 7)
    logs = []
    for turn in range(turns):
        looks = probabilities(*(quarter_turned(one, -turn) for one in pair), model)
        logs.append([np.log(np.maximum(np.rot90(p, turn, (1, 2)), 1e-30)) for p in looks])
    found = probabilities(*pair, dataclasses.replace(model, turns=turns))
    for mine, *each in zip(found, *logs, strict=True):
        wanted = np.exp(np.mean(each, axis=0))  # of logits the mean, of probabilities the geometric
        wanted /= wanted.sum(axis=0)
        seen = mine.sum(axis=0) > 0
        np.testing.assert_allclose(mine[:, seen], wanted[:, seen], atol=1e-4)


def test_four_turns_know_no_north(tmp_path):
    model = random_model(tmp_path, seed=2, symmetric=True, turns=4)
    pair = random_raster((64, 96), 6), random_raster((64, 96), 7)
    upright = probabilities(*pair, model)
    turned = probabilities(*(quarter_turned(one, 1) for one in pair), model)
    for one, other in zip(upright, turned, strict=True):
        np.testing.assert_allclose(np.rot90(one, 1, (1, 2)), other, atol=1e-5)


def quarter_turned(raster, turns):
    """The same picture, its columns where its rows were."""
    bands = np.ascontiguousarray(np.rot90(raster.bands, turns, (1, 2)))
    valid = np.ascontiguousarray(np.rot90(raster.valid, turns))
    grid = Grid(None, raster.grid.transform, valid.shape)
    return dataclasses.replace(raster, bands=bands, valid=valid, grid=grid)


def test_a_symmetric_model_mirrors_its_answer_when_the_dates_are_swapped(tmp_path):
    plain = {"change_scale": [1.0] * 4, "change_offset": [0.0] * 4}
    before, after = random_raster((20, 33), 8), random_raster((20, 33), 9)
    for symmetric in (True, False):
        model = random_model(tmp_path, seed=1, symmetric=symmetric, **plain)
        one, two, there = probabilities(before, after, model)
        other_two, other_one, back = probabilities(after, before, model)
        np.testing.assert_array_equal(one, other_one)
        np.testing.assert_array_equal(two, other_two)
        assert np.allclose(there, back[[0, 2, 1, 3]], atol=1e-5) is symmetric


@pytest.mark.parametrize("fill", [0.0, 255.0, 1e-4])
def test_a_picture_of_one_colour_has_an_answer(model, fill):
    raster = random_raster((18, 18), 1)
    flat = dataclasses.replace(raster, bands=np.full_like(raster.bands, fill))
    assert np.isfinite(classify(flat, model).probability).all()


def test_a_picture_that_shows_nothing_has_no_probabilities(model):
    answer = classify(random_raster((18, 5), 1, seen=0.0), model)
    assert not answer.probability.any()


def test_rasters_on_different_grids_are_a_mistake(model):
    with pytest.raises(ValueError, match="different grids"):
        classify_pair(random_raster((4, 4)), random_raster((4, 5)), model)


def test_one_picture_twice_shows_no_change_whatever_the_model(model):
    picture = random_raster((40, 50), 3, seen=0.9)
    evidence = classify_pair(picture, picture, model)[2]
    np.testing.assert_array_equal(evidence.probability[0], picture.valid)
    assert not evidence.probability[1:].any()
    other = random_raster((40, 50), 4, seen=0.9)
    assert classify_pair(picture, other, model)[2].probability[1:].any()


def test_a_missing_band_is_refused(model):
    raster = random_raster((4, 4))
    grey = dataclasses.replace(raster, sensor=Sensor(("red", "pan", "blue"), 0.6))
    with pytest.raises(ModelError, match="needs band 'green'; the image has red, pan, blue"):
        classify(grey, model)


@pytest.mark.parametrize("gsd_m", [0.2, 1.5, 30.0])
def test_pixels_beyond_the_models_range_are_refused(model, gsd_m):
    with pytest.raises(ModelError, match=r"allowed are 0\.3 to 1\.3 m"):
        classify(random_raster((4, 4), gsd_m=gsd_m), model)


@pytest.mark.parametrize("gsd_m", [0.28, 0.3, 1.3, 1.42])
def test_pixels_a_tenth_beyond_the_range_are_taken(model, gsd_m):
    classify(random_raster((4, 4), gsd_m=gsd_m), model)


def test_bands_are_found_by_their_role(model):
    raster = random_raster((16, 16), 1)
    turned = dataclasses.replace(
        raster, bands=raster.bands[::-1].copy(), sensor=Sensor(("blue", "green", "red"), 0.6)
    )
    one, two = (classify(r, model).probability for r in (raster, turned))
    np.testing.assert_array_equal(one, two)


# --- what the network sees ----------------------------------------------------------------------


def test_input_has_the_bands_and_the_scale(model):
    raster = random_raster((9, 7), gsd_m=1.0, seen=0.7)
    picture = network_input(raster, model)
    assert picture.shape == (4, 9, 7)
    assert picture.dtype == np.float32
    np.testing.assert_allclose(picture[3], 1.0, rtol=1e-6)  # 1 m is twice 0.5 m
    assert not picture[:3, ~raster.valid].any()


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-1000, 1000))
def test_gain_and_offset_do_not_matter(seed, gain, offset):
    bands = np.random.default_rng(seed).normal(size=(3, 12, 11)).astype(np.float32)
    valid = np.random.default_rng(seed + 1).random((12, 11)) < 0.8
    turned = (bands.astype(np.float64) * gain + offset).astype(np.float32)
    one, two = normalise_bands(bands, valid), normalise_bands(turned, valid)
    np.testing.assert_allclose(one, two, atol=2e-3 * max(1, abs(offset) / gain / 10))


def test_normalised_bands_have_median_zero_and_spread_one():
    rng = np.random.default_rng(0)
    bands = rng.normal([[[50]], [[90]]], 7, (2, 300, 301)).astype(np.float32)
    scaled = normalise_bands(bands, np.ones((300, 301), bool))
    np.testing.assert_allclose(np.median(scaled, axis=(1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=(1, 2)), 1, atol=0.02)


def test_normalising_bears_what_is_not_finite():
    bands = np.random.default_rng(0).normal(size=(3, 8, 8)).astype(np.float32)
    bands[0, 0, 0], bands[1, 0, 1], bands[2, 0, 2] = np.nan, np.inf, -3e38
    scaled = normalise_bands(bands, np.ones((8, 8), bool))
    assert scaled[0, 0, 0] == 0
    assert scaled[1, 0, 1] == 6
    assert scaled[2, 0, 2] == -6


def test_a_few_valid_pixels_of_a_large_picture_are_found():
    bands = np.zeros((1, 1500, 1500), np.float32)
    valid = np.zeros((1500, 1500), bool)
    bands[0, 701, 700:800] = np.arange(100)
    valid[701, 701:801:2] = True
    scaled = normalise_bands(bands, valid)
    assert abs(np.median(scaled[:, valid])) < 1e-5
    assert scaled[:, valid].std() > 0.5


def test_the_grid_of_an_answer_is_the_rasters(model):
    raster = random_raster((5, 6))
    moved = Grid(None, Affine(0.6, 0, 100, 0, -0.6, 200), (5, 6))
    assert classify(dataclasses.replace(raster, grid=moved), model).grid == moved
