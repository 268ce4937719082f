"""The same site, given in another way, has the same hectares.

First with a classifier that only knows colours, on a scene that is drawn anew for each view, so
that nothing but reading, registration, transitions and areas can differ. Then with the packaged
model on a sample site, where what the network makes of moved pixels adds to it: four halvings by
maxima answer to where pixels fall (Zhang 2019, arXiv:1904.11486), so a picture resampled once more
does not give quite the same.

What holds for probabilities alone (halves, growing, swapping, a pair with itself) is tested in
test_transition.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS, Transformer
from rasterio.warp import Resampling, reproject
from shapely.geometry import box

from conftest import CHECKOUT
from landshift import comparison
from landshift.comparison import compare_site
from landshift.grid import Grid
from landshift.landcover import Evidence, LandCover
from landshift.legend import Cover
from landshift.reading import read_aoi
from landshift.settings import Settings
from landshift.site import Aoi, Image, Site
from pictures import write
from posteriors import COLOUR, PRIOR

pytestmark = pytest.mark.jit
UTM = "EPSG:32652"
MIDDLE = (258_300.0, 4_353_600.0)
TILE = CHECKOUT / "sample_tiles" / "songchon"
AGREE = 0.02
"""Share by which hectares may differ between views of one site."""
LEAST = 0.25
"""Hectares from which totals of the sample site are compared: 2 % of it are 50 m², the smallest
from→to pair that a report lists."""

HALLS = ((-22, 22, 46, 16), (-22, -4, 46, 16), (28, 10, 16, 50))
"""New: middle east and north of the site's, extent east and north, metres."""
OLD = (
    (10, -38, 30, 14),
    (-60, 50, 20, 12),
    (62, -55, 14, 26),
    (55, 58, 24, 10),
    (-62, -50, 12, 30),
)
GONE = (10, -38, 30, 14)

DRAWN = np.isin(np.arange(1, 9), (Cover.CROPLAND, Cover.BUILDING, Cover.PAVED))
"""The classes that the scene holds."""


def drawn(x, y, after):
    """Red, green, blue (3, …) of the ground at UTM coordinates; the truth is `HALLS` and `GONE`."""
    east, north = x - MIDDLE[0], y - MIDDLE[1]
    rng = np.random.default_rng(5)
    waves = np.zeros_like(east)
    for _ in range(14):
        length, turn = rng.uniform(6, 45), rng.uniform(0, 2 * np.pi)
        along = east * np.cos(turn) + north * np.sin(turn)
        waves += np.sin(2 * np.pi * along / length + rng.uniform(0, 6))
    ground = np.full(east.shape, int(Cover.CROPLAND))
    ground[np.abs(east + 0.3 * north - 70) < 4] = Cover.PAVED
    standing = (*HALLS, *(o for o in OLD if o != GONE)) if after else OLD
    for e, n, width, depth in standing:
        here = (np.abs(east - e) < width / 2) & (np.abs(north - n) < depth / 2)
        ground[here] = Cover.BUILDING
    return COLOUR[ground].transpose(-1, *range(ground.ndim)) + 4 * waves


def view(crs, gsd_m=0.5, turn_deg=0.0, south_up=False, reach_m=105.0):
    """A grid about the site's middle whose pixels are ``gsd_m`` wide on the ground."""
    to = Transformer.from_crs(UTM, crs, always_xy=True)
    x, y = to.transform(*MIDDLE)
    east, north = to.transform(MIDDLE[0] + 1, MIDDLE[1]), to.transform(MIDDLE[0], MIDDLE[1] + 1)
    per_m = np.hypot(east[0] - x, east[1] - y), np.hypot(north[0] - x, north[1] - y)
    side = int(2 * reach_m / gsd_m)
    step = gsd_m * per_m[0], gsd_m * per_m[1] * (1 if south_up else -1)
    lie = Affine.translation(x, y) @ Affine.rotation(turn_deg) @ Affine.scale(*step)
    return Grid(CRS.from_user_input(crs), lie @ Affine.translation(-side / 2, -side / 2),
                (side, side))  # fmt: skip


VIEWS = {
    "utm": view(UTM),
    "utm 1 m": view(UTM, 1.0),
    "degrees": view("EPSG:4326"),
    "mercator": view("EPSG:3857"),
    "next zone": view("EPSG:32651"),
    "turned": view(UTM, turn_deg=27, reach_m=140),
    "south up": view(UTM, south_up=True),
}


