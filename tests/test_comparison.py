"""The story page: what it does with pairs that do not fit together."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image as Picture

from landshift.comparison import compare_site
from landshift.errors import ImageError, UnfitPairError
from landshift.mapping import map_cover
from landshift.reading import describe_image, read_aoi, read_raster
from landshift.settings import GridSettings, Settings
from landshift.site import Image, Site
from networks import random_model
from pictures import ground, write

pytestmark = pytest.mark.jit


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    random_model(folder, seed=4)
    return str(folder / "random-rgb-4.npz")


def noise(seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (160, 160, 3), dtype=np.uint8)


def test_crops_of_one_frame_that_cannot_be_registered_are_answered_with_a_caution(tmp_path, model):
    for name, seed in (("before", 1), ("after", 2)):
        Picture.fromarray(noise(seed)).save(tmp_path / f"{name}.png")
    site = Site("noise", *(Image(tmp_path / f"{n}.png", gsd_m=0.5) for n in ("before", "after")))
    report = compare_site(site, model, Settings(), lambda stage: None)
    assert report.alignment.verdict == "failed"
    assert (report.alignment.east_m, report.alignment.north_m) == (0.0, 0.0)
    assert report.fitness.verdict == "caution"
    assert any("compared as they came" in warning for warning in report.warnings)


def test_pictures_with_a_place_that_cannot_be_registered_are_refused(tmp_path, model):
    for name, seed in (("before", 1), ("after", 2)):
        profile = {"driver": "GTiff", "count": 3, "height": 160, "width": 160, "dtype": "uint8",
                   "crs": "EPSG:32652",
                   "transform": Affine(0.5, 0, 500_000, 0, -0.5, 4_400_000)}  # fmt: skip
        with rasterio.open(tmp_path / f"{name}.tif", "w", **profile) as out:
            out.write(noise(seed).transpose(2, 0, 1))
    site = Site("noise", Image(tmp_path / "before.tif"), Image(tmp_path / "after.tif"))
    with pytest.raises(UnfitPairError, match="could not be co-registered"):
        compare_site(site, model, Settings(), lambda stage: None)


def test_a_file_compared_with_itself_has_nothing_to_align(tmp_path, model):
    Picture.fromarray(noise(3)).save(tmp_path / "same.png")
    same = Image(tmp_path / "same.png", gsd_m=0.5)
    report = compare_site(Site("same", same, same), model, Settings(), lambda stage: None)
    assert report.alignment.model == "identity"
    assert any("the same file" in warning for warning in report.warnings)


def test_more_houses_that_went_than_came_are_a_reason_to_ask_for_the_order():
    folder = Path(__file__).parent.parent / "sample_tiles/kosan"
    aoi = read_aoi(folder / "site.geojson")
    first, second = folder / "before.tif", folder / "after.tif"
    days = date(2023, 10, 2), date(2023, 12, 9)
    for pair, asked in (
        ((Image(second), Image(first)), True),
        ((Image(second, date=days[1]), Image(first)), True),
        ((Image(first), Image(second)), False),
        ((Image(second, date=days[1]), Image(first, date=days[0])), False),
    ):
        report = compare_site(Site("kosan", *pair, aoi), "open", Settings(), lambda stage: None)
        assert any("wrong way round" in one for one in report.warnings) == asked


def test_a_model_for_research_alone_says_so_in_every_result(tmp_path):
    told = "research only: learned from somebody's pictures"
    random_model(tmp_path, seed=4, name="lent", licence=told)
    Picture.fromarray(noise(3)).save(tmp_path / "same.png")
    same = Image(tmp_path / "same.png", gsd_m=0.5)
    path = str(tmp_path / "random-rgb-4.npz")
    report = compare_site(Site("same", same, same), path, Settings(), lambda stage: None)
    assert f"the model lent may be used for {told}" in report.warnings


def test_the_before_picture_is_moved_onto_the_after_picture(tmp_path, model):
    rng = np.random.default_rng(5)
    ground = np.kron(rng.integers(40, 216, (60, 60)), np.ones((8, 8))).astype(np.uint8)
    ground = np.stack([ground, ground // 2 + 30, ground // 3 + 20], axis=-1)
    Picture.fromarray(ground[40:440, 40:440]).save(tmp_path / "after.png")
    Picture.fromarray(ground[37:437, 34:434]).save(tmp_path / "before.png")
    site = Site("moved", *(Image(tmp_path / f"{n}.png", gsd_m=0.5) for n in ("before", "after")))
    report = compare_site(site, model, Settings(), lambda stage: None)
    assert report.alignment.verdict == "good"
    moved = report.alignment.east_m, report.alignment.north_m
    assert moved == pytest.approx((-6 * 0.5, 3 * 0.5), abs=0.1)


def test_frames_that_world_files_place_elsewhere_are_not_taken_as_one(tmp_path, model):
    for name, seed, x in (("before", 1, 500_000.25), ("after", 2, 500_080.25)):
        Picture.fromarray(noise(seed)).save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.pgw").write_text(f"0.5\n0\n0\n-0.5\n{x}\n4400000\n")
    site = Site("noise", *(Image(tmp_path / f"{n}.png", gsd_m=0.5) for n in ("before", "after")))
    with pytest.raises(UnfitPairError, match="could not be co-registered"):
        compare_site(site, model, Settings(), lambda stage: None)


def test_coarse_pictures_give_no_finer_answer_for_being_asked_for_one(tmp_path, model):
    for name, seed in (("before", 1), ("after", 2)):
        bands = ground(200, 220) + np.random.default_rng(seed).normal(0, 4, (3, 200, 220))
        write(tmp_path / f"{name}.tif", bands.astype(np.float32))
    site = Site("coarse", Image(tmp_path / "before.tif"), Image(tmp_path / "after.tif"))
    own, finer = (
        compare_site(site, model, Settings(grid=GridSettings(gsd_m=gsd_m)), lambda stage: None)
        for gsd_m in (None, 0.5)
    )
    assert finer.changes.grid == own.changes.grid
    assert [one.numbers() for one in finer.totals.values()] == [
        one.numbers() for one in own.totals.values()
    ]
    assert [warning for warning in finer.warnings if warning not in own.warnings] == [
        "a pixel of 0.5 m was asked for, but the coarser picture's are 1 m and show nothing finer: "
        "worked at those"
    ]


def test_fewer_pixels_than_a_picture_has_may_be_allowed(tmp_path, model):
    images = [Image(write(tmp_path / f"{name}.tif", ground())) for name in ("before", "after")]
    site = Site("large", *images)
    few = Settings(grid=GridSettings(most_pixels=1000))
    with pytest.raises(ImageError, match="160 x 120 pixels declared; allowed are 1000"):
        compare_site(site, model, few, lambda stage: None)


def test_more_pixels_than_are_usual_may_be_allowed(tmp_path, model, monkeypatch):
    monkeypatch.setattr(describe_image, "__defaults__", (1000,))
    monkeypatch.setattr(read_raster, "__defaults__", (None, 1000))
    images = [Image(write(tmp_path / f"{name}.tif", ground())) for name in ("before", "after")]
    many = Settings(grid=GridSettings(most_pixels=20_000))
    assert compare_site(Site("large", *images), model, many, lambda stage: None).totals
    assert map_cover(images[0], model, many, lambda stage: None).hectares
