"""A raster file opened with care: its format, its size and where its pixels lie."""

from __future__ import annotations

import hashlib
import math
import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from landshift.errors import ImageError
from landshift.grid import Grid

_DRIVERS: tuple[tuple[bytes, str], ...] = (
    (b"II*\0", "GTiff"), (b"MM\0*", "GTiff"), (b"II+\0", "GTiff"), (b"MM\0+", "GTiff"),
    (b"\x89PNG\r\n\x1a\n", "PNG"), (b"\xff\xd8\xff", "JPEG"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JP2OpenJPEG"), (b"\xff\x4f\xff\x51", "JP2OpenJPEG"),
)  # fmt: skip
"""First bytes of every format that is read, and GDAL's name for it."""
_OPTIONS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    # a cut JPEG is otherwise filled up with grey and passed off as whole
    "GDAL_ERROR_ON_LIBJPEG_WARNING": "TRUE",
}

_ORIENTATION_TAG = 274
"""Of TIFF 6.0, where 1 is row by row from the upper left."""
_MOST_TIFF_TAGS = 4096
"""Entries of a directory that are looked at; libtiff takes no more either."""

_MOST_EXIF_BYTES = 2**16
"""Of a PNG's eXIf that are read; JPEG has room for no more."""


def check_exists(path: Path) -> None:
    """Refuse what is no file, or has a name that GDAL cannot be told.

    Raises
    ------
    ImageError
        When there is none.
    """
    try:
        str(path.absolute()).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ImageError(
            f"{path}: its name, or a folder's on the way to it, is not UTF-8; rename it"
        ) from error
    if not path.exists():
        raise ImageError(f"{path}: no such file")
    if not path.is_file():
        raise ImageError(f"{path}: not a file")


@contextmanager
def open_picture(path: Path, driver: str, overviews: bool = True) -> Iterator[Any]:
    """Open ``path`` with this driver alone; sidecars are not looked for.

    Without ``overviews`` a thinned read picks pixels of the picture itself, however long it takes.

    Raises
    ------
    ImageError
        When it cannot be opened, or a read inside the block fails.
    """
    try:
        with rasterio.Env(**_OPTIONS), warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            finest = {} if overviews else {"OVERVIEW_LEVEL": "NONE"}
            with rasterio.open(path.absolute(), driver=driver, **finest) as source:
                yield source
    except (RasterioError, OSError) as error:
        # rasterio says "see previous exception", which is where GDAL's own words are
        words = str(error.__cause__ or error).split("\n")[0].rstrip(". ")
        words = words.replace(str(path.absolute()), path.name)
        why = words.removeprefix(f"{path.name}: ").removeprefix(f"{path.name}, ")
        raise ImageError(f"{path}: damaged or cut short: {why}") from error


def stamp_of(path: Path) -> tuple[int, ...]:
    """What tells whether a file is still the same one; empty where none is to be had.

    Copies keep size and time of what was copied, but no file can set its own time of change.
    """
    try:
        stat = path.stat()
    except OSError:  # whoever reads it says why
        return ()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def driver_of(path: Path) -> str:
    """GDAL's name of a file's format, told by its first bytes alone.

    Raises
    ------
    ImageError
        When it is none that is read.
    """
    with path.open("rb") as file:
        head = file.read(64)
    for magic, driver in _DRIVERS:
        if head.startswith(magic):
            return driver
    found = "XML" if head.lstrip().startswith(b"<") else "another format" if head else "empty"
    raise ImageError(
        f"{path}: not a picture that is read ({found}); allowed are GeoTIFF, COG, JPEG 2000, PNG "
        "and JPEG"
    )


def check_pixels(path: Path, source: Any, most_pixels: int) -> None:
    """Refuse an open file of too many pixels, of none that count something, or of turned ones.

    Raises
    ------
    ImageError
        What was declared, and what is allowed.
    """
    if source.width * source.height > most_pixels:
        raise ImageError(
            f"{path}: {source.width} x {source.height} pixels declared; allowed are {most_pixels}"
        )
    if np.dtype(source.dtypes[0]).kind not in "uif":
        raise ImageError(f"{path}: pixels are {source.dtypes[0]}; allowed are integers and floats")
    if ColorInterp.cyan in source.colorinterp:
        raise ImageError(f"{path}: colours are CMYK; allowed are RGB and grey")
    turned, told_by = source.tags().get("EXIF_Orientation", "1").strip(), "EXIF"
    if source.driver == "GTiff" and (source.crs is None or source.transform == Affine.identity()):
        # what places a TIFF on the ground speaks of its pixels as they lie, and so does every GIS
        with path.open("rb") as file:
            turned, told_by = str(_tiff_orientation(file)), "TIFF"
    elif source.driver == "PNG":
        turned = str(_png_orientation(path))
    if turned not in ("0", "1"):
        raise ImageError(
            f"{path}: is shown turned or mirrored ({told_by} orientation {turned}), its pixels are "
            "not; "
            "allowed are pixels as they are shown, as editors save them"
        )


def _png_orientation(path: Path) -> int:
    """What the chunk eXIf of a PNG says, 1 where there is none; GDAL never tells it."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"eXIf":
                return _tiff_orientation(BytesIO(file.read(min(length, _MOST_EXIF_BYTES))))
            file.seek(length + 4, os.SEEK_CUR)
    return 1


def _tiff_orientation(file: BinaryIO) -> int:
    """The tag Orientation of a TIFF's first picture, 1 where there is none; GDAL never tells it."""
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\0", b"\0+")  # BigTIFF
    # where the first directory lies, how many entries it has, how long one is and its value at
    start, count, size, at = ("8xQ", "Q", 20, 12) if big else ("4xI", "H", 12, 8)
    try:
        file.seek(*struct.unpack_from(order + start, head))
        (entries,) = struct.unpack(order + count, file.read(struct.calcsize(order + count)))
        for _ in range(min(entries, _MOST_TIFF_TAGS)):
            entry = file.read(size)
            if struct.unpack_from(order + "H", entry)[0] == _ORIENTATION_TAG:
                return int(struct.unpack_from(order + "H", entry, at)[0])
    except (struct.error, OSError, OverflowError):
        pass  # whoever reads the pixels says what is wrong with the file
    return 1


def placed_grid(path: Path, source: Any) -> Grid | None:
    """Where the pixels of an open file lie; None where it does not say.

    Raises
    ------
    ImageError
        When it says so, and it cannot be.
    """
    crs = _crs_of(path, source)
    if crs is None:
        return None
    try:
        grid = Grid(crs, source.transform, (source.height, source.width))
        gsd = grid.gsd_m
    except ValueError as error:
        raise ImageError(f"{path}: its georeference cannot be used: {error}") from error
    if not math.isfinite(gsd) or gsd <= 0.0:
        raise ImageError(f"{path}: its georeference lies outside {crs.name}")
    return grid


def _crs_of(path: Path, source: Any) -> CRS | None:
    # a CRS without a transform places nothing
    if source.crs is None or source.transform == Affine.identity():
        return None
    try:
        crs = CRS.from_wkt(source.crs.to_wkt()).to_2d()
    except CRSError as error:
        raise ImageError(f"{path}: its CRS cannot be read: {error}") from error
    return crs if crs.is_projected or crs.is_geographic else None
