"""A picture file opened with care, and what it says of itself before its pixels are read."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window

from landshift.errors import ImageError
from landshift.grid import Grid
from landshift.reading.collar import Collar, find_collar
from landshift.reading.hiding import (
    HidingBand,
    find_hiding_bands,
    is_mixed,
    notes_of_hiding,
    own_sample_of,
    sample_of,
    untagged_opacity,
)
from landshift.reading.masks import MaskInfo, describe_mask, hidden_by
from landshift.reading.opening import (
    check_exists,
    check_pixels,
    driver_of,
    open_picture,
    placed_grid,
    sha256_of,
    stamp_of,
)
from landshift.reading.recognition import BandFacts, recognise_bands, recognise_name
from landshift.reading.units import is_fill, scaling_of, spot_values
from landshift.reading.unplaced import Placement, find_placement, world_files
from landshift.sensor import Sensor
from landshift.settings import GridSettings
from landshift.site import Image

_EVEN_SHARE = 0.99
"""Share of a band of one or two values from which it says nothing: opacity, not near infrared."""
_HALF_OPAQUE = 127
"""Of 255, in masks and palettes; what is above is seen."""
_LEAST_MARGIN_SHARE = 0.02
"""Of a picture, that pixels of one number at its border are its margin, if that is not 0. Snow and
roofs as bright as can be say as little of the ground, but a few of them are no reason to read it
all again."""
_MOST_UNKNOWN = 4
"""Bands read of a picture whose bands are unknown: enough to lay it on another picture."""
_DATE_TAGS = ("ACQUISITION_DATE", "ACQUISITIONDATETIME", "acquired", "datetime", "date")
_SAME_DAYS = 1
"""Days by which two words for one day differ, east of Greenwich and in universal time."""
_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)([-_]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)")


@dataclass(frozen=True, eq=False)
class PictureInfo:
    """What a picture says of itself, and how it is to be read."""

    image: Image
    driver: str
    """GDAL's name of the format."""
    grid: Grid
    """The picture's own pixels; local metres from its upper left corner where it has no CRS."""
    placement: Placement | None
    """What says where it lies, where it has no CRS."""
    sensor: Sensor
    """The bands that are read, in the order of `indexes`."""
    indexes: tuple[int, ...]
    """Numbers of those bands in the file, from 1; of the palette's colours where there is one."""
    dtype: str
    """numpy's name for the file's data type."""
    nodata: float | None
    hiding: tuple[HidingBand, ...]
    """Bands of opacity, clear sky or cloud."""
    masked: bool
    """Whether the file carries a mask besides."""
    palette: NDArray[np.uint8] | None
    """(256, 4) red, green, blue and opacity of an indexed picture; of its nodata none."""
    scale: float
    """Values are file values times this …"""
    offset: float
    """… plus this."""
    collars: tuple[Collar, ...]
    """Black, white, or of a number that is beyond all others."""
    date: date | None
    """Day of acquisition: as the user says, else from the file's tags, else from its name."""
    sha256: str
    mask: MaskInfo | None
    """What lies beside it and hides parts of it."""
    notes: tuple[str, ...]
    """What was assumed, for the report's warnings."""
    empty_bands: tuple[str, ...]
    """Those of the notes that tell of a band which shows nothing and was left out."""
    doubts: tuple[str, ...]
    """What makes a pair doubtful: its day is not what its file says."""


def describe_image(image: Image, most_pixels: int = GridSettings.most_pixels) -> PictureInfo:
    """Open a picture and tell its grid, bands, date and what it leaves blank.

    Raises
    ------
    ImageError
        When the file cannot be used: what, where, found, allowed.
    """
    own = [image.path, *([image.mask.path] if image.mask else [])]
    try:
        for file in own:
            check_exists(file)
        files = [*own, *world_files(image.path)]
        return _describe(image, most_pixels, tuple(map(stamp_of, files)))
    except PermissionError as error:
        where = error.filename or image.path
        raise ImageError(f"{where}: may not be read: {error.strerror}") from error


