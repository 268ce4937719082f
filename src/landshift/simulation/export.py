"""Simulated sites on disk: GeoTIFFs, the aoi and the truth, a folder at once."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from landshift.placing import check_folder, new_folder
from landshift.simulation.site_pictures import SitePicture, picture_site
from landshift.simulation.sites import SITES, SiteScene, build_site
from landshift.simulation.truth import NOTE, site_truth

SAMPLE_SEED = 20
"""Seed of the sites in sample_tiles."""
_FILES = re.compile(r"(before|after)\.tif|site\.geojson|truth\.json")
"""What a site's folder holds."""


def _write_picture(path: Path, picture: SitePicture, epsg: int, day: date, site: str) -> None:
    """One GeoTIFF: JPEG of 8 bit for rgb, else reflectance times 10000 in 16 bit."""
    import rasterio
    from affine import Affine

    count, rows, cols = picture.values.shape
    display = picture.bands == ("red", "green", "blue")
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "count": count,
        "height": rows,
        "width": cols,
        "crs": f"EPSG:{epsg}",
        "transform": Affine(picture.gsd_m, 0, picture.west_m, 0, -picture.gsd_m, picture.north_m),
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
    }
    if display:
        profile |= {"dtype": "uint8", "compress": "JPEG", "photometric": "YCbCr",
                    "JPEG_QUALITY": 90}
        values = np.round(picture.values * 255).astype(np.uint8)
    else:
        profile |= {"dtype": "uint16", "compress": "DEFLATE", "predictor": 2, "ZLEVEL": 9,
                    "nodata": 0}
        values = np.clip(np.round(picture.values * 10000), 1, 65535).astype(np.uint16)
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(values)
        dataset.descriptions = picture.bands
        if not display:
            dataset.scales = (1e-4,) * count
        dataset.update_tags(
            SIMULATED="YES",
            TIFFTAG_DATETIME=f"{day.year}:{day.month:02d}:{day.day:02d} 11:00:00",
            TIFFTAG_IMAGEDESCRIPTION=f"{site}: {NOTE}",
            TIFFTAG_SOFTWARE="landshift simulate",
        )


def _site_feature(scene: SiteScene) -> dict[str, Any]:
    """The aoi as a GeoJSON collection of one feature, in WGS84."""
    from rasterio.warp import transform

    recipe = scene.recipe
    ring = scene.aoi_outline()
    # RFC 7946 wants outer rings counter-clockwise; the ring runs clockwise on the ground.
    points = [scene.map_point(float(x), float(y)) for x, y in ring[::-1]]
    lon, lat = transform(f"EPSG:{recipe.epsg}", "EPSG:4326", *zip(*points, strict=True))
    corners = [[round(a, 8), round(b, 8)] for a, b in zip(lon, lat, strict=True)]
    feature = {
        "type": "Feature",
        "id": recipe.name,
        "properties": {
            "id": recipe.name,
            "name": f"{recipe.name} (simulated)",
            "note": NOTE,
            "before_date": recipe.dates[0].isoformat(),
            "after_date": recipe.dates[1].isoformat(),
        },
        "geometry": {"type": "Polygon", "coordinates": [corners]},
    }
    return {"type": "FeatureCollection", "features": [feature]}


def write_site(name: str, seed: int, out: Path, overwrite: bool = False) -> dict[str, Any]:
    """Paint and photograph a named site into a folder, all or nothing; returns its truth.

    Parameters
    ----------
    name
        Key of `SITES`.
    seed
        The same seed gives the same files.
    out
        Folder to make: before.tif, after.tif, site.geojson, truth.json.
    overwrite
        Whether a folder of that name that holds the same files may be replaced.

    Raises
    ------
    InputError
        When there is no such site.
    OutputError
        When the folder exists or cannot be written.
    """
    check_folder(out, overwrite, "truth.json", _FILES)
    scene = build_site(name, seed)
    truth = {**site_truth(scene), "seed": seed}
    recipe = scene.recipe
    with new_folder(out, overwrite) as folder:
        pictures = picture_site(scene)
        for when, picture, day in zip(("before", "after"), pictures, recipe.dates, strict=True):
            _write_picture(folder / f"{when}.tif", picture, recipe.epsg, day, name)
        for file, content in (("site.geojson", _site_feature(scene)), ("truth.json", truth)):
            text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
            (folder / file).write_text(text, encoding="utf-8")
    return truth


def write_samples(out: Path, overwrite: bool = False) -> list[str]:
    """Write all named sites, each into a folder of its own below ``out``; returns their names."""
    for name in SITES:
        check_folder(out / name, overwrite, "truth.json", _FILES)
    for name in SITES:
        write_site(name, SAMPLE_SEED, out / name, overwrite)
    return list(SITES)
