"""What the network is taught, and how its probabilities are set right; no PyTorch needed."""

import csv
import dataclasses
import json
from importlib import resources

import numpy as np
import pytest
import rasterio
from affine import Affine
from scipy import special

from landshift.errors import InputError, SettingsError
from landshift.legend import Cover
from landshift.simulation import simulate_pair
from landshift.training.calibration import calibration_error, fit_scaling
from landshift.training.folder import read_folder
from landshift.training.material import (
    BUILT,
    GAINED,
    IGNORED,
    LOST,
    NOT_BUILT,
    OTHER,
    SAME,
    Cutter,
    Tile,
    kinds,
    read_tiles,
    settled_kinds,
)
from landshift.training.recipe import read_recipe
from landshift.training.scenes import seen_kinds, simulated_tiles


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


def test_what_only_leans_is_no_change():
    """A roof leans right in the after picture alone, and one beside it is new."""
    field, roof = Cover.CROPLAND, Cover.BUILDING
    before, that_was, after = (np.full((1, 9), field, np.uint8) for _ in range(3))
    before[0, 1:4] = that_was[0, 2:5] = after[0, 2:5] = roof
    to_be = before.copy()
    after[0, 6:8] = roof
    assert kinds(before, after, 2.0).tolist() == [[SAME, LOST, SAME, SAME, GAINED, SAME,
                                                  GAINED, GAINED, SAME]]  # fmt: skip
    seen = seen_kinds(before, to_be, that_was, after)
    assert seen.tolist() == [[SAME] * 6 + [GAINED] * 2 + [SAME]]
    swapped = seen_kinds(after, that_was, to_be, before)
    assert swapped.tolist() == [[SAME] * 6 + [LOST] * 2 + [SAME]]
    after[0, 8] = 0  # the wall of the new one
    assert seen_kinds(before, to_be, that_was, after)[0, 8] == IGNORED


def test_a_shore_and_the_wall_of_what_stays_are_unchanged():
    field, roof, water = Cover.CROPLAND, Cover.BUILDING, Cover.WATER
    before = np.array([[field, roof, 0, field, water, 0, 0]], np.uint8)  # a wall, and a shore
    to_be = np.array([[field, roof, roof, field, water, 0, 0]], np.uint8)
    that_was = np.array([[field, roof, field, field, water, 0, 0]], np.uint8)
    after = np.array([[field, roof, field, field, water, 0, 0]], np.uint8)
    assert seen_kinds(before, to_be, that_was, after).tolist() == [[SAME] * 7]
    assert seen_kinds(after, that_was, to_be, before).tolist() == [[SAME] * 7]
    to_be[0, 1:3] = that_was[0, 1] = after[0, 1] = field  # the house is torn down
    assert seen_kinds(before, to_be, that_was, after)[0, :3].tolist() == [SAME, LOST, IGNORED]


@pytest.mark.parametrize(("family", "gsd_m"), [("rgb", 1.6), ("rgbn", 1.8)])
def test_where_nothing_was_built_no_building_is_taught_to_change(family, gsd_m):
    old = new = 0
    for seed in range(6):
        pair = simulate_pair(family, seed, (96, 96), gsd_m, unchanged=True)
        covers = pair.cover_before, pair.cover_to_be, pair.cover_that_was, pair.cover_after
        new += np.isin(seen_kinds(*covers), (GAINED, LOST)).sum()
        old += np.isin(kinds(covers[0], covers[3], gsd_m), (GAINED, LOST)).sum()
    assert new == 0
    assert old > 100


def test_scenes_of_other_pixels_or_with_other_labels_are_made_anew(tmp_path):
    def made(gsd_m):
        return simulated_tiles("rgb", range(1, 2), 32, gsd_m, tmp_path, lambda line: None)[0]

    first, again, other = made((0.5, 0.6)), made((0.5, 0.6)), made((1.0, 1.2))
    assert np.array_equal(first.bands, again.bands)
    assert np.array_equal(first.kinds, again.kinds)
    assert (first.gsd_m == again.gsd_m) & (other.gsd_m > 0.9)
    assert not np.array_equal(first.covers, other.covers)
    file = next(tmp_path.glob("*.npz"))
    with np.load(file) as arrays:
        older = {**arrays, "kinds": other.kinds * 0 + IGNORED, "labels": 1}
    np.savez(file, **older)
    assert np.array_equal(made((1.0, 1.2)).kinds, other.kinds)
    np.savez(file, bands=first.bands * 0, covers=first.covers, gsd_m=older["gsd_m"])
    assert np.array_equal(made((1.0, 1.2)).bands, other.bands)


