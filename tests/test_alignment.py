"""Registration of synthetic scenes whose displacement is known, refusals, and real pairs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from PIL import Image as PILImage
from pyproj import CRS
from scipy import ndimage

from landshift.alignment import Alignment, estimate_alignment
from landshift.alignment.coarse import Start
from landshift.alignment.displacement import constant_field, fit_field
from landshift.alignment.estimation import _lean, _uncertainty, judge
from landshift.alignment.proof import Proof
from landshift.alignment.tie_points import Ties, lay_windows, no_ties
from landshift.cli import main
from landshift.errors import SettingsError
from landshift.grid import Grid
from landshift.raster import Raster
from landshift.reading import describe_image, read_raster
from landshift.sensor import Sensor
from landshift.settings import AlignmentSettings
from landshift.site import Image

jit = pytest.mark.jit
SETTINGS = AlignmentSettings()
FIELD = SETTINGS.field
GSD = 2.0


def scene(rows, cols, seed=0, grain=1.5):
    """Fields of many sizes with texture, twice as fine as the pictures."""
    rng = np.random.default_rng(seed)
    layers = [
        ndimage.gaussian_filter(rng.normal(size=(2 * rows, 2 * cols)), s) * s
        for s in (grain, 3, 8, 20)
    ]
    return sum(layers) + 2.0 * (layers[2] > 0)


def seen_at(scene, row, col):
    """Means over the footprints of pixels at these places."""
    total = 0
    for dr in (-0.75, -0.25, 0.25, 0.75):
        for dc in (-0.75, -0.25, 0.25, 0.75):
            place = [row * 2 + 0.5 + dr, col * 2 + 0.5 + dc]
            total = total + ndimage.map_coordinates(scene, place, order=3, mode="mirror")
    return (total / 16).astype(np.float32)


def raster(picture, valid=None):
    bands = np.atleast_3d(picture.T).T.astype(np.float32)
    shape = bands.shape[1:]
    grid = Grid(CRS.from_epsg(32652), Affine(GSD, 0, 500_000, 0, -GSD, 4_600_000), shape)
    valid = np.ones(shape, bool) if valid is None else valid
    return Raster(bands, valid, grid, Sensor(("",) * len(bands), GSD))


def pair(to_reference, rows=256, cols=256, seed=0):
    """A picture, and the same ground where ``to_reference(row, col)`` of it lay in the first."""
    pad = 60
    ground = scene(rows + 2 * pad, cols + 2 * pad, seed)
    row, col = np.mgrid[:rows, :cols].astype(float)
    moved = to_reference(row, col)
    return (
        seen_at(ground, row + pad, col + pad),
        seen_at(ground, moved[0] + pad, moved[1] + pad),
    )


def shifted(down, right, **more):
    return pair(lambda r, c: (r + down, c + right), **more)


def error_px(found: Alignment, to_reference):
    """Radial RMS over check points inside the reference."""
    rows, cols = found.grid.shape
    at = np.meshgrid(np.linspace(20, rows - 20, 9), np.linspace(20, cols - 20, 9), indexing="ij")
    there = to_reference(*at)
    east, north = found.displacement(*found.grid.xy(*there))
    inside = (there[0] > 0) & (there[0] < rows) & (there[1] > 0) & (there[1] < cols)
    miss = np.hypot(at[0] - north / GSD - there[0], at[1] + east / GSD - there[1])
    return float(np.sqrt(np.mean(miss[inside] ** 2)))


@jit
@pytest.mark.parametrize("move", [(0.3, -0.4), (4.6, 3.2), (-31.4, 22.9)])
def test_a_shift_is_found(move):
    one, other = shifted(*move)
    found = estimate_alignment(raster(one), raster(other), SETTINGS)
    assert (found.verdict, found.model) == ("good", "shift"), found.reason
    assert error_px(found, lambda r, c: (r + move[0], c + move[1])) < 0.02
    assert found.east_m == pytest.approx(move[1] * GSD, abs=0.05)
    assert found.north_m == pytest.approx(-move[0] * GSD, abs=0.05)
    assert found.agreement_after > found.agreement_before + 0.01
    assert 0 < found.uncertainty_m < 0.2


@jit
def test_reversed_contrast_haze_and_another_range_of_values_do_not_matter():
    one, other = shifted(3.3, -2.6)
    haze = np.linspace(0, 400, 256)[:, None]
    found = estimate_alignment(raster(one), raster(9000 - 300 * other + haze), SETTINGS)
    assert found.verdict == "good"
    assert error_px(found, lambda r, c: (r + 3.3, c - 2.6)) < 0.03


@jit
@pytest.mark.parametrize(("turn", "scale"), [(1.0, 1.0), (-0.3, 0.99), (0.2, 1.01)])
def test_rotation_and_scale_are_found(turn, scale):
    def to_reference(r, c):
        a, m = np.deg2rad(turn), 127.5
        return (scale * (np.cos(a) * (r - m) - np.sin(a) * (c - m)) + m + 3,
                scale * (np.sin(a) * (r - m) + np.cos(a) * (c - m)) + m - 5)  # fmt: skip

    one, other = pair(to_reference)
    found = estimate_alignment(raster(one), raster(other), SETTINGS)
    assert found.verdict == "good", found.reason
    assert error_px(found, to_reference) < 0.03


@jit
def test_a_smooth_local_field_is_followed():
    def to_reference(r, c):
        k = 2 * np.pi / 250
        return r + 2 + 1.5 * np.sin(k * c), c - 1 + 1.5 * np.cos(k * r)

    one, other = pair(to_reference, 320, 320)
    found = estimate_alignment(raster(one), raster(other), SETTINGS)
    assert (found.verdict, found.model) == ("good", "field"), found.reason
    assert error_px(found, to_reference) < 0.06


@jit
def test_a_third_of_the_scene_rebuilt_and_a_third_clouded():
    one, other = shifted(-4.2, 2.7, rows=320, cols=320)
    other = other.copy()
    other[40:280, 60:180] = scene(120, 60, 5)[:240, :120]
    valid = np.ones(one.shape, bool)
    valid[:, 215:] = False
    found = estimate_alignment(raster(one, valid), raster(other), SETTINGS)
    assert found.verdict != "failed", found.reason
    assert error_px(found, lambda r, c: (r - 4.2, c + 2.7)) < 0.05


@jit
@pytest.mark.parametrize("move", [(28.3, 29.4), (-27.6, 25.2)])
def test_a_long_shift_is_proved_on_the_ground_that_both_pictures_show(move):
    one, other = shifted(*move, rows=192, cols=192)
    other = other.copy()
    other[48:144, 48:144] = scene(48, 48, 5)
    found = estimate_alignment(raster(one), raster(other), SETTINGS)
    assert found.verdict == "good", found.reason
    assert error_px(found, lambda r, c: (r + move[0], c + move[1])) < 0.03


@pytest.mark.parametrize(
    ("compared", "agreeing", "close", "verdict"),
    [
        (15, 7, 6, "good"), (15, 6, 4, "good"),
        (15, 9, 3, "doubtful"),  # agreement within half a pixel is what chance hardly gives
        (140, 12, 9, "doubtful"),  # no chance among any number, but in a small part alone
        (15, 4, 2, "doubtful"), (15, 4, 1, "failed"), (140, 12, 7, "failed"), (2, 2, 2, "failed"),
    ],
)  # fmt: skip
def test_windows_in_close_agreement_prove(compared, agreeing, close, verdict):
    proof = Proof(
        compared=compared, agreeing=agreeing, close=close, spread_share=1.0, residual_px=0.3,
        rival=0.2, agreement_before=0.0, agreement_after=0.5,
    )  # fmt: skip
    start = Start(constant_field((192, 192)), False, no_ties(), 0.5, 0.1)
    said, reason = judge(proof, "shift", start, 3.0, SETTINGS)
    assert said == verdict
    assert (reason == "") == (verdict == "good")


def test_two_looks_apart_by_more_than_their_scatter_lean():
    rng = np.random.default_rng(3)
    place = rng.uniform(0, 500, (40, 2))
    sharp = ties_at(place, rng.normal(0, 0.01, (40, 2)))
    still = replace(sharp, miss=sharp.miss + rng.normal(0, 0.01, (40, 2)))
    moved = replace(still, miss=still.miss + np.array([0.03, -0.04])).where(np.arange(1, 40))
    assert _lean(sharp, moved) == pytest.approx(0.05, abs=0.006)
    assert _lean(sharp, still) < 0.004
    assert _lean(sharp, moved.where(np.arange(3))) == 0.0  # too few to say


def ties_at(place, miss):
    one = np.ones(len(place))
    return Ties(place, miss, one, np.ones_like(place), one, miss)


@jit
def test_errors_are_as_large_as_the_stated_uncertainty_says():
    ratios = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        move = rng.uniform(-4, 4, 2)
        noise = (0.1, 0.5)[seed % 2]
        one, other = (
            picture + rng.normal(0, noise * picture.std(), picture.shape)
            for picture in shifted(*move, rows=192, cols=192, seed=seed)
        )
        found = estimate_alignment(raster(one), raster(other), SETTINGS)
        assert found.verdict == "good", found.reason
        miss = np.hypot(found.east_m - move[1] * GSD, found.north_m + move[0] * GSD)
        ratios.append(miss / found.uncertainty_m)
    # a radial error of normal components has its 90th percentile at 1.5 deviations
    assert 0.7 < np.quantile(ratios, 0.9) < 2.5, ratios


@jit
def test_forth_and_back_cancel():
    one, other = shifted(2.4, 1.7)
    forth = estimate_alignment(raster(one), raster(other), SETTINGS)
    back = estimate_alignment(raster(other), raster(one), SETTINGS)
    assert forth.east_m == pytest.approx(-back.east_m, abs=0.02)
    assert forth.north_m == pytest.approx(-back.north_m, abs=0.02)


@jit
def test_small_pictures_are_registered():
    one, other = shifted(2.2, -3.4, rows=150, cols=200)
    found = estimate_alignment(raster(one), raster(other), SETTINGS)
    assert found.verdict != "failed", found.reason
    assert error_px(found, lambda r, c: (r + 2.2, c - 3.4)) < 0.05


def _unsolvable(kind, rng):
    n = 192
    noise = rng.normal(size=(2, n, n))
    valid = np.ones((n, n), bool)
    if kind == "noise":
        one, other = noise
    elif kind == "other place":
        one, other = scene(n // 2, n // 2, 3), scene(n // 2, n // 2, 4)
    elif kind == "water":
        one, other = (ndimage.gaussian_filter(a, 30) + 0.002 * rng.normal(size=(n, n))
                      for a in noise)  # fmt: skip
    elif kind == "mirrored":
        one = scene(n // 2, n // 2, 3)
        other = one[:, ::-1]
    elif kind == "flat":
        one = other = np.full((n, n), 7.0)
    else:
        one, other = shifted(2.0, 1.0, rows=n, cols=n)
        blobs = ndimage.gaussian_filter(rng.normal(size=(n, n)), 9)
        valid = blobs > np.quantile(blobs, 0.96)
    return raster(one), raster(other, valid)


@jit
@pytest.mark.parametrize(
    "kind", ["noise", "other place", "water", "mirrored", "flat", "clouds over 95 %"]
)
def test_what_cannot_be_solved_is_refused(kind):
    found = estimate_alignment(*_unsolvable(kind, np.random.default_rng(8)), SETTINGS)
    assert found.verdict == "failed"
    assert found.reason
    assert (found.east_m, found.north_m) == (0, 0)
    assert np.isnan(found.uncertainty_m)


@jit
def test_a_bend_is_not_believed_where_nothing_was_seen_of_it():
    def to_reference(r, c):
        k = 2 * np.pi / 250
        return r + 2 + 1.5 * np.sin(k * c), c - 1 + 1.5 * np.cos(k * r)

    one, other = (picture.copy() for picture in pair(to_reference, 320, 320))
    one[:, :190], other[:, :190] = 0.0, 0.0  # blank, yet not declared so
    found = estimate_alignment(raster(one), raster(other), SETTINGS)
    assert found.verdict != "good"


@jit
def test_strips_that_repeat_are_not_believed():
    row, col = np.mgrid[:256, :256]
    rng = np.random.default_rng(1)
    strips = [np.sin(2 * np.pi * (0.8 * col + 0.6 * row) / 9 + p) + rng.normal(0, 0.05, row.shape)
              for p in (0.0, 2.0)]  # fmt: skip
    found = estimate_alignment(raster(strips[0]), raster(strips[1]), SETTINGS)
    assert found.verdict != "good"


@jit
def test_a_longer_shift_than_allowed_is_refused():
    one, other = shifted(20.0, 0.0)
    found = estimate_alignment(raster(one), raster(other), AlignmentSettings(max_shift_m=10.0))
    assert found.verdict == "failed"


@jit
def test_a_picture_too_small_for_any_window_is_refused_with_its_size():
    found = estimate_alignment(*[raster(scene(20, 20))] * 2, SETTINGS)
    assert found.verdict == "failed"
    assert "40 × 40 px" in found.reason


def test_pictures_on_different_grids_are_a_mistake_of_the_program():
    with pytest.raises(ValueError, match="different grids"):
        estimate_alignment(raster(np.zeros((50, 50))), raster(np.zeros((50, 60))), SETTINGS)


def test_nothing_moves_under_the_identity():
    grid = raster(np.zeros((40, 50))).grid
    still = Alignment.identity(grid)
    x, y = grid.xy(np.arange(40.0), np.arange(40.0))
    assert not np.any(still.displacement(x, y))
    assert not np.any(still.uncertainty(x, y))
    assert still.verdict == "good"


def test_settings_refuse_what_cannot_be_meant():
    with pytest.raises(SettingsError, match="max_shift_m"):
        AlignmentSettings(max_shift_m=-1.0)


def test_evidence_chooses_the_simplest_field_that_the_tie_points_prove():
    rng = np.random.default_rng(3)
    place = rng.uniform(0, 200, (90, 2))
    spread = np.ones((90, 2))
    noise = rng.normal(0, 0.02, (90, 2))
    start = constant_field((200, 200), 3.0, -2.0)
    bent = np.stack([np.sin(place[:, 1] / 40), np.cos(place[:, 0] / 40)], axis=1)
    slope = (place - 100) @ np.array([[0.01, 0.0], [0.004, -0.01]])
    for extra, model in ((0 * bent, "shift"), (slope, "affine"), (bent, "field")):
        moved = np.array([3.0, -2.0]) + extra + noise
        moved[:3] += 9.0
        fit = fit_field((200, 200), start, place, moved, spread, 20.0, None, FIELD)
        assert fit.field.model == model
        assert not fit.kept[:3].any()
        at = place[10:].T
        miss = fit.field.at(*at) - (np.array([3.0, -2.0]) + extra)[10:].T
        assert np.sqrt(np.mean(miss**2)) < 0.03
        rows, cols = np.array([20.0, 90.0]), np.array([5.0, 50.0, 120.0])
        np.testing.assert_allclose(
            fit.field.on_lattice(rows, cols),
            fit.field.at(*np.meshgrid(rows, cols, indexing="ij")), atol=1e-6,
        )  # fmt: skip


def test_a_faint_wave_is_no_field_and_one_that_stands_out_is():
    rng = np.random.default_rng(4)
    place = rng.uniform(0, 200, (150, 2))
    wave = np.sin(place / 30)
    for height, model in ((0.02, "shift"), (0.4, "field")):
        moved = height * wave + rng.normal(0, 0.03, place.shape)
        start, spread = constant_field((200, 200)), np.ones_like(place)
        fit = fit_field((200, 200), start, place, moved, spread, 20.0, None, FIELD)
        assert fit.field.model == model
        again = fit_field(
            (200, 200), fit.field, place, moved, spread, 20.0, None, FIELD, like=fit.field
        )
        assert (again.field.model, again.field.reach_px) == (model, fit.field.reach_px)


def test_a_slope_is_less_sure_where_no_tie_point_is_near():
    rng = np.random.default_rng(6)
    place = rng.uniform(0, 1, (60, 2)) * np.array([400, 150])
    line = np.arange(0.0, 400, 20)
    for slope, model in ((0.0, "shift"), (0.004, "affine")):
        moved = slope * place + rng.normal(0, 0.01, place.shape)
        fit = fit_field((400, 400), constant_field((400, 400)), place, moved, np.ones_like(place),
                        20.0, None, FIELD)  # fmt: skip
        assert fit.field.model == model
        near, far = _uncertainty(fit, line, line, 0.0, 48.0, AlignmentSettings())[10, [3, 19]]
        assert far == near if model == "shift" else far > 8 * fit.field.noise_px > near


def wave(place):
    return np.stack([np.sin(place[:, 1] / 48), np.cos(place[:, 0] / 48)], axis=1)


def test_a_field_does_not_run_away_beyond_its_last_tie_point():
    rng = np.random.default_rng(7)
    place = rng.uniform(0, 1, (150, 2)) * np.array([512, 180])
    moved = wave(place) + rng.normal(0, 0.02, place.shape)
    fit = fit_field((512, 512), constant_field((512, 512)), place, moved, np.ones_like(place),
                    32.0, None, FIELD)  # fmt: skip
    assert fit.field.model == "field"
    assert not fit.field.sloped
    everywhere = fit.field.on_lattice(*[np.arange(0.0, 512, 32)] * 2)
    assert np.abs(everywhere).max() < 2.5  # the wave is 1 px high
    assert fit.field.strength * fit.field.noise_px**2 < 4.0


def test_gross_errors_too_small_to_be_told_weigh_less_on_a_field():
    rng = np.random.default_rng(8)
    place = rng.uniform(0, 512, (400, 2))
    noise = rng.normal(0, 0.1, place.shape)
    noise[::4] = rng.uniform(-1, 1, noise[::4].shape)
    fit = fit_field((512, 512), constant_field((512, 512)), place, wave(place) + noise,
                    np.ones_like(place), 32.0, None, FIELD)  # fmt: skip
    assert fit.field.model == "field"
    inner = rng.uniform(32, 480, (400, 2))
    miss = fit.field.at(*inner.T).T - wave(inner)
    assert np.sqrt(np.mean(np.sum(miss**2, axis=1))) < 0.08


@pytest.mark.parametrize("shape", [(70, 300), (512, 512), (66, 66), (50, 90)])
def test_windows_lie_inside_and_stay_few(shape):
    tops = lay_windows(shape, 64, 40)
    assert len(tops) <= 40
    assert (tops >= 1).all()
    assert (tops + 64 <= np.array(shape) - 1).all()
    assert len(tops) or min(shape) < 66


def write(path, picture):
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint16", "crs": "EPSG:32652",
               "height": picture.shape[0], "width": picture.shape[1],
               "transform": Affine(GSD, 0, 500_000, 0, -GSD, 4_600_000)}  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        target.write((picture * 300 + 3000).clip(1, 60_000).astype(np.uint16), 1)
    return path


@jit
def test_align_writes_what_it_was_asked_for(tmp_path):
    one, other = shifted(3.6, -2.3)
    paths = write(tmp_path / "one.tif", one), write(tmp_path / "other.tif", other)
    names = ("out.tif", "field.tif", "ties.geojson", "quiver.png")
    out, field, ties, quiver = (tmp_path / name for name in names)
    args = ["align", *map(str, paths), "--out", str(out), "--field", str(field),
            "--tie-points", str(ties), "--quiver", str(quiver), "--json"]  # fmt: skip
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["verdict"] == "good"
    with rasterio.open(field) as source:
        assert source.descriptions == ("east_m", "north_m")
        east, north = source.read()
    assert np.abs(east - -2.3 * GSD).max() < 0.1
    assert np.abs(north - -3.6 * GSD).max() < 0.1
    with rasterio.open(out) as source, rasterio.open(paths[0]) as reference:
        assert source.transform == reference.transform
        moved, still = source.read(1)[20:-20, 20:-20], reference.read(1)[20:-20, 20:-20]
    assert np.corrcoef(moved.ravel(), still.ravel())[0, 1] > 0.995
    assert len(json.loads(ties.read_text())["features"]) == (
        answer["tie_points"] + answer["tie_points_dropped"]
    )
    with PILImage.open(quiver) as drawn:
        pixels = np.asarray(drawn.convert("RGB"))
    assert (pixels == (0, 114, 178)).all(axis=2).sum() > 500  # arrows were drawn
    assert CliRunner().invoke(main, args).exit_code == 1  # nothing is replaced unasked


@jit
def test_align_refuses_in_one_line_and_writes_nothing(tmp_path):
    rng = np.random.default_rng(5)
    paths = [write(tmp_path / f"{k}.tif", rng.normal(size=(150, 150))) for k in range(2)]
    done = CliRunner().invoke(main, ["align", *map(str, paths), "--out", str(tmp_path / "o.tif")])
    assert done.exit_code == 1
    assert "could not align" in done.output
    assert not (tmp_path / "o.tif").exists()


def test_align_wants_an_output_or_check(tmp_path):
    assert CliRunner().invoke(main, ["align", "a.tif", "b.tif"]).exit_code == 2
    both = ["align", "a.tif", "b.tif", "--check", "--out", "c.tif"]
    assert CliRunner().invoke(main, both).exit_code == 2


def registered(one, other, gsd_m=None):
    pictures = Image(one, gsd_m), Image(other, gsd_m)
    grid = describe_image(pictures[0]).grid
    return estimate_alignment(*(read_raster(p, grid) for p in pictures), SETTINGS)


@jit
@pytest.mark.realdata
def test_sentinel_2_pair_of_two_dates(real):
    folder = real("register_s2_pair")
    found = registered(*sorted(folder.glob("*.jp2")))  # ref_ before tgt_
    assert found.verdict == "good", found.reason
    # windowed correlation moves the target by -0.70 col and +1.89 row px of 10 m
    assert found.east_m == pytest.approx(-7.0, abs=1.0)
    assert found.north_m == pytest.approx(-18.9, abs=1.0)


@jit
@pytest.mark.realdata
@pytest.mark.parametrize("tile", ["T19KER", "T50JML"])
@pytest.mark.parametrize("name", ["r+0.00c+0.25", "r+0.00c+0.50", "r+0.25c+0.25"])
def test_medicis_chips_of_exact_subpixel_shift(real, tile, name):
    folder = real("register_pandora2d") / "medicis" / tile / name
    found = registered(folder / "left.tif", folder / "right.tif", 1.0)
    down, right = float(name[1:6]), float(name[7:])
    assert found.verdict != "failed", found.reason
    px = found.grid.transform.a
    assert abs(found.east_m / px) == pytest.approx(right, abs=0.05)
    assert abs(found.north_m / px) == pytest.approx(down, abs=0.05)
