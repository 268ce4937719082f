"""landshift: what was built there, what did it replace, and how many hectares."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landshift.api import (
        as_dataset,
        assess,
        classify,
        compare,
        compare_list,
        draw,
        pictures,
        save,
        teach,
    )

__version__ = "0.1.0"
__all__ = [
    "__version__", "as_dataset", "assess", "classify", "compare", "compare_list", "draw",
    "pictures", "save", "teach",
]  # fmt: skip

_REFUSED_DRIVERS = [
    "GTI", "MRF", "WMS", "WCS", "WMTS", "HTTP", "STACIT", "STACTA", "PLMOSAIC", "EEDAI",
    "DAAS", "PDF", "KMLSUPEROVERLAY", "NGSGEOID", "DERIVED",
]  # fmt: skip
"""GDAL drivers whose files can make GDAL read, write or fetch something else. VRT is one more, and
the command line switches it off too; here it stays, for GDAL makes a VRT in memory wherever a
program that imports landshift asks rasterio for the extent of a reprojection."""

OWN_PROCESS = {"GDAL_CACHEMAX": "96", "OPENBLAS_NUM_THREADS": "1"}
"""What a process of ours sets unless its user did; whoever imports landshift sets their own.

GDAL_CACHEMAX: memory in which GDAL keeps what it read, MB. Its default is a twentieth of the
machine's for each process. What it held when a picture has been read stays with the process: with
128 MB `align` of 8192 px peaks above 800 MB.

OPENBLAS_NUM_THREADS: registration solves many systems of some hundred tie points. A second thread
for each waits busily longer than it works: with two, registering 512 × 512 px takes 0.32 CPU
seconds in place of 0.13, and no less time (`benchmarks/registration.py speed`)."""


def refuse_drivers(*names: str) -> None:
    """Have GDAL do without drivers; it asks once, when rasterio is first imported."""
    told = os.environ.get("GDAL_SKIP", "").split()
    os.environ["GDAL_SKIP"] = " ".join(dict.fromkeys([*told, *names]))


# This is the only place certain to run before rasterio is imported. All other options are set
# around our own reads and writes, not for the whole process.
refuse_drivers(*_REFUSED_DRIVERS)


def __getattr__(name: str) -> Any:
    """Load the public functions when they are first asked for, so that --help loads none."""
    if name in __all__:
        # by name: an import written out here would tie every room to this one
        return getattr(importlib.import_module("landshift.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
