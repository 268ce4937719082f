"""Masks beside a picture: what each kind hides, wherever its pixels lie, and what is refused."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from landshift.errors import ImageError, NoOverlapError
from landshift.grid import Grid
from landshift.reading import describe_image, masks, read_raster
from landshift.reading.masks import describe_mask, hidden_by
from landshift.site import Image, Mask, mask_named
from oracles.masks import any_pixel_hides
from pictures import CORNER, UTM, ground, north_up, write

UDM2 = ("clear", "snow", "shadow", "haze_light", "haze_heavy", "cloud", "confidence", "udm1")
SHAPE = (120, 160)


def blot(shape=SHAPE, rows=slice(40, 60), cols=slice(50, 90)):
    """True in a rectangle."""
    out = np.zeros(shape, bool)
    out[rows, cols] = True
    return out


def drawn(path: Path, values, **how) -> Path:
    return write(path, np.asarray(values)[None].astype(how.pop("dtype", np.uint8)), **how)


def usable(path: Path, kind: np.ndarray, older: np.ndarray | int = 0, names=UDM2, **how) -> Path:
    """A UDM2: ``kind`` (row, col) is 0 to 5 from clear to cloud, 9 where nothing was imaged."""
    bands = [kind == number for number in range(6)]
    bands += [np.full(kind.shape, 80), np.broadcast_to(older, kind.shape)]
    return write(path, np.stack(bands).astype(np.uint8), descriptions=names, **how)


def seen_of(tmp_path, mask: str | Path, **picture):
    """Of a picture of 120 × 160 pixels of 1 m, what is seen on its own pixels."""
    path = tmp_path / "picture.tif"
    if not path.exists():
        write(path, ground(), **picture)
    image = Image(path, None if picture.get("crs", UTM) else 1.0, mask=mask_named(mask))
    raster = read_raster(image, describe_image(image).grid)
    np.testing.assert_array_equal(raster.hidden, ~raster.valid)
    assert not raster.bands[:, ~raster.valid].any()
    return raster.valid


# --- what each kind hides ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["T52SDG_20240511T021611_SCL_20m.tif", "SCL.tif", "told"])
def test_each_class_of_a_scene_classification(tmp_path, name):
    classes = np.arange(12).repeat(10)[None].repeat(120, axis=0)
    path = drawn(tmp_path / name.replace("told", "a.tif"), np.pad(classes, ((0, 0), (0, 40))))
    seen = seen_of(tmp_path, f"scl:{path}" if name == "told" else path)
    told = {number for number in range(12) if seen[:, 10 * number : 10 * number + 10].all()}
    hidden = {number for number in range(12) if not seen[:, 10 * number : 10 * number + 10].any()}
    assert (told, hidden) == ({2, 4, 5, 6, 7}, {0, 1, 3, 8, 9, 10, 11})
    assert not seen[:, 120:].any()


@pytest.mark.parametrize("told", [True, False])
def test_what_a_usable_data_mask_does_not_call_clear_is_hidden(tmp_path, told):
    kind = np.zeros(SHAPE, int)
    for number in range(1, 6):
        kind[10 * number : 10 * number + 10] = number
    kind[110:] = 9
    older = np.zeros(SHAPE, int)
    older[:, 0], older[:, 1], older[:, 2] = 0b10, 0b1, 0b10001000
    path = usable(tmp_path / "udm2.tif", kind, older, UDM2 if told else ())
    seen = seen_of(tmp_path, path if told else f"udm2:{path}")
    expected = kind == 0
    expected[:, 1:3] = False  # of the older mask all but its clouds: a threshold on brightness
    np.testing.assert_array_equal(seen, expected)


def test_bands_of_a_usable_data_mask_are_found_by_name(tmp_path):
    kind = np.where(blot(), 5, 0)
    path = usable(tmp_path / "udm2.tif", kind)
    with rasterio.open(path) as source:
        bands = source.read()[::-1]
    write(tmp_path / "turned.tif", bands, descriptions=UDM2[::-1])
    np.testing.assert_array_equal(seen_of(tmp_path, tmp_path / "turned.tif"), ~blot())


def test_any_bit_of_the_older_mask_hides(tmp_path):
    bits = np.zeros(SHAPE, np.uint8)
    for bit in range(8):
        bits[10 * bit] = 1 << bit
    seen = seen_of(tmp_path, f"udm:{drawn(tmp_path / 'udm.tif', bits)}")
    np.testing.assert_array_equal(seen, bits == 0)


@pytest.mark.parametrize("full", [1, 255])
@pytest.mark.parametrize("driver", ["GTiff", "PNG"])
def test_a_drawn_mask_hides_as_its_user_says(tmp_path, full, driver):
    path = drawn(tmp_path / "mask", blot() * full, driver=driver, crs=None)
    np.testing.assert_array_equal(seen_of(tmp_path, f"seen:{path}"), blot())
    np.testing.assert_array_equal(seen_of(tmp_path, f"hidden:{path}"), ~blot())


def test_what_a_drawn_mask_does_not_know_is_hidden(tmp_path):
    values = np.where(blot(), 1.0, 0.0)
    values[:5] = np.nan
    path = drawn(tmp_path / "float.tif", values, dtype=np.float64)
    for kind, expected in (("seen", blot()), ("hidden", ~blot())):
        expected[:5] = False
        np.testing.assert_array_equal(seen_of(tmp_path, f"{kind}:{path}"), expected)
    values = np.where(blot(), 1, 0)
    values[:5] = 7
    path = drawn(tmp_path / "nodata.tif", values, nodata=7)
    np.testing.assert_array_equal(seen_of(tmp_path, f"seen:{path}"), blot())
    # programs that burn polygons call the rest nodata
    path = drawn(tmp_path / "burnt.tif", blot(), nodata=0)
    np.testing.assert_array_equal(seen_of(tmp_path, f"hidden:{path}"), ~blot())


def test_a_mask_adds_to_what_the_picture_itself_hides(tmp_path):
    path = drawn(tmp_path / "mask.tif", blot())
    picture = write(tmp_path / "p.tif", ground(), mask=~blot(cols=slice(80, 120)))
    image = Image(picture, mask=mask_named(f"hidden:{path}"))
    raster = read_raster(image, describe_image(image).grid)
    np.testing.assert_array_equal(raster.valid, ~blot(cols=slice(50, 120)))
    np.testing.assert_array_equal(raster.hidden, blot(cols=slice(50, 80)))
    np.testing.assert_array_equal(raster.shown, ~blot(cols=slice(80, 120)))


# --- wherever its pixels lie -------------------------------------------------------------------


@pytest.fixture(scope="module")
def room(tmp_path_factory) -> Path:
    """A folder whose files may be written again."""
    return tmp_path_factory.mktemp("masks")


@settings(deadline=None, max_examples=40)
@given(
    gsd=st.sampled_from([0.3, 1.0, 3.0, 3.125, 10.0, 20.0]),
    own=st.sampled_from([1.0, 3.0, 10.0]),
    shift=st.tuples(st.floats(-40, 40), st.floats(-40, 40)),
    turn=st.sampled_from([0.0, 0.5, 20.0, 45.0, 200.0]),
    share=st.sampled_from([0.02, 0.3]),
    tile=st.sampled_from([5, 1024]),
    crs=st.sampled_from([UTM, "EPSG:32651", "EPSG:4326"]),
    seed=st.integers(0, 99),
)
def test_a_pixel_is_hidden_where_any_of_the_mask_over_it_hides(
    room, gsd, own, shift, turn, share, tile, crs, seed
):
    hidden = np.random.default_rng(seed).random((30, 40)) < share
    grid = Grid(CRS.from_user_input(UTM), north_up(own) @ Affine.rotation(turn), (15, 19))
    corner = CORNER[0] - 2 * gsd + shift[0], CORNER[1] + 2 * gsd + shift[1]
    x, y = Transformer.from_crs(UTM, crs, always_xy=True).transform(*corner)
    unit = gsd / 100_000 if crs == "EPSG:4326" else gsd
    path = drawn(room / "any.tif", hidden, crs=crs, transform=Affine(unit, 0, x, 0, -unit, y))
    info = describe_mask(Mask(path, "hidden"), Path("picture.tif"), grid, 10_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masks, "_TILE_PX", tile)
        found = hidden_by(info, grid, Window(3, 2, 16, 12))
    must, may = (each[2:14, 3:19] for each in any_pixel_hides(hidden, info.grid, grid))
    assert not (must & ~found).any()
    assert not (found & ~may).any()


@pytest.mark.jit
@settings(deadline=None, max_examples=40)
@given(
    gsd=st.sampled_from([0.5, 1.0, 2.0, 20.0]),
    target=st.sampled_from([0.7, 1.0, 3.0]),
    shift=st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    seed=st.integers(0, 99),
)
def test_hiding_more_never_shows_more(room, gsd, target, shift, seed):
    picture = room / "under.tif"
    if not picture.exists():
        write(picture, ground())
    shape = int(np.ceil(120 / gsd)) + 1, int(np.ceil(160 / gsd)) + 1
    rng = np.random.default_rng(seed)
    few = rng.random(shape) < 0.02
    more = few | (rng.random(shape) < 0.05)
    grid = Grid(CRS.from_user_input(UTM), north_up(target), (int(110 / target), int(150 / target)))
    moved = SimpleNamespace(displacement=lambda x, y: shift)
    seen = []
    for number, hidden in enumerate((np.zeros(shape, bool), few, more)):
        path = drawn(room / f"{number}.tif", hidden, transform=north_up(gsd))
        os.utime(path, ns=(seed, number))
        raster = read_raster(Image(picture, mask=Mask(path, "hidden")), grid, moved)
        assert not (raster.valid & raster.hidden).any()
        seen.append(raster)
    bare = read_raster(Image(picture), grid, moved)
    np.testing.assert_array_equal(seen[0].bands, bare.bands)
    for one in seen:
        np.testing.assert_array_equal(one.shown, bare.valid)
    assert not (seen[1].valid & ~seen[0].valid).any()
    assert not (seen[2].valid & ~seen[1].valid).any()
    assert (seen[0].valid == bare.valid).all()


def test_a_mask_moves_with_its_picture(tmp_path):
    path = drawn(tmp_path / "mask.tif", blot())
    picture = write(tmp_path / "p.tif", ground())
    image = Image(picture, mask=Mask(path, "hidden"))
    moved = SimpleNamespace(displacement=lambda x, y: (7.0, -4.0))  # metres east and north
    raster = read_raster(image, describe_image(image).grid, moved)
    inside = np.s_[10:110, 10:150]
    expected = np.roll(blot(), (4, 7), axis=(0, 1))
    np.testing.assert_array_equal(raster.hidden[inside], expected[inside])


def test_no_pixel_under_the_mask_colours_its_neighbours(tmp_path):
    bands = np.full((3, *SHAPE), 100, np.float32)
    bands[:, blot()] = 250  # a cloud
    picture = write(tmp_path / "p.tif", bands)
    grid = Grid(CRS.from_user_input(UTM), north_up(1.0, (CORNER[0] + 0.4, CORNER[1])), (110, 150))
    path = drawn(tmp_path / "mask.tif", blot())
    raster = read_raster(Image(picture, mask=Mask(path, "hidden")), grid)
    assert raster.bands[:, raster.valid].max() == pytest.approx(100, abs=1e-3)
    assert read_raster(Image(picture), grid).bands.max() > 200


def test_where_a_mask_does_not_reach_nothing_is_seen_and_a_note_says_so(tmp_path):
    part = drawn(tmp_path / "part.tif", np.zeros((60, 160)))
    seen = seen_of(tmp_path, f"hidden:{part}")
    assert seen[:60].all()
    assert not seen[60:].any()
    image = Image(tmp_path / "picture.tif", mask=Mask(part, "hidden"))
    assert describe_image(image).notes[-1] == (
        "part.tif does not reach all of picture.tif; where it does not, nothing was seen"
    )
    whole = drawn(tmp_path / "whole.tif", np.zeros((7, 9)), transform=north_up(20.0))
    assert not describe_mask(Mask(whole, "hidden"), image.path, describe_image(image).grid,
                             10_000).notes  # fmt: skip


def test_a_mask_beside_all_of_the_picture_leaves_nothing(tmp_path):
    far = drawn(tmp_path / "far.tif", np.zeros(SHAPE), transform=north_up(1, (500_000, 4_600_000)))
    with pytest.raises(NoOverlapError, match=r"nodata, blank or outside, or hidden by .*far\.tif"):
        seen_of(tmp_path, f"hidden:{far}")


def test_without_crs_the_mask_has_the_pixels_of_the_picture(tmp_path):
    path = drawn(tmp_path / "mask.png", blot(), crs=None, driver="PNG")
    seen = seen_of(tmp_path, f"hidden:{path}", crs=None)
    np.testing.assert_array_equal(seen, ~blot())


def test_a_mask_that_changed_is_read_anew(tmp_path):
    path = drawn(tmp_path / "mask.tif", blot())
    first = seen_of(tmp_path, f"hidden:{path}")
    image = Image(tmp_path / "picture.tif", mask=Mask(path, "hidden"))
    sha256 = describe_image(image).mask.sha256
    drawn(path, ~blot())
    os.utime(path, ns=(1, 1))
    np.testing.assert_array_equal(seen_of(tmp_path, f"hidden:{path}"), ~first)
    assert describe_image(image).mask.sha256 != sha256


# --- what is refused ---------------------------------------------------------------------------


def bare(path: Path, shape=(10, 10)) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return drawn(path, np.zeros(shape), crs=None)


def bomb(path: Path) -> Path:
    with rasterio.open(path, "w", driver="GTiff", width=400_000, height=400_000, count=1, crs=UTM,
                       dtype="uint8", transform=north_up(), sparse_ok=True, tiled=True,
                       blockxsize=4096, blockysize=4096, bigtiff="YES"):  # fmt: skip
        return path


def cut(path: Path) -> Path:
    drawn(path, np.random.default_rng(0).integers(0, 2, SHAPE))
    path.write_bytes(path.read_bytes()[:9000])
    return path


def palette(path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="PNG", width=160, height=120, count=1,
                           dtype="uint8") as target:  # fmt: skip
            target.write_colormap(1, {0: (255, 255, 255, 255), 1: (0, 0, 0, 255)})
            target.write(blot().astype(np.uint8)[None])
    return path


def text(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


CASES = {
    "missing": ("", lambda path: path, "no such file"),
    "folder": ("", lambda path: path.parent, "not a file"),
    "empty": ("", lambda path: text(path, ""), "empty"),
    "vrt": ("", lambda path: text(path, "<VRTDataset>"), r"\(XML\); allowed are GeoTIFF"),
    "bomb": ("seen:", bomb, "400000 x 400000 pixels declared; allowed are 400000000"),
    "cut": ("seen:", cut, "damaged or cut short"),
    "which": ("", lambda path: drawn(path, blot()), "does not say what kind of mask it is"),
    "slip": ("slc:", lambda path: drawn(path, blot()), "no such file"),
    "three": ("seen:", lambda path: write(path, ground()), "3 bands; allowed in a mask seen: are"),
    "four": ("udm2:", lambda path: write(path, ground(bands=4)), "allowed in a mask udm2: are 8"),
    "chances": ("hidden:", lambda path: drawn(path, np.mgrid[:120, :160][1]), "holds 1 and 159"),
    "picture": ("udm2:", lambda path: write(path, ground(bands=8)), "are 0 and one other value"),
    "landsat": ("scl:", lambda path: drawn(path, np.where(blot(), 12, 4)), "holds 12; allowed in"),
    "between": ("scl:", lambda path: drawn(path, blot() * 4.5, dtype=float), "holds 4.5"),
    "wide": ("udm:", lambda path: drawn(path, blot(), dtype=np.uint16), "pixels are uint16"),
    "complex": ("seen:", lambda path: drawn(path, blot(), dtype=np.complex64), "are complex64"),
    "colours": ("seen:", palette, "numbers of colours; allowed in a mask seen: is grey"),
    "bare": ("seen:", bare, "10 x 10 pixels and no CRS; allowed without one are the 120 x 160 of"),
    "fine": (
        "seen:", lambda path: drawn(path, blot(), transform=north_up(0.01)),
        "a pixel is 0.01 m, more than 64 times finer than",
    ),
    "nowhere": (
        "seen:", lambda path: drawn(path, blot(), transform=Affine(1, 1, 4e5, 1, 1, 4.6e6)),
        "its georeference cannot be used",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_mask_that_cannot_be_used_is_one_line(tmp_path, case):
    kind, make, says = CASES[case]
    path = make(tmp_path / "bad.tif")
    with pytest.raises(ImageError, match=says) as refused:
        seen_of(tmp_path, f"{kind}{path}")
    assert str(refused.value).startswith(f"{kind}{path}" if case == "slip" else str(path))


def test_a_mask_with_a_place_and_a_picture_without(tmp_path):
    with pytest.raises(ImageError, match=r"has a CRS and .* has none"):
        seen_of(tmp_path, f"seen:{drawn(tmp_path / 'mask.tif', blot())}", crs=None)


def test_nothing_beside_a_mask_is_read(tmp_path):
    path = drawn(tmp_path / "mask.tif", blot())
    before = seen_of(tmp_path, f"hidden:{path}")
    write(tmp_path / "other.tif", ground(bands=1), mask=np.zeros(SHAPE, bool), internal_mask=False)
    (tmp_path / "other.tif.msk").rename(tmp_path / "mask.tif.msk")
    os.utime(path, ns=(1, 1))
    np.testing.assert_array_equal(seen_of(tmp_path, f"hidden:{path}"), before)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read all")
def test_a_mask_that_may_not_be_read_is_named(tmp_path):
    path = drawn(tmp_path / "mask.tif", blot())
    path.chmod(0)
    with pytest.raises(ImageError, match=r"mask\.tif: may not be read"):
        seen_of(tmp_path, f"hidden:{path}")
