"""Files into values: with writing, the only doors to disk."""

from landshift.reading.aoi import (
    inside,
    polygon_from,
    project_aoi,
    project_polygon,
    read_aoi,
    read_facts,
)
from landshift.reading.labels import (
    read_codes,
    read_covers,
    read_drawing,
    read_reference,
    reference_gsd_m,
    unmet_features,
)
from landshift.reading.opening import sha256_of, stamp_of
from landshift.reading.picture import PictureInfo, describe_image
from landshift.reading.planning import (
    doubts_of_gsd,
    footprint,
    notes_of_gsd,
    plan_grid,
    plan_own_grid,
    working_gsd_m,
)
from landshift.reading.resampling import nearest_codes, read_brightness, read_raster, read_whole
from landshift.reading.unplaced import world_files

__all__ = [
    "PictureInfo",
    "describe_image",
    "doubts_of_gsd",
    "footprint",
    "inside",
    "nearest_codes",
    "notes_of_gsd",
    "plan_grid",
    "plan_own_grid",
    "polygon_from",
    "project_aoi",
    "project_polygon",
    "read_aoi",
    "read_brightness",
    "read_codes",
    "read_covers",
    "read_drawing",
    "read_facts",
    "read_raster",
    "read_reference",
    "read_whole",
    "reference_gsd_m",
    "sha256_of",
    "stamp_of",
    "unmet_features",
    "working_gsd_m",
    "world_files",
]
