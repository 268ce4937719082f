"""A picture to learn from is seen as the same picture is when a model is asked about it."""

import dataclasses

import numpy as np
import pytest

from landshift.features import normalise_bands
from landshift.legend import Cover
from landshift.reading import describe_image, read_raster
from landshift.site import Image
from landshift.training.folder import read_folder
from landshift.training.material import IGNORED, Cutter, read_tiles
from landshift.training.recipe import read_recipe
from pictures import ground, north_up, write

BANDS = ("red", "green", "blue")
SIDE = 96
ROW, COL = np.mgrid[:SIDE, :SIDE]
CORNERS = (ROW + COL < 60) | (ROW + COL > 150)
GROUND = ground(SIDE, SIDE).round().astype(np.uint8)


def emptied(value, dtype="uint8"):
    return np.where(CORNERS, np.array(value, dtype), GROUND.astype(dtype))


PICTURES = {
    "white collar": (emptied(255), {}),
    "black collar": (emptied(0), {}),
    "nodata": (emptied(-9999, "float64"), {"nodata": -9999}),
    "not a number": (emptied(np.nan, "float64"), {}),
    "a mask": (GROUND, {"mask": ~CORNERS}),
    "opacity": (np.concatenate([GROUND, emptied(0)[:1] * 0 + 255 * ~CORNERS]).astype(np.uint8),
                {"photometric": "rgb", "alpha": "yes"}),
    "reflectance, dark": (GROUND / 25_500, {}),
    "display values in floats": (GROUND.astype("float64"), {}),
    "a band of no use first": (np.concatenate([GROUND[:1] * 0 + 7, GROUND]),
                               {"descriptions": ("quality", *BANDS)}),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("by", ["folder", "table"])
def test_learning_sees_what_classifying_sees(name, by, tmp_path):
    values, said = PICTURES[name]
    write(tmp_path / "town.tif", values, transform=north_up(0.6), **said)
    write(tmp_path / "town.label.tif", np.full((1, SIDE, SIDE), 3, np.uint8),
          transform=north_up(0.6))  # fmt: skip
    if by == "folder":
        ((_, tile),) = read_folder(tmp_path, BANDS, (0.4, 2.0), None)
    else:
        roles = " ".join((["quality"] if "no use" in name else []) + list(BANDS))
        (tmp_path / "t.csv").write_text(
            f"image,label,gsd_m,bands,split\ntown.tif,town.label.tif,0.6,{roles},train\n"
        )
        ((_, tile),) = read_tiles(tmp_path / "t.csv", BANDS, (0.4, 2.0))
    recipe = dataclasses.replace(read_recipe("open-rgb-first"), crop_px=SIDE)
    example = Cutter([tile], recipe).example(tile, np.random.default_rng(0), calm=True)
    image = Image(tmp_path / "town.tif")
    asked = read_raster(image, describe_image(image).grid)
    assert asked.valid.all() == (name not in list(PICTURES)[:6])
    seen = normalise_bands(asked.select(BANDS), asked.valid)
    np.testing.assert_allclose(example.before[:3], seen, atol=0.01)
    assert np.array_equal(example.cover_before == Cover.BUILDING, asked.valid)
    assert np.array_equal(example.kind != IGNORED, asked.valid)


def test_pictures_of_all_units_are_of_one_brightness(tmp_path):
    """Objects of one are pasted into the other."""
    for name, picture in (("a", GROUND), ("b", GROUND / 255.0), ("c", GROUND.astype("float64"))):
        write(tmp_path / f"{name}.tif", picture, transform=north_up(0.6))
        write(tmp_path / f"{name}.label.tif", np.full((1, SIDE, SIDE), 3, np.uint8),
              transform=north_up(0.6))  # fmt: skip
    a, b, c = (tile.bands for _, tile in read_folder(tmp_path, BANDS, (0.4, 2.0), None))
    np.testing.assert_allclose(b, a, atol=1e-3)
    np.testing.assert_allclose(c, a, atol=1e-3)


def test_nothing_is_taught_or_pasted_where_a_picture_shows_nothing(tmp_path):
    for name in "ab":
        write(tmp_path / f"{name}.tif", emptied(0), transform=north_up(0.6))
        write(tmp_path / f"{name}.label.tif", np.full((1, SIDE, SIDE), 3, np.uint8),
              transform=north_up(0.6))  # fmt: skip
    tiles = [tile for _, tile in read_folder(tmp_path, BANDS, (0.4, 2.0), None)]
    cutter = Cutter(tiles, dataclasses.replace(read_recipe("open-rgb-first"), crop_px=64))
    for seed in range(20):
        example = cutter.example(tiles[0], np.random.default_rng(seed))
        for picture, cover in ((example.before, example.cover_before),
                               (example.after, example.cover_after)):  # fmt: skip
            blank = (picture[:3] == 0).all(axis=0)
            assert 0.0 < blank.mean() < 1.0
            assert not cover[blank].any()
            assert (example.kind[blank] == IGNORED).all()