def recipe(**changed):
    return dataclasses.replace(read_recipe("open-rgb-first"), **changed)


def tile(dates, seed=0, size=120):
    rng = np.random.default_rng(seed)
    return Tile(
        f"tile {seed}", rng.random((dates, 3, size, size)).astype(np.float16),
        rng.integers(0, 9, (dates, size, size)).astype(np.uint8), 0.6,
    )  # fmt: skip


@pytest.mark.parametrize("dates", [1, 2])
@pytest.mark.parametrize("calm", [True, False])
def test_examples_have_the_asked_size_and_repeat_with_the_seed(dates, calm):
    cutter = Cutter([tile(2, 1), tile(1, 2)], recipe(crop_px=64))
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
    right = np.eye(4, dtype=bool)[truth]
    scale, offset, prior, before, after = fit_scaling(sure, right)
    assert before > 0.15
    assert after < 0.03
    calibrated = special.softmax(sure * np.array(scale) + np.array(offset), axis=1)
    assert calibration_error(calibrated, right) == pytest.approx(after, abs=1e-3)
    np.testing.assert_allclose(prior, (np.bincount(truth) + 1) / 4004, atol=1e-4)


def test_what_is_rare_adds_up_to_what_there_is_of_it():
    """Logits of a head that learned with the rare class weighted a hundredfold."""
    rng = np.random.default_rng(5)
    truth = (rng.random(60_000) < 0.004).astype(int)
    logits = rng.normal(0, 1, (60_000, 2)) + 1.5 * np.eye(2)[truth]
    logits[:, 1] += np.log(100 * 0.004)
    scale, offset, *_ = fit_scaling(logits.astype(np.float32), np.eye(2, dtype=bool)[truth])
    told = special.softmax(logits * np.array(scale) + np.array(offset), axis=1)[:, 1].sum()
    assert told == pytest.approx(truth.sum(), rel=0.03)


def test_beyond_a_small_picture_nothing_is_taught():
    small = tile(2, 1, size=50)
    cutter = Cutter([small], recipe(crop_px=64, native_share=1.0))
    for seed in range(8):
        example = cutter.example(small, np.random.default_rng(seed))
        taught = example.kind != IGNORED
        assert taught.mean() <= (50 / 64) ** 2 + 1e-9
        beyond = ~taught.any(axis=0) | ~taught.any(axis=1)
        assert beyond.sum() >= 14
        assert not example.cover_before[:, ~taught.any(axis=0)].any()
        blank = (example.before == 0).all(axis=0)
        assert blank.mean() < 0.02  # mirrored, not black


def test_where_two_classes_may_be_true_scaling_finds_what_it_finds_without_doubt():
    rng = np.random.default_rng(4)
    truth = rng.choice(4, 8000, p=(0.4, 0.3, 0.2, 0.1))
    logits = (rng.normal(0, 1, (8000, 4)) + 1.5 * np.eye(4)[truth]).astype(np.float32)
    right = np.eye(4, dtype=bool)[truth]
    pair = np.zeros_like(right)
    pair[:, :2] = np.isin(truth, (0, 1))[:, None]  # nobody wrote which of the first two it was
    pair[:, 2:] = right[:, 2:]
    certain = np.arange(8000) % 2 == 0
    mixed = np.where(certain[:, None], right, pair)
    scale, offset, prior, _, _ = fit_scaling(logits, right)
    scale_mixed, offset_mixed, prior_mixed, _, _ = fit_scaling(logits, mixed)
    np.testing.assert_allclose(scale_mixed, scale, rtol=0.15)
    np.testing.assert_allclose(offset_mixed, offset, atol=0.15)
    np.testing.assert_allclose(prior_mixed, prior, atol=0.02)