def photographed(path: Path, grid: Grid, after: bool, full: int, dtype: str) -> Path:
    """The drawn scene on ``grid``, each pixel the mean over its own ground."""
    times = int(np.ceil(6 * grid.gsd_m))
    to = Transformer.from_crs(grid.crs, UTM, always_xy=True)
    row, col = np.mgrid[: grid.shape[0], : grid.shape[1]]
    total = 0.0
    for r in (np.arange(times) + 0.5) / times - 0.5:
        for c in (np.arange(times) + 0.5) / times - 0.5:
            total = total + drawn(*to.transform(*grid.xy(row + r, col + c)), after)
    values = total / times**2 * (full / 255)
    values = np.round(values) if np.issubdtype(dtype, np.integer) else values
    return write(path, values.astype(dtype), crs=grid.crs, transform=grid.transform, dtype=dtype)


def by_colour(before, after, model, threads=None, exposures=None):
    """As `landcover.classify_pair`, from each pixel's colour alone."""
    covers = []
    for raster in (before, after):
        full = np.median(raster.bands[1][raster.valid]) / COLOUR[Cover.CROPLAND, 1]
        apart = raster.bands[:, None] / full - COLOUR[1:].T[:, :, None, None]
        likely = np.exp(-(apart**2).sum(axis=0) / (2 * 22.0**2)) * DRAWN[:, None, None] + 1e-9
        likely = (likely / likely.sum(axis=0) * raster.valid).astype(np.float32)
        covers.append(LandCover(likely, raster.valid.copy(), raster.grid))
    built = [cover.probability[Cover.BUILDING - 1] for cover in covers]
    valid = before.valid & after.valid
    gained, lost = built[1] * (1 - built[0]), built[0] * (1 - built[1])
    rest = 1 - gained - lost
    kinds = np.stack([rest * 0.99, gained, lost, rest * 0.01]).astype(np.float32) * valid
    return *covers, Evidence(kinds, valid.copy(), before.grid, PRIOR)


def site_of(folder: Path, reach_m=(-48.0, -48.0, 48.0, 48.0)) -> Site:
    west, south, east, north = reach_m
    outline = box(MIDDLE[0] + west, MIDDLE[1] + south, MIDDLE[0] + east, MIDDLE[1] + north)
    pictures = (Image(folder / f"{when}.tif") for when in ("before", "after"))
    return Site("drawn", *pictures, Aoi(outline, CRS.from_user_input(UTM)))


def totals(site: Site) -> dict[str, float]:
    report = compare_site(site, "open", Settings(), lambda stage: None, threads=1)
    return {name: hectares.value for name, hectares in report.totals.items()}


def off(found: dict[str, float], wanted: dict[str, float], least: float = 0.02) -> float:
    """The largest share by which a total of ``least`` hectares differs from what it should be."""
    shares = {name: found[name] / value - 1 for name, value in wanted.items() if value >= least}
    print({name: f"{share:+.2%}" for name, share in shares.items()})  # pytest shows it on failure
    assert shares
    return max(abs(share) for share in shares.values())


@pytest.fixture(scope="module")
def drawn_totals(tmp_path_factory):
    """Totals of a view of the drawn scene, made when first asked for."""
    made = {}

    def of(name, full=255, dtype="uint8"):
        key = (name, full)
        if key not in made:
            folder = tmp_path_factory.mktemp("drawn")
            for after in (False, True):
                path = folder / f"{'after' if after else 'before'}.tif"
                photographed(path, VIEWS[name], after, full, dtype)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(comparison, "classify_pair", by_colour)
                made[key] = totals(site_of(folder))
        return made[key]

    return of


def test_the_drawn_site_has_the_hectares_that_were_drawn(drawn_totals):
    found = drawn_totals("utm")
    built = sum(width * depth for *_, width, depth in HALLS) / 1e4
    assert found["new_building"] == pytest.approx(built, rel=AGREE)
    assert found["cropland_loss"] == pytest.approx(built, rel=0.15)  # pairs have priors
    assert found["removed_building"] == pytest.approx(GONE[2] * GONE[3] / 1e4, rel=0.06)


@pytest.mark.parametrize("name", [name for name in VIEWS if name != "utm"])
def test_any_view_of_the_drawn_site_has_the_same_hectares(drawn_totals, name):
    assert off(drawn_totals(name), drawn_totals("utm")) <= AGREE


@pytest.mark.parametrize(("full", "dtype"), [(2047, "uint16"), (65535, "uint16"), (1, "float32")])
def test_any_depth_of_the_drawn_site_has_the_same_hectares(drawn_totals, full, dtype):
    assert off(drawn_totals("utm", full, dtype), drawn_totals("utm")) <= AGREE


