"""Bands of a file that show no ground and tell where the others do: opacity, clear sky, cloud."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from landshift.reading.opening import open_picture

_BETWEEN_SHARE = 0.2
"""Share of an "alpha" band that is neither clear nor opaque beyond which it is a near-infrared
band: writers call the fourth of four bands alpha. Feathered edges stay below 0.05."""
_SAMPLE_PX = 256
_SEEN_NAMES = frozenset(
    ("alpha", "opacity", "clear", "clearmask", "udm2clear", "valid", "validmask", "datamask")
)
_HIDDEN_NAMES = frozenset(
    ("cloud", "clouds", "cloudmask", "udm2cloud", "heavyhaze", "snow", "udm", "udm1", "unusable",
     "unusabledata", "unusabledatamask")
)  # fmt: skip
"""Letters and digits of the descriptions that providers give: Planet's UDM and UDM2, Sentinel
Hub's dataMask. Of UDM2, shadow and light haze hide by its band ``clear`` alone."""
_OF_QUALITY = re.compile(r"mask|cloud|udm|scl|qa|quality|clear|haze|snow|shadow|classification")
_MOST_VALUES = 2
"""Different values of a band named cloud beyond which it holds chances of cloud or classes."""


@dataclass(frozen=True)
class HidingBand:
    """A band that says of every pixel whether the ground was seen."""

    number: int
    """In the file, from 1."""
    opaque: float
    """The largest value of a sample of it: 65535, 255 or 1."""
    hides: bool
    """True: what is not 0 is hidden, as by clouds. False: what is above half of `opaque` is
    seen."""

    def seen(self, source: Any, window: Window) -> NDArray[np.bool_]:
        """(row, col) of a window of the open file: True where it says that the ground was seen."""
        values = source.read(self.number, window=window)
        return np.asarray(values == 0 if self.hides else values > self.opaque / 2)


def find_hiding_bands(source: Any) -> tuple[tuple[HidingBand, ...], bool]:
    """The bands that tell what was seen, and whether one was called alpha that is none.

    What a band's description says goes before its colour interpretation: GDAL calls the fourth of
    four bands of 8 bits alpha, and a mask of clouds among them is the contrary.
    """
    found: list[HidingBand] = []
    is_band = False
    for number, (text, colour) in enumerate(
        zip(source.descriptions, source.colorinterp, strict=True), 1
    ):
        name = re.sub(r"[^a-z0-9]", "", (text or "").lower())
        hides, tagged = name in _HIDDEN_NAMES, colour is ColorInterp.alpha
        if not (hides or tagged or name in _SEEN_NAMES) or source.count == 1:
            continue
        sample = sample_of(source, number)
        most = float(sample.max())
        if hides:
            if name.startswith("cloud"):
                values = np.unique(own_sample_of(source, number))
                if values.size > _MOST_VALUES:
                    continue
        elif tagged and name not in _SEEN_NAMES and source.count == 4 and is_mixed(sample):
            is_band = True
            continue
        found.append(HidingBand(number, most, hides))
    return tuple(found), is_band


def untagged_opacity(number: int, sample: NDArray[Any]) -> HidingBand | None:
    """The band with this ``sample`` as opacity where it holds nothing but 0 and one full value."""
    values = np.unique(sample)
    full = [1, 255, 65535]
    if values.size == 2 and values[0] == 0 and values[1] in full:
        return HidingBand(number, float(values[1]), hides=False)
    return None


def notes_of_hiding(
    name: str, source: Any, bands: tuple[HidingBand, ...], roles: tuple[str, ...]
) -> tuple[str, ...]:
    """What to say of bands that were told by their description, and of such that were not used."""
    notes = []
    by_number = {band.number: band for band in bands}
    for number, (text, role) in enumerate(zip(source.descriptions, roles, strict=False), 1):
        band, told = by_number.get(number), (text or "").strip()[:40]
        if band is not None and source.colorinterp[number - 1] is not ColorInterp.alpha:
            what = "is not 0" if band.hides else "is 0"
            called = f" ({told})" if told else ""
            notes.append(f"{name}: where band {number}{called} {what}, nothing was seen")
        elif band is None and not role and _OF_QUALITY.search(told.lower()):
            notes.append(
                f"{name}: band {number} ({told}) is not used; bands named clear or cloud are"
            )
    return tuple(notes)


def sample_of(source: Any, band: int) -> NDArray[Any]:
    """A thinned sample of a band of an open file, (row, col); of its overviews if it has any."""
    shape = (min(_SAMPLE_PX, source.height), min(_SAMPLE_PX, source.width))
    return np.asarray(source.read(band, out_shape=shape))


def own_sample_of(source: Any, band: int) -> NDArray[Any]:
    """The same of the file's own pixels, for which all of it may have to be unpacked.

    Overviews hold means as a rule, and of a mask of 0 and 255 these are many numbers.
    """
    with open_picture(Path(source.name), source.driver, overviews=False) as own:
        return sample_of(own, band)


def is_mixed(sample: NDArray[Any]) -> bool:
    """Whether a band lies between nothing and its largest value in too many places for a mask."""
    between = (sample > 0) & (sample < sample.max())
    return bool(between.mean() > _BETWEEN_SHARE)