def test_a_perfectly_calibrated_answer_has_no_error():
    p = np.full((1000, 2), 0.5)
    right = np.eye(2, dtype=bool)[np.arange(1000) % 2]
    assert calibration_error(p, right) == pytest.approx(0.0, abs=1e-9)


PACKAGED = sorted(
    recipe.name.removesuffix(".toml")
    for recipe in (resources.files("landshift") / "recipes").iterdir()
)


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_recipes_can_be_read(name):
    recipe = read_recipe(name)
    assert [recipe.name, recipe.family] == name.split("-")[:2]
    assert recipe.finest_gsd_m < recipe.coarsest_gsd_m
    assert all(0 <= share < 1 for share in recipe.second_look)


def test_bad_recipes_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="no recipe 'nonsense'"):
        read_recipe("nonsense")
    (tmp_path / "half.toml").write_text("name = 'x'\n")
    with pytest.raises(SettingsError, match="missing or unknown fields"):
        read_recipe(str(tmp_path / "half.toml"))
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(SettingsError, match="not TOML"):
        read_recipe(str(tmp_path / "bad.toml"))


def picture_file(path, bands=3, side=40, scale=0.5, seed=0):
    values = np.random.default_rng(seed).integers(0, 255, (bands, side, side)).astype(np.uint8)
    profile = {"driver": "GTiff", "width": side, "height": side, "count": bands, "dtype": "uint8"}
    place = {"crs": "EPSG:32652", "transform": Affine(scale, 0, 5e5, 0, -scale, 4.4e6)}
    with rasterio.open(path, "w", **profile, **place) as out:
        out.write(values)
    return values


def drawn(path, corners, name="building"):
    ring = [*corners, corners[0]]
    crs = {"type": "name", "properties": {"name": "EPSG:32652"}}
    polygon = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": {"class": name}, "geometry": polygon}
    document = {"type": "FeatureCollection", "crs": crs, "features": [feature]}
    path.write_text(json.dumps(document))


def test_a_folder_of_pictures_and_labels_is_read(tmp_path):
    square = [(5e5, 4.4e6), (5e5 + 5, 4.4e6), (5e5 + 5, 4.4e6 - 5), (5e5, 4.4e6 - 5)]
    for number in range(5):
        values = picture_file(tmp_path / f"town{number}.tif", seed=number)
        drawn(tmp_path / f"town{number}.geojson", square)
    picture_file(tmp_path / "nobody_labelled_this.tif")
    picture_file(tmp_path / "coarse.tif", scale=30.0)
    drawn(tmp_path / "coarse.geojson", square)
    codes = np.full((1, 40, 40), int(Cover.WATER), np.uint8)
    picture_file(tmp_path / "lake.tif")
    with rasterio.open(tmp_path / "lake.tif") as lake:
        profile = lake.profile | {"count": 1}
    with rasterio.open(tmp_path / "lake.label.tif", "w", **profile) as out:
        out.write(codes)
    found = read_folder(tmp_path, ("red", "green", "blue"), (0.4, 2.0), None)
    names = [tile.name for _, tile in found]
    assert names == ["lake.tif", *(f"town{number}.tif" for number in range(5))]
    assert [split for split, _ in found].count("held-out") == 1
    assert (found[0][1].covers == Cover.WATER).all()
    last = found[-1][1]
    assert last.quiet
    assert last.gsd_m == pytest.approx(0.5, rel=1e-3)
    assert (last.covers[0] == Cover.BUILDING).sum() == 100
    np.testing.assert_allclose(last.bands[0], values / 255, atol=1e-3)


def test_a_folder_without_labels_says_what_it_needs(tmp_path):
    picture_file(tmp_path / "town.tif")
    with pytest.raises(InputError, match=r"no labelled picture .* NAME\.geojson"):
        read_folder(tmp_path, ("red", "green", "blue"), (0.4, 2.0), None)


