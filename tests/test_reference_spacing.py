"""How many units a reference is, whatever the pixels of the map."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import landshift
from landshift.cli import main
from pictures import CORNER, north_up, write

SIDE, COARSE = 600, 30


@pytest.fixture
def fine(tmp_path):
    codes = np.kron(np.array([[1, 3], [6, 8]]), np.ones((SIDE // 2, SIDE // 2))).astype(np.uint8)
    return codes, write(tmp_path / "map.tif", codes[None])


def coarse(path, codes, corner=CORNER, gsd=COARSE):
    known = codes[gsd // 2 :: gsd, gsd // 2 :: gsd]
    return write(path, known[None], transform=north_up(gsd, corner))


def spaced(*args):
    done = CliRunner().invoke(main, ["assess", "--json", *map(str, args)])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    return np.sum(told["matrix"]), round(told["spacing_m"], 1)  # UTM metres are not all one long


def test_a_pixel_of_a_coarse_reference_is_one_unit(fine, tmp_path):
    codes, mapped = fine
    reference = coarse(tmp_path / "truth.tif", codes)
    found = landshift.assess(mapped, reference)
    assert found.matrix.sum() == (SIDE // COARSE) ** 2
    assert spaced(mapped, reference) == (400, 30)
    assert spaced(mapped, reference, "--spacing", 1) == (400, 30)
    assert spaced(mapped, reference, "--spacing", 60) == (100, 60)
    done = CliRunner().invoke(main, ["assess", str(mapped), str(reference)])
    assert "400 units of reference, 30 m apart" in done.stdout


def test_units_are_no_nearer_than_the_reference_where_pixels_do_not_fit(tmp_path):
    """Lines of a lattice 20 m apart met half of the pixels of 30 m twice."""
    mapped = write(tmp_path / "map.tif", np.full((1, 60, 60), 3, np.uint8),
                   transform=north_up(20.0))  # fmt: skip
    reference = coarse(tmp_path / "truth.tif", np.full((1200, 1200), 3, np.uint8))
    assert spaced(mapped, reference)[0] <= 40 * 40


def test_a_reference_as_fine_as_the_map_keeps_its_spacing(fine, tmp_path):
    _, mapped = fine
    assert spaced(mapped, mapped) == (3600, 10)
    assert spaced(mapped, mapped, "--spacing", 1) == (SIDE**2, 1)


def test_what_was_drawn_has_no_pixels(fine, tmp_path):
    _, mapped = fine
    x, y = CORNER
    ring = [[x, y], [x + 300, y], [x + 300, y - 300], [x, y - 300], [x, y]]
    drawn = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "EPSG:32652"}},
        "features": [{"type": "Feature", "properties": {"class": "cropland"},
                      "geometry": {"type": "Polygon", "coordinates": [ring]}}],
    }  # fmt: skip
    (tmp_path / "truth.geojson").write_text(json.dumps(drawn))
    assert spaced(mapped, tmp_path / "truth.geojson") == (900, 10)


@pytest.mark.parametrize(
    "args",
    [("assess", "m.tif", "r.tif", "--spacing", "nan"),
     ("assess", "m.tif", "r.tif", "--confidence", "nan"),
     ("sites", "--radius-m", "nan")],
    ids=" ".join,
)  # fmt: skip
def test_no_finite_number_is_wrong_usage(args):
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 2, done.output
    assert f"Invalid value for '{args[-2]}': {args[-1]} is not a finite number" in done.stderr


@pytest.mark.parametrize("spacing", ["inf", "1e308", "0"])
def test_a_spacing_wider_than_any_picture_is_wrong_usage(spacing):
    done = CliRunner().invoke(main, ["assess", "m.tif", "r.tif", "--spacing", spacing])
    assert done.exit_code == 2, done.output
    assert "is not in the range 0<x<=1000000.0" in done.stderr
