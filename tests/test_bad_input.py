"""Bad input gets one line, the documented exit code, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pyproj import Transformer
from shapely.geometry import box

from landshift.cli import main
from landshift.errors import SiteError
from landshift.reading import inside
from pictures import CORNER, UTM, ground, north_up, write
from posteriors import utm_grid

SECRET = "a line that no other file may show"


@pytest.fixture
def pair(tmp_path):
    """Two good pictures of one place."""
    before = write(tmp_path / "before.tif", ground())
    after = write(tmp_path / "after.tif", np.roll(ground(), 1, axis=2))
    return before, after


def tree(folder: Path) -> dict[str, bytes]:
    files = {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return files | {str(p): b"" for p in folder.rglob("*") if p.is_dir()}


def refused(folder: Path, *args: object, code: int = 1) -> str:
    """Run landshift, and return the one line that it says."""
    before = tree(folder)
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert tree(folder) == before
    lines = result.stderr.strip().splitlines()
    if code == 1:
        assert len(lines) == 1, lines
        assert lines[0].startswith("Error: ")
        assert not lines[0].endswith(".")
    return lines[-1]


def compare(pair, model, *options, code=1):
    folder = pair[0].parent
    out = () if "--out" in options else ("--out", folder / "out")
    return refused(folder, "compare", *pair, "--model", model, *out, *options, code=code)


# --- pictures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [0, 1])
def test_missing_file(pair, model, which):
    pair[which].unlink()
    pair = pair if which else (pair[0], pair[1])
    line = refused(
        pair[0].parent, "compare", *pair, "--model", model, "--out", pair[0].parent / "out"
    )
    assert f"{pair[which]}: no such file" in line


def test_a_folder_is_no_picture(pair, model, tmp_path):
    assert "not a file" in compare((pair[0], tmp_path), model)


@pytest.mark.parametrize("content", [b"", b"hello, this is no picture", b"BM" + bytes(60)])
def test_not_a_raster(pair, model, content):
    pair[1].write_bytes(content)
    assert "allowed are GeoTIFF, COG, JPEG 2000, PNG and JPEG" in compare(pair, model)


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("GTiff", {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}),
        ("GTiff", {}),
        ("PNG", {}),
        ("JPEG", {}),
        ("JP2OpenJPEG", {}),
    ],
    ids=["tiled", "striped", "png", "jpeg", "jpeg2000"],
)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_truncated_raster(pair, model, driver, options, share):
    crs = UTM if driver in ("GTiff", "JP2OpenJPEG") else None
    path = pair[0].parent / "cut.jp2"  # by another ending GDAL writes a bare codestream
    write(path, ground(400, 500), crs=crs, driver=driver, **options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    gsd = () if crs else ("--gsd", 1)
    both = pair if crs else (path, path)
    line = compare((both[0], path), model, *gsd)
    assert "damaged or cut short" in line
    assert line.count("cut.jp2") == 1


def vrt_of(target: Path) -> str:
    return (
        '<VRTDataset rasterXSize="160" rasterYSize="120"><SRS>EPSG:32652</SRS>'
        "<GeoTransform>400000,1,0,4600000,0,-1</GeoTransform>"
        '<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">'
        f'<SourceFilename relativetoVRT="0">{target}</SourceFilename><ImageOffset>0</ImageOffset>'
        "<PixelOffset>1</PixelOffset><LineOffset>0</LineOffset></VRTRasterBand></VRTDataset>"
    )


@pytest.mark.parametrize("name", ["evil.tif", "evil.vrt", "evil.png"])
def test_a_vrt_is_refused_under_any_name(pair, model, name):
    secret = pair[0].parent / "secret.txt"
    secret.write_text(SECRET * 200)
    evil = pair[0].parent / name
    evil.write_text(vrt_of(secret))
    assert "XML" in compare((evil, pair[1]), model)


def test_xml_in_place_of_a_path_is_a_missing_file(pair, model):
    assert "no such file" in compare((vrt_of(pair[0])[:80], pair[1])[::-1], model)


def sidecar(kind: str, ending: str, folder: Path) -> bytes:
    """What lies beside a picture: a VRT that reads another file, or an honest mask of nothing."""
    hidden = folder / "hidden.tif"
    if kind == "vrt":
        hidden.write_bytes(bytes(160 * 120))
        flags = '<Metadata><MDI key="INTERNAL_MASK_FLAGS_1">2</MDI></Metadata>'
        return vrt_of(hidden).replace("<VRTRasterBand", flags + "<VRTRasterBand", 1).encode()
    write(hidden, ground(), mask=np.zeros((120, 160), bool), internal_mask=False)
    return (folder / "hidden.tif.msk" if ending == ".msk" else hidden).read_bytes()


@pytest.mark.parametrize("ending", [".msk", ".ovr", ".aux.xml"])
@pytest.mark.parametrize("kind", ["vrt", "raster"])
def test_sidecars_are_not_read(tmp_path, ending, kind):
    from landshift.reading import describe_image, read_raster
    from landshift.site import Image

    path = write(tmp_path / "a.tif", ground())
    before = read_raster(Image(path), describe_image(Image(path)).grid)
    beside = path.with_name(path.name + ending)
    beside.write_bytes(sidecar(kind, ending, tmp_path))
    os.utime(path, ns=(1, 1))  # so that it is opened anew
    after = read_raster(Image(path), describe_image(Image(path)).grid)
    np.testing.assert_array_equal(after.valid, before.valid)
    np.testing.assert_array_equal(after.bands, before.bands)


def test_a_world_file_gives_no_place(tmp_path):
    from landshift.reading import describe_image
    from landshift.site import Image

    path = write(tmp_path / "a.png", ground(), crs=None, driver="PNG")
    (tmp_path / "a.pgw").write_text("2\n0\n0\n-2\n400000\n4600000\n")
    (tmp_path / "a.png.aux.xml").write_text("<PAMDataset><SRS>EPSG:32652</SRS></PAMDataset>")
    assert describe_image(Image(path, gsd_m=1.0)).grid.crs is None


def test_declared_size_beyond_the_limit(pair, model):
    bomb = pair[0].parent / "bomb.tif"
    import rasterio

    with rasterio.open(
        bomb, "w", driver="GTiff", width=400_000, height=400_000, count=1, dtype="uint8", crs=UTM,
        transform=north_up(), sparse_ok=True, tiled=True, blockxsize=4096, blockysize=4096,
        bigtiff="YES",
    ):  # fmt: skip
        pass
    line = compare((bomb, pair[1]), model)
    assert "400000 x 400000 pixels declared; allowed are 400000000" in line


def test_no_crs_and_no_gsd(pair, model):
    bare = write(pair[0].parent / "a.png", ground(), crs=None, driver="PNG")
    assert "has no CRS; --gsd METRES" in compare((bare, bare), model)


@pytest.mark.parametrize(
    ("driver", "name", "world"),
    [("PNG", "a.png", "a.pgw"), ("JPEG", "a.jpg", "a.jgw"), ("GTiff", "a.tif", "a.tfw"),
     ("GTiff", "A.TIF", "A.TFW"), ("JPEG", "a.jpeg", "a.jpegw"), ("PNG", "a.png", "a.wld")],
)  # fmt: skip
def test_a_world_file_without_crs_says_what_is_missing(pair, model, driver, name, world):
    bare = write(pair[0].parent / name, ground(), crs=None, driver=driver)
    bare.with_name(world).write_text("0.5\n0\n0\n-0.5\n500000.25\n4600000.25\n")
    line = compare((bare, bare), model)
    assert "has no CRS; --gsd METRES says how large a pixel is, or gdal_translate -a_srs" in line
    assert f"-a_srs EPSG:CODE in which CRS {world} places it" in line


def test_one_picture_without_crs(pair, model):
    bare = write(pair[0].parent / "a.png", ground(), crs=None, driver="PNG")
    assert "cannot be laid on each other" in compare((pair[0], bare), model, "--gsd", 1)


def test_no_overlap(pair, model):
    far = write(pair[0].parent / "far.tif", ground(), transform=north_up(1, (500_000, 4_600_000)))
    assert "do not overlap" in compare((pair[0], far), model)


def test_too_few_bands_for_the_model(pair, model):
    grey = write(pair[0].parent / "grey.tif", ground(bands=1))
    assert "found none" in compare((grey, pair[1]), model)
    two = write(pair[0].parent / "two.tif", ground(bands=2))
    assert "--bands" in compare((two, two), model, "--bands", "red,green")


def test_all_nodata(pair, model):
    empty = write(pair[0].parent / "empty.tif", np.zeros((3, 120, 160), np.uint8), nodata=0)
    for both in ((empty, pair[1]), (pair[0], empty)):
        assert "shows nothing there" in compare(both, model)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_all_nan_or_infinite(pair, model, hole):
    empty = write(
        pair[0].parent / "empty.tif", np.full((3, 120, 160), hole), dtype="float32"
    )
    assert "shows nothing there" in compare((empty, pair[1]), model)


# --- the site ----------------------------------------------------------------------------------


def degrees(*corners):
    to = Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    return [list(to.transform(CORNER[0] + x, CORNER[1] - y)) for x, y in corners]


SQUARE = degrees((20, 20), (90, 20), (90, 90), (20, 90), (20, 20))
BOW = degrees((20, 20), (90, 90), (90, 20), (20, 90), (20, 20))
FAR = degrees((9000, 20), (9090, 20), (9090, 90), (9000, 90), (9000, 20))
BIG = [[400_000, 4_600_000], [400_090, 4_600_000], [400_090, 4_599_910], [400_000, 4_600_000]]


def polygon(corners):
    return {"type": "Polygon", "coordinates": [corners]}


def named(name):
    return {"type": "name", "properties": {"name": name}}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (polygon(FAR), "lies outside"),
        (polygon([]), "empty"),
        ({"type": "FeatureCollection", "features": []}, "empty"),
        ({"type": "Feature", "geometry": None, "properties": {}}, "empty"),
        (polygon([SQUARE[0]] * 4), "is not a simple outline"),
        (polygon(BOW), "not a simple outline: Self-intersection"),
        ({"type": "LineString", "coordinates": SQUARE}, "is a LineString; allowed are Polygon"),
        ({"type": "Point", "coordinates": SQUARE[0]}, "is a Point; allowed are Polygon"),
        ({"type": "GeometryCollection", "geometries": [polygon(SQUARE)]}, "GeometryCollection"),
        ({**polygon(SQUARE), "crs": named("EPSG:99999")}, "unknown CRS 'EPSG:99999'"),
        ({**polygon(SQUARE), "crs": named("/etc/passwd")}, "unknown CRS"),
        ({**polygon(SQUARE), "crs": named("+proj=utm +zone=52")}, "unknown CRS"),
        ({**polygon(SQUARE), "crs": 32652}, "unknown CRS"),
        ({**polygon(SQUARE), "crs": None}, "the pictures has a CRS"),
        (polygon(BIG), "which are no degrees"),
        (polygon([[1, 2], [3, "x"], [4, 5], [1, 2]]), "coordinates cannot be read"),
        (polygon([[1, 2], [3], [4, 5], [1, 2]]), "coordinates cannot be read"),
        ({"type": "Polygon"}, "coordinates cannot be read"),
        ([1, 2], "not GeoJSON"),
        ({"type": "Topology"}, "is a Topology"),
    ],
)
def test_bad_aoi(pair, model, document, says):
    aoi = pair[0].parent / "site.geojson"
    aoi.write_text(json.dumps(document))
    line = compare(pair, model, "--aoi", aoi)
    assert says in line


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "<OGRVRTDataSource/>",
        "[" * 100_000,
        '{"type": "Polygon", "coordinates": [[[NaN, 1], [2, 3], [4, 5], [NaN, 1]]]}',
    ],
    ids=["empty", "cut", "vrt", "deep", "nan"],
)
def test_aoi_that_is_no_geojson(pair, model, text):
    aoi = pair[0].parent / "site.geojson"
    aoi.write_text(text)
    assert "site.geojson: " in compare(pair, model, "--aoi", aoi)


def test_aoi_that_is_missing(pair, model):
    assert "no such file" in compare(pair, model, "--aoi", pair[0].parent / "none.geojson")


def test_an_outline_narrower_than_a_pixel_is_told_from_one_elsewhere():
    grid = utm_grid(20, 20, 10.0)
    west, south, _, _ = grid.bounds
    for narrow in (box(west + 41, south + 20, west + 43, south + 90),
                   box(west + 41, south + 41, west + 44, south + 44)):  # fmt: skip
        with pytest.raises(SiteError, match=r"no pixel of [0-9.]+ m: it is smaller or narrower"):
            inside(narrow, grid)
    with pytest.raises(SiteError, match="it lies outside the pictures"):
        inside(box(west - 90, south, west - 20, south + 90), grid)


# --- the output --------------------------------------------------------------------------------


def test_output_folder_exists(pair, model):
    out = pair[0].parent / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    assert "exists and is not empty" in compare(pair, model)
    assert "holds no report.json" in compare(pair, model, "--overwrite")
    (out / "mine.txt").rename(out / "report.json")
    assert "--overwrite replaces it" in compare(pair, model)


def test_output_is_a_file(pair, model):
    assert "exists and is no folder" in compare(pair, model, "--out", pair[0])
    assert "is no folder" in compare(pair, model, "--out", pair[0] / "deeper")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write all")
def test_output_not_writable(pair, model):
    locked = pair[0].parent / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert "may not be written" in compare(pair, model, "--out", locked / "out")
    finally:
        locked.chmod(stat.S_IRWXU)


@pytest.mark.jit
def test_output_place_that_refuses(pair, model, monkeypatch):
    def locked(*args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("landshift.placing.tempfile.mkdtemp", locked)
    line = compare(pair, model, "--out", pair[0].parent / "deep" / "out")
    assert "could not be written: [Errno 13] Permission denied" in line


@pytest.mark.jit
def test_output_that_fails_while_it_is_written(pair, model, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("landshift.writing.copy_raster", full)
    line = compare(pair, model, "--out", pair[0].parent / "deep" / "out")
    assert "could not be written: [Errno 28] No space left on device" in line


# --- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ("--gsd", "half"),
        ("--bands", "red,green,purple"),
        ("--bands", "red,red"),
        ("--bands", "red", "--bands", "red", "--bands", "red"),
        ("--before-date", "yesterday"),
        ("-q", "-v"),
        ("--no-such-option",),
    ],
)
def test_wrong_usage_is_exit_code_2(pair, model, options):
    compare(pair, model, *options, code=2)


@pytest.mark.parametrize("gsd", ["0", "-1", "nan", "1e9"])
def test_a_gsd_that_cannot_be_meant(pair, model, gsd):
    assert "allowed are" in compare(pair, model, "--gsd", gsd)


def test_a_model_that_is_none(pair):
    assert "no model" in compare(pair, "nonesuch")


def test_classify_refuses_alike(pair, model, tmp_path):
    for image, options, says in (
        (tmp_path / "none.tif", ("--out", tmp_path / "c.tif"), "no such file"),
        (pair[0], ("--out", tmp_path), "is a folder"),
        (pair[0], ("--out", pair[1]), "exists; --overwrite"),
    ):
        line = refused(tmp_path, "classify", image, "--model", model, *options)
        assert says in line
    refused(tmp_path, "classify", pair[0], code=2)


@pytest.mark.skipif(sys.platform != "linux", reason="file systems elsewhere refuse such names")
@pytest.mark.parametrize("name", [b"caf\xe9.tif", b"caf\xe9/a.tif"])
def test_a_name_that_is_not_utf8_is_told(pair, tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    path.parent.mkdir(exist_ok=True)
    pair[0].rename(path)
    for args in (["compare", path, pair[1]], ["classify", path, "--out", tmp_path / "c.tif"],
                 ["align", pair[1], path, "--check"]):  # fmt: skip
        assert "is not UTF-8; rename it" in refused(tmp_path, *args)
