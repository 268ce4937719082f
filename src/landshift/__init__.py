"""landshift: what was built there, what did it replace, and how many hectares."""

import os

__version__ = "0.1.0"

_REFUSED_DRIVERS = [
    "VRT", "GTI", "MRF", "WMS", "WCS", "WMTS", "HTTP", "STACIT", "STACTA", "PLMOSAIC", "EEDAI",
    "DAAS", "PDF", "KMLSUPEROVERLAY", "NGSGEOID", "DERIVED",
]  # fmt: skip
"""GDAL drivers whose files can make GDAL read, write or fetch something else."""

# GDAL reads GDAL_SKIP once, when rasterio is first imported; this is the only place certain to run
# before that. All other options are set around our own reads and writes, not for the whole process.
os.environ["GDAL_SKIP"] = " ".join(
    dict.fromkeys(os.environ.get("GDAL_SKIP", "").split() + _REFUSED_DRIVERS)
)