def test_a_second_date_of_quiet_ground_teaches_that_nothing_changed(tmp_path):
    picture_file(tmp_path / "one.tif", seed=1)
    picture_file(tmp_path / "two.tif", seed=2)
    with (tmp_path / "tiles.csv").open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(["image", "label", "gsd_m", "bands", "split", "second", "second_label"])
        table.writerow(["one.tif", "", "0.5", "red green blue", "train", "two.tif", ""])
    ((_, tile),) = read_tiles(tmp_path / "tiles.csv", ("red", "green", "blue"), (0.4, 2.0))
    assert tile.bands.shape == (2, 3, 40, 40)
    example = Cutter([tile], recipe(crop_px=32)).example(tile, np.random.default_rng(0), calm=True)
    assert (example.kind == SAME).all()
    assert (example.cover_before == 0).all()
    assert not np.allclose(example.before, example.after)


def pair_table(folder, change, label="", second_label="", classes=""):
    picture_file(folder / "one.tif", seed=1)
    picture_file(folder / "two.tif", seed=2)
    with (folder / "tiles.csv").open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(["image", "label", "gsd_m", "bands", "split", "second", "second_label",
                        "change", "classes"])  # fmt: skip
        table.writerow(["one.tif", label, "0.5", "red green blue", "train", "two.tif",
                        second_label, change, classes])  # fmt: skip
    ((_, tile),) = read_tiles(folder / "tiles.csv", ("red", "green", "blue"), (0.4, 2.0))
    return tile


def label_file(path, codes):
    profile = {"driver": "GTiff", "count": 1, "height": 40, "width": 40, "dtype": "uint8",
               "transform": Affine(0.5, 0, 0, 0, -0.5, 20)}  # fmt: skip
    with rasterio.open(path, "w", **profile) as out:
        out.write(codes[None])


def test_a_mask_of_changed_buildings_teaches_where_but_not_which_way(tmp_path):
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30, 10:30] = 255
    label_file(tmp_path / "mask.tif", mask)
    tile = pair_table(tmp_path, "mask.tif")
    assert np.array_equal(tile.kinds, np.where(mask > 127, BUILT, NOT_BUILT))
    cutter = Cutter([tile], recipe(crop_px=32))
    for seed in range(8):
        example = cutter.example(tile, np.random.default_rng(seed), calm=True)
        assert set(np.unique(example.kind)) <= {BUILT, NOT_BUILT}


def test_labels_of_both_dates_are_believed_before_a_mask_that_agrees(tmp_path):
    before, after = np.full((2, 40, 40), 1, np.uint8)
    after[10:30, 10:30] = 3
    before[:, 35:] = 0
    mask = np.where(after == 3, 255, 0).astype(np.uint8)
    mask[0:6, 0:6] = 255  # the labels say that nothing changed here: only the mask counts
    for name, codes in (("before.tif", before), ("after.tif", after), ("mask.tif", mask)):
        label_file(tmp_path / name, codes)
    kinds = pair_table(tmp_path, "mask.tif", "before.tif", "after.tif").kinds
    assert (kinds[12:28, 12:28] == GAINED).all()
    assert (kinds[32:, :30] == SAME).all()
    assert (kinds[0:6, 0:6] == BUILT).all()
    assert (kinds[:, 36:] == NOT_BUILT).all()
    kinds = pair_table(tmp_path, "labels", "before.tif", "after.tif").kinds
    assert (kinds[12:28, 12:28] == GAINED).all()
    assert (kinds[:, 36:] == IGNORED).all()


def test_gained_and_lost_trade_places_with_the_dates(tmp_path):
    before, after = np.full((2, 40, 40), 1, np.uint8)
    after[5:35, 5:35] = 3
    for name, codes in (("before.tif", before), ("after.tif", after)):
        label_file(tmp_path / name, codes)
    tile = pair_table(tmp_path, "labels", "before.tif", "after.tif")
    cutter = Cutter([tile], recipe(crop_px=32))
    seen = {GAINED: 0, LOST: 0}
    for seed in range(12):
        example = cutter.example(tile, np.random.default_rng(seed))
        for kind, built in ((GAINED, example.cover_after), (LOST, example.cover_before)):
            there = example.kind == kind
            seen[kind] += there.sum()
            assert (built[there] == 3).all()  # also where the after picture was moved
    assert min(seen.values()) > 500


