"""Pixels of a picture that are lost, on the grid that is worked at and on the picture's own."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine

from landshift.reading import describe_image, picture, plan_own_grid, read_whole
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
