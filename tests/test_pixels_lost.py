"""Pixels of a picture that are lost, on the grid that is worked at and on the picture's own."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine

from landshift.reading import describe_image, picture, plan_own_grid, read_raster, read_whole
from landshift.settings import GridSettings
from landshift.site import Image
from pictures import CORNER, ground, north_up, write

SCATTERED = np.random.default_rng(0).random((300, 340)) < 0.8
TURNED = Affine.translation(*CORNER) @ Affine.rotation(25.0) @ Affine.scale(0.4, -0.4)


@pytest.mark.parametrize("transform", [north_up(0.4), north_up(2.0), TURNED])
@pytest.mark.parametrize("gsd_m", [0.5, 3.0])
def test_one_reading_tells_every_pixel_of_the_picture_that_is_lost(
    tmp_path, monkeypatch, transform, gsd_m
):
    path = write(tmp_path / "a.tif", ground(300, 340), mask=SCATTERED.astype(np.uint8) * 255,
                 transform=transform)  # fmt: skip
    info = describe_image(Image(path))
    read, original = [], picture._read_raw
    monkeypatch.setattr(
        picture, "_read_raw",
        lambda *given: read.append(given[2].width * given[2].height) or original(*given),
    )  # fmt: skip
    grid = plan_own_grid(info, GridSettings(gsd_m=gsd_m), 0.3)
    _, seen = read_whole(Image(path), grid)
    np.testing.assert_array_equal(seen, SCATTERED)
    assert SCATTERED.size <= sum(read) < 1.1 * SCATTERED.size


def half_seen(shown: np.ndarray, scale: int) -> np.ndarray:
    """The slow twin: of a pyramid over two working pixels each way half and more is shown."""
    rows, cols = (side // scale for side in shown.shape)
    out = np.zeros((rows, cols), bool)
    for row, col in np.ndindex(rows, cols):
        weight = [
            np.maximum(0, 1 - np.abs(np.arange(side) - (scale * place + (scale - 1) / 2)) / scale)
            for side, place in zip(shown.shape, (row, col), strict=True)
        ]
        # beyond the picture nothing is shown, and it weighs all the same: scale in all
        out[row, col] = weight[0] @ shown @ weight[1] >= (0.5 - 1e-6) * scale**2
    return out


BLOCKS = np.kron(np.random.default_rng(1).random((16, 20)) < 0.6, np.ones((10, 10), bool))
SINGLE = np.random.default_rng(2).random((160, 200)) < 0.55
LINES = np.broadcast_to((np.arange(160) % 20 >= 9)[:, None], (160, 200))


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("shown", [BLOCKS, SINGLE, LINES], ids=["blocks", "single", "lines"])
def test_a_working_pixel_is_seen_where_half_of_what_it_is_made_of_was(tmp_path, shown, scale):
    path = write(tmp_path / "a.tif", ground(*shown.shape), mask=shown.astype(np.uint8) * 255,
                 transform=north_up(0.5))  # fmt: skip
    info = describe_image(Image(path))
    grid = plan_own_grid(info, GridSettings(gsd_m=0.5 * scale), 0.3)
    seen = read_raster(Image(path), grid).valid
    np.testing.assert_array_equal(seen, half_seen(shown, scale))


@pytest.mark.parametrize("gsd_m", [1.0, 1.7, 4.0])
def test_as_much_ground_is_seen_at_any_working_pixel_where_whole_patches_are_lost(tmp_path, gsd_m):
    row, col = np.mgrid[:400, :480]
    shown = np.hypot(row - 180, col - 230) > 90
    path = write(tmp_path / "a.tif", ground(400, 480), mask=shown.astype(np.uint8) * 255,
                 transform=north_up(0.5))  # fmt: skip
    grid = plan_own_grid(describe_image(Image(path)), GridSettings(gsd_m=gsd_m), 0.3)
    lost_m2 = (~read_raster(Image(path), grid).valid[4:-4, 4:-4]).sum() * gsd_m**2
    assert lost_m2 == pytest.approx((~shown).sum() * 0.5**2, rel=0.01)