def read_block(
    source: Any, info: PictureInfo, window: Window
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The bands of a window of an open picture, scaled, and where they were seen.

    Returns
    -------
    ndarray of float32, shape (band, row, col)
        File values times scale plus offset; 0 where not seen.
    ndarray of bool, shape (row, col)
        False for nodata, transparent, masked, NaN, infinite pixels and blank collars, and for what
        a mask beside the picture hides.
    """
    bands, valid, _ = read_block_and_hidden(source, info, window)
    return bands, valid


def read_block_and_hidden(
    source: Any, info: PictureInfo, window: Window
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_] | None]:
    """As `read_block`, and what the mask beside the picture alone hides; None without a mask."""
    raw = _read_raw(source, info, window)
    valid = np.asarray(np.isfinite(raw).all(axis=0))
    if info.palette is not None:
        valid &= info.palette[source.read(1, window=window), 3] > _HALF_OPAQUE
    elif info.nodata is not None and np.isfinite(info.nodata):
        blank = raw == np.float32(info.nodata)
        # a colour channel of 0 or 255 is a colour; only all of them together are nodata
        any_band = info.dtype != "uint8" and info.nodata != 0
        valid &= ~(blank.any(axis=0) if any_band else blank.all(axis=0))
    valid &= ~is_fill(raw, info.dtype)
    for band in info.hiding:
        valid &= band.seen(source, window)
    if info.masked:
        valid &= source.read_masks(1, window=window) > _HALF_OPAQUE
    rows, cols = raw.shape[1:]
    for collar in info.collars:
        margin = collar.covers(int(window.row_off), int(window.col_off), (rows, cols))
        valid &= ~(margin & (raw == collar.value).all(axis=0))
    bands = raw if info.scale == 1.0 and info.offset == 0.0 else raw * info.scale + info.offset
    bands = bands.astype(np.float32, copy=False)
    hidden = None
    if info.mask is not None:
        hidden = valid & hidden_by(info.mask, info.grid, window)
        valid &= ~hidden
    bands[:, ~valid] = 0.0
    return bands, valid, hidden


def _read_raw(source: Any, info: PictureInfo, window: Window) -> NDArray[np.float32]:
    if info.palette is None:
        with np.errstate(over="ignore"):  # beyond float32 is infinite, and infinite is not seen
            return np.asarray(source.read(info.indexes, window=window), np.float32)
    colours = info.palette[source.read(1, window=window), :3]
    return np.ascontiguousarray(colours.transpose(2, 0, 1), np.float32)


@lru_cache(maxsize=16)
def _describe(image: Image, most_pixels: int, stamps: tuple[tuple[int, ...], ...]) -> PictureInfo:
    driver = driver_of(image.path)
    with open_picture(image.path, driver) as source:
        check_pixels(image.path, source, most_pixels)
        grid, placement = _native_grid(image, source)
        palette = _palette_of(source)
        hiding, is_band = ((), False) if palette is not None else find_hiding_bands(source)
        roles, told_by = _roles(image, source, grid, palette, hiding)
        hiding = tuple(band for band in hiding if not roles[band.number - 1])
        roles, hiding, empty = _without_empty_bands(image, source, roles, told_by, hiding)
        notes = empty + notes_of_hiding(image.path.name, source, hiding, roles)
        wanted = tuple(i for i, role in enumerate(roles, 1) if role)
        if not wanted:
            wanted = tuple(range(1, 1 + min(_MOST_UNKNOWN, len(roles))))
            notes += (f"{image.path.name}: the bands are unknown; --bands names them",)
        elif told_by == "band count" and len(roles) > 1:
            order = ", ".join(role or "?" for role in roles)
            notes += (f"{image.path.name}: bands taken as {order} from their number alone",)
        wanted_roles = tuple(roles[i - 1] for i in wanted)
        scale, offset, how = scaling_of(source, wanted, wanted_roles)
        notes += tuple(f"{image.path.name}: {note}" for note in how)
        sensor = Sensor(
            bands=wanted_roles,
            gsd_m=grid.gsd_m,
            name=recognise_name(image.path.name, wanted_roles),
            scale=None if scale == 1.0 else scale,
            floating=np.dtype(source.dtypes[0]).kind == "f",
        )
        day, doubts = _day_of(image, source.tags())
        mask = None
        if image.mask is not None:
            mask = describe_mask(image.mask, image.path, grid, most_pixels)
            notes += mask.notes
        nodata, flags = source.nodatavals[0], source.mask_flag_enums[0]
        info = PictureInfo(
            image=image, driver=driver, grid=grid, placement=placement, sensor=sensor,
            indexes=wanted, dtype=source.dtypes[0], hiding=hiding,
            nodata=None if nodata is None else float(nodata),
            masked=MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags and not is_band,
            palette=palette, scale=scale, offset=offset, collars=(),
            date=day, sha256=sha256_of(image.path), mask=mask,
            notes=notes, empty_bands=empty, doubts=doubts,
        )  # fmt: skip
        return replace(info, collars=_collars(source, info))


def _native_grid(image: Image, source: Any) -> tuple[Grid, Placement | None]:
    grid = placed_grid(image.path, source)
    if grid is None:
        shape = (source.height, source.width)
        gsd, placement = image.gsd_m, find_placement(image.path, source)
        if gsd is None:
            raise ImageError(f"{image.path}: {_lack(source, placement)}")
        if not 0.01 <= gsd <= 1000.0:
            raise ImageError(f"{image.path}: --gsd is {gsd:g}; allowed are 0.01 to 1000 metres")
        return Grid(None, Affine(gsd, 0.0, 0.0, 0.0, -gsd, 0.0), shape), placement
    return grid, None


def _lack(source: Any, placement: Placement | None) -> str:
    """What a picture without CRS lacks, and what helps."""
    placed_by = "rational polynomials (RPC)" if source.rpcs is not None else ""
    placed_by = "ground control points" if source.gcps[0] else placed_by
    if placed_by:
        return f"is placed by {placed_by} alone; gdalwarp lays it on a grid"
    lack = "has no CRS; --gsd METRES says how large a pixel is"
    if placement is None:
        return lack
    return f"{lack}, or gdal_translate -a_srs EPSG:CODE in which CRS {placement.told_by} places it"


def _palette_of(source: Any) -> NDArray[np.uint8] | None:
    if source.colorinterp[0] is not ColorInterp.palette or source.dtypes[0] != "uint8":
        return None
    palette = np.zeros((256, 4), np.uint8)
    for index, colour in source.colormap(1).items():
        palette[index] = colour
    nodata = source.nodatavals[0]
    if nodata is not None and nodata in range(256):  # a number that stands for a colour
        palette[int(nodata), 3] = 0
    return palette


def _without_empty_bands(
    image: Image, source: Any, roles: tuple[str, ...], told_by: str,
    hiding: tuple[HidingBand, ...],
) -> tuple[tuple[str, ...], tuple[HidingBand, ...], tuple[str, ...]]:  # fmt: skip
    """Roles and hiding bands, and notes where a band turned out to show nothing.

    Writers leave the opacity of RGBA pictures untagged: of two values, one of them 0, it is heeded.
    A band of one value among others that vary was never filled. The user is believed.
    """
    if told_by in ("the user", "palette"):
        return roles, hiding, ()
    empty: dict[int, str] = {}
    if "nir" in roles and told_by != "band descriptions":
        number = roles.index("nir") + 1
        sample = sample_of(source, number)
        if not is_mixed(sample):  # of near infrared, not all of a large file is unpacked for it
            sample = own_sample_of(source, number)
        _, counts = np.unique(sample, return_counts=True)
        opacity = untagged_opacity(number, sample)
        if opacity is not None:
            roles = tuple("" if role == "nir" else role for role in roles)
            hiding = (*hiding, opacity)
        elif np.sort(counts)[-2:].sum() >= _EVEN_SHARE * sample.size:
            empty[number] = "nir"
    named = tuple(number for number, role in enumerate(roles, 1) if role)
    if len(named) > 1:
        values = spot_values(source, named)
        even = (values == values[:, :1]).all(axis=1)
        if not even.all():  # a picture that is blank all over is refused for that
            empty |= {n: roles[n - 1] for n, one in zip(named, even, strict=True) if one}
    notes = tuple(
        f"{image.path.name}: band {number} shows nothing and is not taken for "
        f"{'near infrared' if role == 'nir' else role}"
        for number, role in empty.items()
    )
    return tuple("" if n in empty else role for n, role in enumerate(roles, 1)), hiding, notes


def _roles(
    image: Image, source: Any, grid: Grid, palette: NDArray[np.uint8] | None,
    hiding: tuple[HidingBand, ...],
) -> tuple[tuple[str, ...], str]:  # fmt: skip
    """The role of every band of the file and how it was told; those that hide have none."""
    count = source.count if palette is None else 3
    if image.bands is not None:
        if len(image.bands) > count:
            raise ImageError(
                f"{image.path}: --bands names {len(image.bands)} bands, the file has {count}"
            )
        return image.bands + ("",) * (count - len(image.bands)), "the user"
    if palette is not None:
        return ("red", "green", "blue"), "palette"
    hidden_by = {band.number for band in hiding}
    carried = [i for i in range(count) if i + 1 not in hidden_by]
    colours = [source.colorinterp[i].name for i in carried]
    facts = BandFacts(
        file_name=image.path.name,
        descriptions=tuple(source.descriptions[i] or "" for i in carried),
        colours=tuple("undefined" if name == "alpha" else name for name in colours),
        gsd_m=grid.gsd_m,
    )
    told, told_by = recognise_bands(facts)
    roles = [""] * count
    for i, role in zip(carried, told, strict=True):
        roles[i] = role
    return tuple(roles), told_by


def _day_of(image: Image, tags: dict[str, str]) -> tuple[date | None, tuple[str, ...]]:
    """The day as the user says, else as a tag or the name does; and a doubt where these differ.

    Files given in the wrong order turn gains into losses, and what their names say tells it.
    """
    by_lower = {name.lower(): text for name, text in tags.items()}
    days = [("given", image.date)]
    days += [(f"tag {tag}", _day_in(by_lower.get(tag.lower(), ""))) for tag in _DATE_TAGS]
    days = [*days, ("name", _day_in(image.path.stem))]
    told = [(where, day) for where, day in days if day is not None]
    if not told:
        return None, ()
    taken = told[0]
    for where, day in told[1:]:
        if abs((day - taken[1]).days) > _SAME_DAYS:
            return taken[1], (
                f"{image.path.name}: its day is {day} by its {where} and {taken[1]} "
                f"{'as given' if taken[0] == 'given' else 'by its ' + taken[0]}, which is believed",
            )
    return taken[1], ()


def _day_in(text: str) -> date | None:
    found = _DATE.search(text)
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:  # the 31st of a shorter month
        return None


def _collars(source: Any, info: PictureInfo) -> tuple[Collar, ...]:
    """The black margin, of whole numbers the white one, and one of a number beyond all others."""
    width, kind = source.width, np.dtype(info.dtype)
    values = dict.fromkeys(_margin_values(source, info), _LEAST_MARGIN_SHARE)
    if kind.kind in "ui":
        values[float(np.iinfo(kind).max)] = _LEAST_MARGIN_SHARE
    values[0.0] = 0.0

    def found(value: float, least_share: float) -> Collar:
        def blank_rows(row: int, rows: int) -> NDArray[np.bool_]:
            raw = _read_raw(source, info, Window(0, row, width, rows))
            return np.asarray((raw == np.float32(value)).all(axis=0))

        return find_collar(info.grid.shape, value, blank_rows, least_share)

    every = (found(*each) for each in values.items() if each[0] != info.nodata)
    return tuple(collar for collar in every if collar.cells is not None)


def _margin_values(source: Any, info: PictureInfo) -> list[float]:
    """Numbers that may stand for no measurement in the first and last row, undeclared: -999, 1.0.

    The most common one of those that are the same in every band, if nothing lies beyond it: ground
    that is the darkest or brightest of a picture is not so in all bands at once, pixel for pixel.
    Eight bits have no number but 0 and 255 that is not a colour.
    """
    if info.dtype == "uint8" or len(info.indexes) < 2:
        return []
    found = []
    for row in (0, source.height - 1):
        raw = _read_raw(source, info, Window(0, row, source.width, 1))[:, 0]
        even = raw[0][(raw == raw[0]).all(axis=0)]
        values, counts = np.unique(even, return_counts=True)
        if counts.size and counts.max() > _LEAST_MARGIN_SHARE * source.width:
            value = float(values[counts.argmax()])
            spots = spot_values(source, info.indexes)
            others = spots[np.isfinite(spots) & (spots != np.float32(value))]
            if others.size and not others.min() < value < others.max():
                found.append(value)
    return found
