"""Files that say little, or another thing than it seems: averaged masks, margins, names, turns."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image as Drawing
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning

from landshift.errors import ImageError
from landshift.reading import describe_image, read_raster, world_files
from landshift.reading.recognition import BandFacts, recognise_bands
from landshift.reading.units import is_fill
from landshift.site import Image
from pictures import ground, north_up, write

BLOB = np.hypot(*(np.indices((700, 700)) - 330)) < 90


def seen(path, gsd_m=None):
    image = Image(path, gsd_m)
    return read_raster(image, describe_image(image).grid).valid


@pytest.mark.parametrize(
    ("name", "mask"), [("cloud", BLOB), ("cloud", BLOB * 255), ("clear", ~BLOB), ("", ~BLOB * 255)]
)
def test_a_mask_band_is_heeded_though_its_overviews_are_means(tmp_path, name, mask):
    bands = np.concatenate([ground(700, 700), mask[None].astype(np.float32)])
    names = ("red", "green", "blue", name) if name else ()
    path = write(tmp_path / "a.tif", bands, photometric="RGB", alpha="unspecified",
                 tiled=True, descriptions=names)  # fmt: skip
    assert not seen(path)[BLOB].any()
    with rasterio.open(path, "r+") as target:
        target.build_overviews([2, 4], Resampling.average)
        if mask.max() > 1:  # means of 0 and 1 are rounded to the same two
            assert np.unique(target.read(4, out_shape=(256, 256))).size > 2
    found = seen(shutil.copy(path, tmp_path / "b.tif"))
    assert not found[BLOB].any()
    assert found[~BLOB].all()


def test_of_near_infrared_not_all_of_a_file_is_unpacked(tmp_path, monkeypatch):
    def refuse(source, band):
        raise AssertionError("all of the file was unpacked")

    monkeypatch.setattr("landshift.reading.picture.own_sample_of", refuse)
    path = write(tmp_path / "a.tif", ground(700, 700, bands=4), photometric="RGB",
                 alpha="unspecified")  # fmt: skip
    assert describe_image(Image(path)).sensor.bands == ("red", "green", "blue", "nir")


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(-999, "int16"), (-1, "int16"), (255, "uint16"), (1.0, "float32"), (-1.0, "float32"),
     (-99.0, "float64")],
)  # fmt: skip
def test_a_margin_of_one_undeclared_number_is_not_seen(tmp_path, value, dtype):
    bands = ground(200, 200).astype(dtype)
    if dtype.startswith("float"):
        bands /= 300
    if dtype == "uint16":
        bands = np.minimum(bands, 240)
    bands[:, :40] = value
    found = seen(write(tmp_path / "a.tif", bands, dtype=dtype))
    assert not found[:40].any()
    assert found[40:].all()


def test_flat_water_at_the_border_is_seen(tmp_path):
    bands = ground(200, 200).astype("uint16") + 300
    bands[:, :40] = np.array([400, 380, 360])[:, None, None]
    assert seen(write(tmp_path / "other.tif", bands, dtype="uint16")).all()
    bands[:, :40] = 410  # one number in all bands, but others lie on both sides of it
    assert seen(write(tmp_path / "grey.tif", bands, dtype="uint16")).all()
    assert seen(write(tmp_path / "eight.tif", np.minimum(bands - 300, 90), dtype="uint8")).all()


def test_numbers_near_the_largest_are_no_measurement():
    raw = np.array([[[1.0, -3.4028230607370965e38, 1e20, -9999.0, 1e19]]], np.float32)
    assert is_fill(raw, "float32").tolist() == [[False, True, True, True, False]]
    assert not is_fill(raw.clip(0, 255), "uint8").any()


def test_transparent_entries_of_a_palette_are_not_seen(tmp_path):
    rng = np.random.default_rng(0)
    index = rng.integers(5, 200, (120, 120)).astype(np.uint8)
    index[20:60, 30:80] = 3
    index[70:80, 30:80] = 4
    drawing = Drawing.fromarray(index, "P")
    drawing.putpalette(rng.integers(0, 255, 768).astype(np.uint8).tobytes())
    opacity = bytearray(b"\xff" * 256)
    opacity[3] = opacity[4] = 0
    drawing.save(tmp_path / "a.png", transparency=bytes(opacity))
    assert (seen(tmp_path / "a.png", 1.0) == (index > 4)).all()


@pytest.mark.parametrize("name", ["shot", "shot.", ".png"])
def test_a_picture_needs_no_suffix(tmp_path, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        write(tmp_path / "a.png", ground(), crs=None, driver="PNG")
    path = shutil.copy(tmp_path / "a.png", tmp_path / name)
    assert seen(path, 1.0).all()
    with pytest.raises(ImageError, match="has no CRS; --gsd METRES says"):
        describe_image(Image(path))


def test_where_no_world_file_can_lie_none_is_looked_for(tmp_path):
    path = write(tmp_path / f"{'a' * 251}.tif", ground())  # one letter more is no name any more
    assert seen(path).all()
    assert world_files(Path("/")) == []


def test_a_file_in_another_ones_place_is_looked_at_anew(tmp_path):
    one = write(tmp_path / "one.tif", ground())
    other = write(tmp_path / "other.tif", ground(), transform=north_up(corner=(500_000.0, 4.5e6)))
    os.utime(other, ns=(one.stat().st_atime_ns, one.stat().st_mtime_ns))
    assert one.stat().st_size == other.stat().st_size
    path = tmp_path / "picture.tif"
    shutil.copy2(one, path)
    first = describe_image(Image(path))
    shutil.copy2(other, path)
    assert path.stat().st_mtime_ns == one.stat().st_mtime_ns
    second = describe_image(Image(path))
    assert (first.grid.transform.c, second.grid.transform.c) == (400_000.0, 500_000.0)
    assert first.sha256 != second.sha256


def test_a_world_file_that_comes_later_is_heard(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        path = write(tmp_path / "a.png", ground(), crs=None, driver="PNG")
    assert describe_image(Image(path, 1.0)).placement is None
    for side in (1.0, 5.0):
        (tmp_path / "a.pgw").write_text(f"{side}\n0\n0\n-{side}\n400000\n4600000\n")
        assert describe_image(Image(path, 1.0)).placement.transform.a == side


@pytest.mark.parametrize("count", [5, 8])
@pytest.mark.parametrize("pattern", ["Band {}", "B{}"])
def test_bands_that_are_numbered_in_order_are_unknown(count, pattern):
    names = tuple(pattern.format(n + 1) for n in range(count))
    roles, told_by = recognise_bands(BandFacts("a.tif", names, ("undefined",) * count, 0.5))
    assert told_by == "band count"
    unnamed = BandFacts("a.tif", ("",) * count, ("undefined",) * count, 0.5)
    assert roles == recognise_bands(unnamed)[0]


def test_ten_numbered_bands_are_what_ten_bands_are():
    names = tuple(f"Band {n + 1}" for n in range(10))
    roles, _ = recognise_bands(BandFacts("a.tif", names, ("undefined",) * 10, 10.0))
    assert roles[:4] == ("blue", "green", "red", "rededge1")


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_a_jpeg_or_png_that_is_shown_turned_is_refused(tmp_path, kind):
    drawing = Drawing.fromarray(ground().transpose(1, 2, 0).round().astype(np.uint8))
    exif = Drawing.Exif()
    for orientation in (1, 6):
        exif[0x0112] = orientation
        drawing.save(tmp_path / f"{orientation}.{kind}", exif=exif, quality=95)
    assert seen(tmp_path / f"1.{kind}", 1.0).any()
    with pytest.raises(ImageError, match=rf"6\.{kind}: is shown turned or mirrored \(EXIF"):
        describe_image(Image(tmp_path / f"6.{kind}", 1.0))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("big", ["NO", "YES"])
def test_a_tiff_that_is_shown_turned_is_refused_where_nothing_places_its_pixels(tmp_path, big):
    bands = ground().round().astype(np.uint8)
    profile = {"driver": "GTiff", "count": 3, "height": bands.shape[1], "width": bands.shape[2],
               "dtype": "uint8", "photometric": "RGB", "BIGTIFF": big}  # fmt: skip
    placed = {"crs": "EPSG:32652", "transform": Affine(1, 0, 500_000, 0, -1, 4_400_000)}
    for name, more in (("bare", {}), ("placed", placed)):
        with rasterio.open(tmp_path / f"{name}.tif", "w", **profile, **more) as out:
            out.write(bands)
    assert seen(tmp_path / "bare.tif", 1.0).any()
    for name in ("bare", "placed"):  # GDAL writes no such tag, so another takes its number
        path = tmp_path / f"{name}.tif"
        old, new = (284, 1), (274, 6)
        kind = "<HHQH" if big == "YES" else "<HHIH"
        ours, turned = (struct.pack(kind, tag, 3, 1, value) for tag, value in (old, new))
        content = path.read_bytes()
        assert content.count(ours) == 1
        path.write_bytes(content.replace(ours, turned))
    with pytest.raises(ImageError, match=r"bare\.tif: is shown turned or mirrored \(TIFF"):
        describe_image(Image(tmp_path / "bare.tif", 1.0))
    assert seen(tmp_path / "placed.tif").any()  # a GIS lays its pixels where they belong


def test_whoever_imports_landshift_can_still_reproject():
    code = (
        "import landshift, json\n"
        "from rasterio.warp import calculate_default_transform as find\n"
        "bounds = 692525, 4304124, 692675, 4304274\n"
        "print(json.dumps(find('EPSG:32651', 'EPSG:4326', 300, 300, *bounds)[1:]))\n"
    )
    # a command that another test ran in this process has left its own list of drivers
    env = {name: text for name, text in os.environ.items() if name != "GDAL_SKIP"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=99)
    assert all(side > 200 for side in json.loads(done.stdout))
