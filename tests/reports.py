"""A report made by hand, with something in every place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from affine import Affine
from pyproj import CRS
from shapely.geometry import Polygon

from landshift.alignment import Alignment
from landshift.area import Hectares, Transition
from landshift.buildings import Building, Cluster
from landshift.change_map import TOTALS, ChangeMap
from landshift.fitness import Fitness
from landshift.grid import Grid
from landshift.legend import Cover
from landshift.preview import Preview
from landshift.report import ImageRecord, SiteReport
from landshift.settings import Settings
from landshift.site import Aoi, Image, Site

UTM = Grid(CRS.from_epsg(32652), Affine(1, 0, 400_000, 0, -1, 4_600_000), (300, 400))
LOCAL = Grid(None, Affine(0.5, 0, 0, 0, -0.5, 0), (60, 80))


def made_report(grid: Grid = UTM) -> SiteReport:
    """Cropland everywhere, a hall in the middle, a strip not seen, a rim outside the aoi."""
    rows, cols = grid.shape
    codes = np.full(grid.shape, 11, np.uint8)
    hall = np.s_[rows // 3 : rows // 2, cols // 3 : cols // 2]
    codes[hall] = 13
    codes[:, :5], codes[-4:] = 0, 255
    new = codes == 13
    probability = np.where((codes > 0) & (codes < 255), np.float32(0.9), np.float32(0))
    corners = [(cols // 3, rows // 3), (cols // 2, rows // 3), (cols // 2, rows // 2),
               (cols // 3, rows // 2)]  # fmt: skip
    outline = Polygon([grid.transform @ corner for corner in corners])
    changes = ChangeMap(
        codes=codes, probability=probability, replaced=np.zeros(grid.shape, bool),
        new_building=new, new_building_probability=np.where(new, probability, np.float32(0)),
        expected_hectares=np.zeros((1, 1, 8, 8)), replaced_hectares=np.zeros((1, 1)),
        faint_hectares=np.zeros((8, 8)), noise_hectares=np.zeros((8, 8)),
        replaced_noise_hectares=0.0,
        total_noise_hectares=dict.fromkeys(TOTALS, 0.0),
        mirrored_noise_hectares=dict.fromkeys(TOTALS, 0.0), cell_px=1000,
        seen_hectares=np.array([[11.5]]), aoi_hectares=11.8, grid=grid,
    )  # fmt: skip
    size = Hectares(0.3333, 0.25, 0.5, "errors from site to site")
    building = Building(
        outline, 0.3333, 66.0, 50.0, 90.0, 0.99, Cover.CROPLAND, "roofed", 0.9, False, False
    )
    image = ImageRecord("before.tif", "0" * 64, "2023-05-12", "unknown (red green blue)", 1.0)
    return SiteReport(
        site=Site("kyongsong", Image(Path("before.tif")), Image(Path("after.tif"))),
        before=image, after=image, fitness=Fitness("caution", ("rather hazy",)),
        alignment=Alignment.identity(grid), changes=changes,
        transitions=(Transition(Cover.CROPLAND, Cover.BUILDING, size),),
        totals=dict.fromkeys(TOTALS, size), buildings=(building, building),
        clusters=(Cluster((0, 1), 0.6666, 0.7, 90.0),), seen_share=0.975, outline=None,
        before_picture=_picture(grid), after_picture=_picture(grid),
        warnings=("bands taken as red, green, blue",), settings=Settings().as_dict(),
        software={"landshift": "0.1.0"},
    )  # fmt: skip


def _picture(grid: Grid) -> Preview:
    """A slope of brightness, with a strip not seen."""
    rgba = np.full((*grid.shape, 4), 255, np.uint8)
    rgba[..., :3] = np.linspace(40, 220, grid.shape[1], dtype=np.uint8)[:, None]
    rgba[:, :5] = 0
    return Preview(rgba, grid)


HOSTILE = "<img src=x onerror=alert(1)> $x_1$ =cmd|' /C calc'!A0"
"""A name as a stranger's list may hold it; every output must carry it as text."""


def hostile_report(grid: Grid = UTM) -> SiteReport:
    """`made_report` with an outline, a patch of every kind, and markup in every word."""
    report = made_report(grid)
    rows, cols = grid.shape
    corners = [(2, 2), (cols - 3, 4), (cols - 6, rows - 8), (4, rows - 5)]
    outline = Polygon([grid.transform @ corner for corner in corners])
    codes, replaced = report.changes.codes.copy(), np.zeros(grid.shape, bool)
    for place, code in enumerate((23, 43, 31, 15, 24, 14, 88, 67)):
        codes[4 : rows // 8, 10 + 5 * place : 13 + 5 * place] = code
    codes[-20:-10, 10:20] = 33
    replaced[-20:-10, 10:20] = True
    script = "</script><script>alert(1)</script>"
    aoi = Aoi(outline, grid.crs)
    site = Site("kyongsong", Image(Path("b.tif")), Image(Path("a.tif")), aoi, HOSTILE)
    after = replace(report.after, path=f"{script}.tif", date="2024-05-01", sensor=script)
    return replace(
        report, site=site, outline=outline, after=after,
        changes=replace(report.changes, codes=codes, replaced=replaced),
        fitness=Fitness("caution", (script,)), warnings=(script, HOSTILE),
        software={"landshift": "0.1.0", "model": script},
    )  # fmt: skip