def test_a_building_is_taught_where_its_picture_was_moved_to():
    still = np.full((20, 40), SAME, np.uint8)
    still[5:15, 5:15], still[5:15, 25:35] = GAINED, LOST
    moved = np.roll(still, 2, 1)
    settled = settled_kinds(still, moved)
    assert np.array_equal(settled == GAINED, moved == GAINED)
    assert np.array_equal(settled == LOST, still == LOST)
    assert set(np.unique(settled)) == {SAME, GAINED, LOST}


def test_where_a_move_leaves_it_open_what_changed_nothing_is_taught():
    labels = np.array([SAME, GAINED, LOST, OTHER, BUILT, NOT_BUILT, IGNORED], np.uint8)
    settled = settled_kinds(*np.meshgrid(labels, labels, indexing="ij"))
    assert np.array_equal(np.diagonal(settled), labels)
    told = {  # (still, moved): answer, where the two differ and it can be told
        (SAME, GAINED): GAINED, (OTHER, GAINED): GAINED, (LOST, SAME): LOST, (LOST, OTHER): LOST,
        (GAINED, SAME): SAME, (GAINED, OTHER): OTHER, (SAME, LOST): SAME, (OTHER, LOST): OTHER,
    }  # fmt: skip
    for row, one in enumerate(labels):
        for col, other in enumerate(labels):
            if one != other:
                assert settled[row, col] == told.get((one, other), IGNORED)


def test_a_published_legend_is_translated(tmp_path):
    codes = np.repeat(np.arange(8, dtype=np.uint8)[:, None] % 8, 5, 0).repeat(40, 1)
    label_file(tmp_path / "label.tif", codes)
    tile = pair_table(tmp_path, "", "label.tif", classes="0 0 3 5 8 4 6 1")
    assert tile.covers[0, ::5, 0].tolist() == [0, 0, 3, 5, 8, 4, 6, 1]


def test_pixels_are_brought_within_what_the_network_reads():
    fine = dataclasses.replace(tile(2, 3, 300), gsd_m=0.2)
    cutter = Cutter([fine], recipe(crop_px=64))
    for seed in range(10):
        for calm in (True, False):
            example = cutter.example(fine, np.random.default_rng(seed), calm)
            gsd_m = 0.5 * 2 ** example.before[-1].max()
            assert 0.44 <= gsd_m <= 2.3


def test_objects_are_pasted_among_pixels_of_like_size(monkeypatch):
    fine, coarse = tile(2, 1), dataclasses.replace(tile(2, 2), gsd_m=2.0)
    cutter, donors = Cutter([fine, coarse], recipe(crop_px=64, native_share=1.0)), []
    paste = cutter._pasted
    monkeypatch.setattr(cutter, "_pasted", lambda *a: (donors.append(a[3].name), paste(*a))[1])
    for seed in range(40):
        cutter.example(dataclasses.replace(fine, quiet=True), np.random.default_rng(seed))
    assert len(donors) > 20
    assert set(donors) == {fine.name}


@pytest.mark.parametrize(("gsd_m", "read_m"), [(0.2, 0.45), (0.8, 0.8)])
def test_a_picture_may_keep_its_own_pixels_or_the_finest_that_are_read(gsd_m, read_m):
    picture = dataclasses.replace(tile(2, 3, 300), gsd_m=gsd_m)
    own, any_side = (
        Cutter([picture], recipe(crop_px=64, native_share=share)) for share in (1.0, 0.0)
    )
    sides = [
        [
            0.5 * 2 ** cutter.example(picture, np.random.default_rng(seed)).before[-1].max()
            for seed in range(20)
        ]
        for cutter in (own, any_side)
    ]
    assert sides[0] == pytest.approx([read_m] * 20, abs=0.01)
    assert max(sides[1]) > 1.4 * read_m  # else the share would change nothing


@pytest.mark.parametrize("field", ["native_share", "style_mixing"])
def test_a_share_beyond_one_is_refused(field):
    with pytest.raises(SettingsError, match=f"{field} is"):
        recipe(**{field: 1.5})


def test_two_or_four_ways_up_and_no_other():
    with pytest.raises(SettingsError, match="turns is 3"):
        recipe(turns=3)
