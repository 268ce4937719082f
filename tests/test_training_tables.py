"""Labelled pictures that a table lists are read, and one that cannot be is told by its line."""

import csv

import numpy as np
import pytest

from landshift.errors import InputError
from landshift.training.material import read_tiles
from pictures import write


def table(folder, **changes):
    write(folder / "picture.tif", np.full((3, 8, 8), 100, np.uint8))
    write(folder / "label.tif", np.full((1, 8, 8), 3, np.uint8))
    row = {"image": "picture.tif", "label": "label.tif", "gsd_m": "1.0",
           "bands": "red green blue", "split": "train"} | changes  # fmt: skip
    with (folder / "tiles.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, row)
        writer.writeheader()
        writer.writerow(row)
    return folder / "tiles.csv"


def test_tiles_are_read_scaled_and_filtered(tmp_path):
    bands = ("red", "green", "blue")
    [(split, found)] = read_tiles(table(tmp_path), bands, (0.5, 2.0))
    assert split == "train"
    assert found.covers.max() == 3
    assert float(found.bands.max()) == pytest.approx(100 / 255, abs=1e-3)
    assert read_tiles(tmp_path / "tiles.csv", bands, (5.0, 20.0)) == []
    assert read_tiles(tmp_path / "tiles.csv", (*bands, "nir"), (0.5, 2.0)) == []


@pytest.mark.parametrize("wrong", [{"gsd_m": "wide"}, {"image": "missing.tif"}])
def test_a_bad_row_is_named_by_its_line(tmp_path, wrong):
    path = table(tmp_path, **wrong)
    with pytest.raises(InputError, match="line 2 of"):
        read_tiles(path, ("red", "green", "blue"), (0.5, 2.0))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.full((2, 8, 8), 3, np.uint8), "2 bands"),
        (np.full((1, 8, 8), 300, np.uint16), "value 300; allowed"),
        (np.full((1, 8, 8), -1, np.int16), "value -1; allowed"),
        (np.full((1, 8, 8), np.nan), "value nan; allowed"),
        (b"<VRTDataset rasterXSize='8' rasterYSize='8'/>", "not a picture that is read"),
    ],
)
@pytest.mark.parametrize("column", ["label", "change"])
def test_a_label_that_is_none_is_refused(tmp_path, values, why, column):
    second = {"second": "picture.tif", "second_label": "label.tif"} if column == "change" else {}
    path = table(tmp_path, **second, **{column: "drawn.tif"})
    if isinstance(values, bytes):
        (tmp_path / "drawn.tif").write_bytes(values)
    else:
        write(tmp_path / "drawn.tif", values)
    with pytest.raises(InputError, match=f"line 2 of .*{why}"):
        read_tiles(path, ("red", "green", "blue"), (0.5, 2.0))


def test_a_label_without_a_place_is_read_in_silence(tmp_path):
    """As PNGs are; the tests turn every warning into an error."""
    write(tmp_path / "drawn.png", np.full((1, 8, 8), 5, np.uint8), crs=None, driver="PNG")
    path = table(tmp_path, label="drawn.png")
    [(_, found)] = read_tiles(path, ("red", "green", "blue"), (0.5, 2.0))
    assert (found.covers == 5).all()
