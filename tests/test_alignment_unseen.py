"""Ground that says nothing of a registration, and CRS that do not count in metres."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft

from landshift.alignment import estimate_alignment
from landshift.alignment.tie_points import agreement, cross, low_pass
from landshift.cli import main
from landshift.settings import AlignmentSettings
from test_alignment import GSD, pair, raster, shifted

jit = pytest.mark.jit
SETTINGS = AlignmentSettings()


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_agreement_is_the_mean_over_windows_that_show_something(textured, flat, seed):
    """Twin: windows that hold rounding errors alone change nothing, however many there are."""
    rng = np.random.default_rng(seed)
    shown = rng.normal(size=(2, textured, 8, 8))
    rounding = 1e-3 * rng.normal(size=(2, flat, 8, 8))  # a millionth of the energy
    alone, both = (
        agreement_of(*windows) for windows in (shown, np.concatenate([shown, rounding], axis=1))
    )
    if textured > flat:
        assert both == pytest.approx(alone, abs=1e-6)
    assert -1.0 <= alone <= 1.0


def agreement_of(one, other):
    own, crossed = (fft.fft2(a.astype(np.complex64)).astype(np.complex64) for a in (one, other))
    energy = cross(own, crossed, low_pass(8))
    return agreement(crossed, energy)


def test_without_any_energy_there_is_no_agreement():
    nothing = np.zeros((3, 8, 8), np.complex64)
    assert np.isnan(agreement(nothing, np.zeros(3, np.float32)))


@jit
def test_what_neither_shows_does_not_make_the_rest_doubtful():
    def to_reference(r, c):
        k = 2 * np.pi / 250
        return r + 2 + 1.5 * np.sin(k * c), c - 1 + 1.5 * np.cos(k * r)

    one, other = pair(to_reference, 320, 520)
    seen = np.ones(other.shape, bool)
    seen[:, 230:] = False
    found = estimate_alignment(raster(one), raster(other, seen), SETTINGS)
    assert found.verdict == "good", found.reason
    limit = SETTINGS.unsure_px * GSD
    assert (found.uncertainty_lattice_m > limit).mean() > SETTINGS.most_unsure_share


def picture_file(path, picture, crs, unit):
    """16 bits; pixels of GSD units of ``unit`` metres."""
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint16", "crs": crs,
               "height": picture.shape[0], "width": picture.shape[1],
               "transform": Affine(GSD, 0, 500_000 / unit, 0, -GSD, 4_600_000 / unit)}  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        target.write((picture * 300 + 3000).clip(1, 60_000).astype(np.uint16), 1)
    return str(path)


@jit
@pytest.mark.parametrize(
    ("crs", "unit", "metres"),
    [("EPSG:32652", 1.0, 1.0), ("EPSG:3857", 1.0, 0.788), ("EPSG:26750", 0.3048006, 0.3048)],
)
def test_align_tells_metres_on_the_ground(tmp_path, crs, unit, metres):
    one, other = shifted(3.6, -2.3)
    paths = [
        picture_file(tmp_path / f"{name}.tif", picture, crs, unit)
        for name, picture in (("one", one), ("other", other))
    ]
    field, ties = tmp_path / "field.tif", tmp_path / "ties.geojson"
    args = ["align", *paths, "--check", "--field", str(field), "--tie-points", str(ties), "--json"]
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    east, north = -2.3 * GSD * metres, -3.6 * GSD * metres
    assert answer["east_m"] == pytest.approx(east, rel=0.02)
    assert answer["north_m"] == pytest.approx(north, rel=0.02)
    with rasterio.open(field) as source:
        assert np.median(source.read(1)) == pytest.approx(east, rel=0.02)
    told = [one["properties"] for one in json.loads(ties.read_text())["features"]]
    assert np.median([one["north_m"] for one in told]) == pytest.approx(north, rel=0.05)
