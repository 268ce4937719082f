"""Pictures that are in part one picture: older pieces in a mosaic, and copies drawn upon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from pyproj import CRS, Transformer

from conftest import CHECKOUT
from landshift.alignment import estimate_alignment
from landshift.cli import main
from landshift.comparison import compare_site
from landshift.errors import ComparisonError
from landshift.grid import Grid
from landshift.landcover import Evidence
from landshift.mosaic import Shared, align_apart, find_shared
from landshift.raster import Raster
from landshift.reading import read_aoi
from landshift.sensor import Sensor
from landshift.settings import Settings
from landshift.site import Image, Site
from landshift.writing import write_report
from pictures import write
from test_drawings import ground

jit = pytest.mark.jit
SETTINGS = Settings()
PX = SETTINGS.fitness.same_side_px
SIDE = 288
GRID = Grid(CRS.from_epsg(32652), Affine(1, 0, 500_000, 0, -1, 4_600_000), (SIDE, SIDE))
COPIED = np.indices((SIDE, SIDE))[1] < SIDE // 2
TILE = CHECKOUT / "sample_tiles" / "songchon"


def raster(picture, valid=True):
    bands = np.stack([picture, picture + 1, picture + 2]).astype(np.float32)
    return Raster(bands, np.full((SIDE, SIDE), valid), GRID, Sensor(("red", "green", "blue"), 1.0))


def another_day(picture, seed=7):
    """The same ground 3 px further down and 2 px to the left, in another light."""
    noise = np.random.default_rng(seed).normal(0, 4, picture.shape)
    return np.clip(np.roll(0.8 * picture + 20 + noise, (3, -2), (0, 1)), 0, 255).round()


def aligned(before, after):
    return align_apart(raster(before), raster(after), SETTINGS.alignment, SETTINGS.fitness)


def test_what_both_show_of_one_picture_is_found_to_the_pixel():
    before = ground(0)
    after = another_day(before)
    assert not find_shared(raster(before), raster(after), PX).any()
    assert find_shared(raster(before), raster(after), 2).any()  # by chance
    mosaic = raster(np.where(COPIED, before, after))
    assert (find_shared(raster(before), mosaic, PX) == COPIED).mean() > 0.999
    other = mosaic.bands.copy()
    other[2] += 1.0  # one band of another day is enough
    assert not find_shared(raster(before), replace(mosaic, bands=other), PX).any()
    burnt = raster(np.full((SIDE, SIDE), 253))
    assert not find_shared(burnt, burnt, PX).any()
    assert not find_shared(raster(before, valid=False), raster(before), PX).any()


@jit
def test_an_older_piece_does_not_hold_the_registration_of_the_rest():
    before = ground(0)
    after = np.where(COPIED, before, another_day(before))
    held = estimate_alignment(raster(before), raster(after), SETTINGS.alignment)
    found, shared = aligned(before, after)
    assert shared.is_older
    assert (shared.part == COPIED).mean() > 0.999
    assert found.verdict == "good", found.reason
    moved = found.displacement(*GRID.xy(np.array([40.0, 240.0]), np.array([30.0, 250.0])))
    assert np.allclose(moved, np.array([[2.0], [3.0]]), atol=0.1)
    left = held.displacement(*GRID.xy(np.array([140.0]), np.array([30.0])))
    assert np.hypot(left[0] - 2.0, left[1] - 3.0) > 1.0  # as it was, the piece bent the field


@jit
@pytest.mark.parametrize("how", ["a hall", "other tones", "nothing"])
def test_a_copy_that_was_drawn_upon_is_no_mosaic(how):
    before = ground(0)
    after = before.astype(np.float32)
    if how == "a hall":
        after[60:140, 60:180] = 200
    elif how == "other tones":
        after = np.where(COPIED, after, (0.8 * after + 30).round())
    found, shared = aligned(before, after)
    assert found.verdict == "good"
    assert not shared.is_older
    assert shared.part.mean() > 0.4
    (told,) = shared.doubts(np.ones_like(shared.part), 0.05)
    assert told.endswith("of the site is one and the same picture on both dates: what was built "
                         "there cannot be seen")  # fmt: skip


def test_an_older_piece_is_not_seen_and_told_where_it_is_part_of_the_site():
    valid = np.ones((SIDE, SIDE), bool)
    evidence = Evidence(np.zeros((4, SIDE, SIDE), np.float32), valid, GRID, (0.7, 0.1, 0.1, 0.1))
    older = Shared(COPIED, is_older=True)
    assert (older.taken_from(evidence).valid == ~COPIED).all()
    assert replace(older, is_older=False).taken_from(evidence) is evidence
    told = "50% of the site is one and the same picture on both dates, and counts as not seen"
    assert older.doubts(valid, 0.05) == (told,)
    assert older.doubts(~COPIED, 0.05) == older.doubts(~valid, 0.05) == ()


def test_what_an_older_piece_hides_counts_against_the_least_that_must_be_seen(tmp_path):
    pictures = {}
    for when in ("before", "after"):
        with rasterio.open(TILE / f"{when}.tif") as source:
            pictures[when], lie, crs = source.read(), source.transform, source.crs
    cols = pictures["after"].shape[2] * 4 // 5
    pictures["after"][:, :, :cols] = pictures["before"][:, :, :cols]
    for when, bands in pictures.items():
        write(tmp_path / f"{when}.tif", bands, crs=crs, transform=lie)
    images = (Image(tmp_path / f"{when}.tif") for when in pictures)
    site = Site("songchon", *images, read_aoi(TILE / "site.geojson"))
    with pytest.raises(ComparisonError, match="of the site"):
        compare_site(site, "open", SETTINGS, lambda stage: None)


@jit
def test_hectares_beside_an_older_piece_hold_the_truth(tmp_path):
    pictures = {}
    for when in ("before", "after"):
        with rasterio.open(TILE / f"{when}.tif") as source:
            pictures[when], lie, crs = source.read(), source.transform, source.crs
    half = pictures["after"].shape[2] // 2
    pictures["after"][:, :, half:] = pictures["before"][:, :, half:]
    for when, bands in pictures.items():
        write(tmp_path / f"{when}.tif", bands, crs=crs, transform=lie)
    images = (Image(tmp_path / f"{when}.tif") for when in pictures)
    site = Site("songchon", *images, read_aoi(TILE / "site.geojson"))
    report = compare_site(site, "open", SETTINGS, lambda stage: None)
    built = report.totals["new_building"]
    assert built.value < 0.3 < 0.37 < built.high  # README: 0.37 ha are true
    assert built.dominant == "part of the site that was not seen"
    assert 0.4 < report.seen_share < 0.6
    assert "counts as not seen" in report.fitness.reasons[0]
    write_report(report, tmp_path / "out", overwrite=False)
    row, col = (int(np.median(at)) for at in np.nonzero(report.changes.codes == 0))
    east, north = report.changes.grid.xy(np.array([float(row)]), np.array([float(col)]))
    lon, lat = Transformer.from_crs(report.changes.grid.crs, 4326, always_xy=True).transform(
        east[0], north[0]
    )
    args = ["explain", str(tmp_path / "out"), "--at", f"{lon},{lat}"]
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 1
    assert "was not seen: both dates show one and the same picture there" in done.stderr