def test_halves_of_the_drawn_site_add_up_and_swapping_mirrors(tmp_path, monkeypatch, drawn_totals):
    monkeypatch.setattr(comparison, "classify_pair", by_colour)
    for name, after in (("before", False), ("after", True)):
        photographed(tmp_path / f"{name}.tif", VIEWS["utm"], after, 255, "uint8")
    whole = drawn_totals("utm")
    west = totals(site_of(tmp_path, (-48.0, -48.0, 3.0, 48.0)))
    east = totals(site_of(tmp_path, (3.0, -48.0, 48.0, 48.0)))
    assert off({name: west[name] + east[name] for name in whole}, whole) <= AGREE
    for half in (west, east):
        assert all(half[name] <= whole[name] + 0.001 for name in whole)
    there = site_of(tmp_path)
    back = totals(Site("back", there.after, there.before, there.aoi))
    assert back["new_building"] == pytest.approx(whole["removed_building"], rel=AGREE)
    assert back["removed_building"] == pytest.approx(whole["new_building"], rel=AGREE)


def given_again(folder: Path, name: str) -> Site:
    """The sample site with its pictures' pixels stored or resampled in another way."""
    for when in ("before", "after"):
        with rasterio.open(TILE / f"{when}.tif") as source:
            bands, crs, lie = source.read(), source.crs, source.transform
        if name == "16 bit":
            bands = bands.astype(np.uint16) * 257
        elif name == "11 bit":
            bands = np.round(bands * (2047 / 255)).astype(np.uint16)
        elif name == "stored a quarter turned":
            lie = lie @ Affine.translation(bands.shape[2], 0) @ Affine.rotation(90)
            bands = np.rot90(bands, 1, (1, 2))
        elif name == "1 m":
            squares = bands.reshape(3, bands.shape[1] // 2, 2, bands.shape[2] // 2, 2)
            bands, lie = np.round(squares.mean(axis=(2, 4))), lie @ Affine.scale(2)
        elif name != "as it is":
            grid = {"degrees": view("EPSG:4326", reach_m=200.0),
                    "mercator": view("EPSG:3857", reach_m=200.0),
                    "turned": view(UTM, turn_deg=20, reach_m=240.0)}[name]  # fmt: skip
            target = np.zeros((3, *grid.shape), np.float32)
            bands, _ = reproject(
                bands.astype(np.float32), target, src_transform=lie, src_crs=crs,
                dst_transform=grid.transform, dst_crs=grid.crs.to_wkt(),
                resampling=Resampling.lanczos,
            )  # fmt: skip
            bands, crs, lie = bands.round().clip(0, 255), grid.crs, grid.transform
        wide = name in ("16 bit", "11 bit")
        dtype = "uint16" if wide else "uint8"
        write(folder / f"{when}.tif", bands.astype(dtype), crs=crs, transform=lie, dtype=dtype)
    pictures = (Image(folder / f"{when}.tif") for when in ("before", "after"))
    return Site("songchon", *pictures, read_aoi(TILE / "site.geojson"))


@pytest.fixture(scope="module")
def as_it_is(tmp_path_factory):
    return totals(given_again(tmp_path_factory.mktemp("tile"), "as it is"))


SCALE = pytest.mark.xfail(
    strict=True,
    reason="at 1 m the network sees a quarter of each roof's pixels: new building +6 %, cropland "
    "lost -5 %, greenhouse lost +4 %, ground cleared +12 % against 0.5 m",
)
"""What the model does not hold; strict, so that holding it is noticed. The drawn scene, which no
network looks at, agrees to 0.2 % between 0.5 and 1 m: reading and areas have no part in it."""


@pytest.mark.parametrize(
    "name",
    [
        "16 bit",
        "11 bit",
        "stored a quarter turned",
        "degrees",
        "mercator",
        "turned",
        pytest.param("1 m", marks=SCALE),
    ],
)
def test_the_sample_site_given_otherwise_has_the_same_hectares(tmp_path, as_it_is, name):
    found, wanted = totals(given_again(tmp_path, name)), dict(as_it_is)
    # a stage, whose rough texture hangs most on where pixels fall: up to 2.2 % in degrees
    stage = {"cleared_ground": wanted.pop("cleared_ground")}
    assert off(found, wanted, LEAST) <= AGREE
    assert off(found, stage, 0.0) <= 1.5 * AGREE
