"""What the network is taught, and how its probabilities are set right; no PyTorch needed."""

import csv

import numpy as np
import pytest
import rasterio
from affine import Affine
from scipy import special

from landshift.errors import InputError, SettingsError
from landshift.legend import Cover
from landshift.training.calibration import calibration_error, fit_scaling
from landshift.training.material import (
    GAINED,
    IGNORED,
    LOST,
    OTHER,
    SAME,
    Cutter,
    Tile,
    kinds,
    read_tiles,
)
from landshift.training.recipe import read_recipe


def covers(size=40):
    before = np.full((size, size), Cover.CROPLAND, np.uint8)
    return before, before.copy()


def test_each_kind_of_change_is_told():
    before, after = covers()
    after[2:12, 2:12] = Cover.BUILDING
    before[20:30, 2:12] = Cover.BUILDING
    after[20:30, 20:30] = Cover.PAVED
    kind = kinds(before, after, 1.0)
    assert (kind[2:12, 2:12] == GAINED).all()
    assert (kind[20:30, 2:12] == LOST).all()
    assert (kind[20:30, 20:30] == OTHER).all()
    assert kind[35, 35] == SAME


def test_swapping_the_dates_swaps_gained_and_lost():
    rng = np.random.default_rng(0)
    before, after = (np.kron(rng.integers(1, 9, (6, 6)), np.ones((8, 8))) for _ in "ab")
    forth, back = kinds(before, after, 1.0), kinds(after, before, 1.0)
    exchange = np.array([SAME, LOST, GAINED, OTHER])
    assert np.array_equal(exchange[forth[forth < 4]], back[forth < 4])


def test_slivers_and_the_unknown_are_not_taught():
    before, after = covers()
    after[10:30, 10] = Cover.BUILDING  # half a metre wide: lean, not change
    after[35:38, 35:38] = 0
    kind = kinds(before, after, 0.5)
    assert (kind[10:30, 10] == IGNORED).all()
    assert (kind[35:38, 35:38] == IGNORED).all()


def tile(dates, seed=0, size=120):
    rng = np.random.default_rng(seed)
    return Tile(
        f"tile {seed}", rng.random((dates, 3, size, size)).astype(np.float16),
        rng.integers(0, 9, (dates, size, size)).astype(np.uint8), 0.6,
    )  # fmt: skip


@pytest.mark.parametrize("dates", [1, 2])
@pytest.mark.parametrize("calm", [True, False])
def test_examples_have_the_asked_size_and_repeat_with_the_seed(dates, calm):
    cutter = Cutter([tile(2, 1), tile(1, 2)], 64, 0.5)
    for seed in range(6):
        one, two = (
            cutter.example(tile(dates), np.random.default_rng(seed), calm) for _ in range(2)
        )
        assert one.before.shape == one.after.shape == (4, 64, 64)
        assert one.kind.shape == one.cover_before.shape == one.cover_after.shape == (64, 64)
        assert np.isfinite(one.before).all()
        for field in ("before", "after", "cover_before", "cover_after", "kind"):
            assert np.array_equal(getattr(one, field), getattr(two, field))


def test_vector_scaling_takes_overconfidence_out():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 4, 4000).astype(np.uint8)
    logits = (rng.normal(0, 1, (4000, 4)) + 1.2 * np.eye(4)[truth]).astype(np.float32)
    sure = 4.0 * logits
    scale, offset, before, after = fit_scaling(sure, truth)
    assert before > 0.15
    assert after < 0.03
    calibrated = special.softmax(sure * np.array(scale) + np.array(offset), axis=1)
    assert calibration_error(calibrated, truth) == pytest.approx(after, abs=1e-3)


def test_a_perfectly_calibrated_answer_has_no_error():
    p = np.full((1000, 2), 0.5)
    truth = (np.arange(1000) % 2).astype(np.uint8)
    assert calibration_error(p, truth) == pytest.approx(0.0, abs=1e-9)


def write(path, array):
    profile = {"driver": "GTiff", "count": len(array), "height": 8, "width": 8,
               "dtype": array.dtype, "transform": Affine(1, 0, 0, 0, -1, 8)}  # fmt: skip
    with rasterio.open(path, "w", **profile) as out:
        out.write(array)


def table(folder, **changes):
    write(folder / "picture.tif", np.full((3, 8, 8), 100, np.uint8))
    write(folder / "label.tif", np.full((1, 8, 8), 3, np.uint8))
    row = {"image": "picture.tif", "label": "label.tif", "gsd_m": "1.0",
           "bands": "red green blue", "split": "train"} | changes  # fmt: skip
    with (folder / "tiles.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, row)
        writer.writeheader()
        writer.writerow(row)
    return folder / "tiles.csv"


def test_tiles_are_read_scaled_and_filtered(tmp_path):
    bands = ("red", "green", "blue")
    [(split, found)] = read_tiles(table(tmp_path), bands, (0.5, 2.0))
    assert split == "train"
    assert found.covers.max() == 3
    assert float(found.bands.max()) == pytest.approx(100 / 255, abs=1e-3)
    assert read_tiles(tmp_path / "tiles.csv", bands, (5.0, 20.0)) == []
    assert read_tiles(tmp_path / "tiles.csv", (*bands, "nir"), (0.5, 2.0)) == []


@pytest.mark.parametrize("wrong", [{"gsd_m": "wide"}, {"image": "missing.tif"}])
def test_a_bad_row_is_named_by_its_line(tmp_path, wrong):
    path = table(tmp_path, **wrong)
    with pytest.raises(InputError, match="line 2 of"):
        read_tiles(path, ("red", "green", "blue"), (0.5, 2.0))


@pytest.mark.parametrize("name", ["open-rgb", "open-rgbn", "open-multispectral"])
def test_packaged_recipes_can_be_read(name):
    recipe = read_recipe(name)
    assert recipe.family == name.removeprefix("open-")
    assert recipe.finest_gsd_m < recipe.coarsest_gsd_m


def test_bad_recipes_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="no recipe 'nonsense'"):
        read_recipe("nonsense")
    (tmp_path / "half.toml").write_text("name = 'x'\n")
    with pytest.raises(SettingsError, match="missing or unknown fields"):
        read_recipe(str(tmp_path / "half.toml"))
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(SettingsError, match="not TOML"):
        read_recipe(str(tmp_path / "bad.toml"))
