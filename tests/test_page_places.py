"""Where the page says that a click lies, for `landshift explain` to be asked about."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib import resources

import numpy as np
import pytest
from affine import Affine
from pyproj import Transformer

from landshift import page
from landshift.grid import WGS84, Grid
from landshift.ground import extent_m
from reports import UTM


@pytest.mark.skipif(shutil.which("node") is None, reason="NODE IS NOT INSTALLED: no script was run")
@pytest.mark.parametrize("side_m", [300.0, 20_000.0, 60_000.0])
def test_the_place_that_the_page_tells_is_that_of_the_pixel(side_m, tmp_path):
    """What `landshift explain --at` is told must be the pixel that was clicked."""
    grid = Grid(UTM.crs, Affine(10, 0, 300_000, 0, -10, 4_400_000), (int(side_m / 10),) * 2)
    data = {"places": page._places(grid), "extent": extent_m(grid, grid)}
    script = (resources.files("landshift.page") / "report.js").read_text("utf-8")
    place_of = script[script.index("  const placeOf") : script.index("  const placeWords")]
    rows, cols = (part.ravel() for part in np.meshgrid(*[np.linspace(0, side_m / 10 - 1, 24)] * 2))
    at = np.column_stack([cols + 0.5, -(rows + 0.5)]) * grid.gsd_m
    (tmp_path / "run.js").write_text(
        f"const data = {json.dumps(data)};{place_of}"
        f"console.log(JSON.stringify({json.dumps(at.tolist())}.map(placeOf)));"
    )
    done = subprocess.run(["node", tmp_path / "run.js"], capture_output=True, text=True, check=True)
    lon, lat = np.array(json.loads(done.stdout)).T
    x, y = Transformer.from_crs(WGS84, grid.crs, always_xy=True).transform(lon, lat)
    told_rows, told_cols = grid.rowcol(x, y)
    assert max(np.abs(told_rows - rows).max(), np.abs(told_cols - cols).max()) < 0.02
