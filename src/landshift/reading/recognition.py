"""Which band is which: from what the file says of its bands, or from how many there are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_NAMES: dict[str, str] = {
    "coastal": "coastal", "coastalaerosol": "coastal", "aerosol": "coastal",
    "blue": "blue", "b": "blue", "green": "green", "g": "green", "red": "red", "r": "red",
    "rededge": "rededge1", "re": "rededge1", "rededge1": "rededge1", "re1": "rededge1",
    "rededge2": "rededge2", "re2": "rededge2", "rededge3": "rededge3", "re3": "rededge3",
    "nir": "nir", "nir1": "nir", "nearinfrared": "nir", "nir08": "nir08", "nir2": "nir08",
    "narrownir": "nir08", "nirnarrow": "nir08", "swir": "swir1", "swir1": "swir1",
    "swir16": "swir1", "swir2": "swir2", "swir22": "swir2", "pan": "pan", "panchromatic": "pan",
}  # fmt: skip
_SENTINEL2: dict[str, str] = {
    "1": "coastal", "2": "blue", "3": "green", "4": "red", "5": "rededge1", "6": "rededge2",
    "7": "rededge3", "8": "nir", "8a": "nir08", "11": "swir1", "12": "swir2",
}  # fmt: skip
_LANDSAT_TM: dict[str, str] = {
    "1": "blue", "2": "green", "3": "red", "4": "nir", "5": "swir1", "7": "swir2", "8": "pan",
}  # fmt: skip
_LANDSAT_OLI: dict[str, str] = {
    "1": "coastal", "2": "blue", "3": "green", "4": "red", "5": "nir", "6": "swir1", "7": "swir2",
    "8": "pan",
}  # fmt: skip
_RGBN = ("red", "green", "blue", "nir")
_S2_HEAD = tuple(_SENTINEL2.values())[:9]
_BY_COUNT: dict[int, tuple[str, ...]] = {
    1: ("pan",),
    3: _RGBN[:3],
    4: _RGBN,
    10: (*_S2_HEAD[1:], "swir1", "swir2"),
    12: (*_S2_HEAD, "", "swir1", "swir2"),
    13: (*_S2_HEAD, "", "", "swir1", "swir2"),
}
"""10: the 10 m and 20 m bands of Sentinel-2; 12 and 13: all of them at level 2A and 1C."""
_NUMBER = re.compile(r"(?:^|[^a-z])b(?:and)?[ _.-]*0*(\d{1,2}a?)(?![a-z0-9])")
_WORDS = re.compile(r"[a-z0-9]+")
_THERMAL = re.compile(r"therm|temperature")
_PLANET = re.compile(r"analytic(ms)?(?![a-z])")
"""PlanetScope and SkySat: AnalyticMS_SR, analytic_4b, ssc1_u0001_analytic."""
_LANDSAT_GSD_M = 20.0
"""Band numbers mean Sentinel-2 at finer gsd and Landsat at coarser."""


@dataclass(frozen=True)
class BandFacts:
    """What a file says of itself that tells its bands apart."""

    file_name: str
    descriptions: tuple[str, ...]
    """One for each band that carries an image (alpha is not among them), "" where none."""
    colours: tuple[str, ...]
    """Colour interpretation of the same bands, GDAL's words in lower case."""
    gsd_m: float


def recognise_bands(facts: BandFacts) -> tuple[tuple[str, ...], str]:
    """The role of each band, "" where unknown, and how it was told."""
    for told_by, roles in (
        ("band descriptions", _from_descriptions(facts)),
        ("colour interpretation", _from_colours(facts.colours)),
    ):
        if any(roles):
            return roles, told_by
    count = len(facts.descriptions)
    if count in (4, 8) and _PLANET.search(facts.file_name.lower()):
        head = ("blue", "green", "red", "nir")
        eight = ("coastal", "blue", "", "green", "", "red", "rededge1", "nir")
        return (head if count == 4 else eight), "Planet file name"
    return _BY_COUNT.get(count, ("",) * count), "band count"


def recognise_name(file_name: str, roles: tuple[str, ...]) -> str:
    """The sensor's name, as far as file name and bands tell."""
    stem = file_name.upper()
    if re.search(r"(^|[^A-Z])S2[ABC]([^A-Z]|$)", stem) or {"rededge2", "nir08"} <= set(roles):
        return "sentinel-2"
    if re.search(r"(^|[^A-Z])L[COTE]0?[4-9]", stem):
        return "landsat"
    if "ANALYTICMS" in stem:
        return "planetscope"
    return "unknown"


def _from_descriptions(facts: BandFacts) -> tuple[str, ...]:
    texts = [text.lower() for text in facts.descriptions]
    numbers = [(_NUMBER.search(text) or [None, ""])[1] or "" for text in texts]
    # "Band 1", "Band 2", "Band 3" is what writers put when they know nothing; Landsat's stacks are
    # numbered so too, Sentinel-2's are not: they lack some numbers and have 8A
    in_order = numbers == [str(i + 1) for i in range(len(texts))]
    if in_order and (len(texts) in (1, 3, 4) or facts.gsd_m < _LANDSAT_GSD_M):
        numbers = [""] * len(texts)
    table = _numbering(facts, texts)
    told = [
        "" if _THERMAL.search(text) else _named(text) or table.get(number, "")
        for text, number in zip(texts, numbers, strict=True)
    ]
    # of "green_i" and "green" the plain one is green; of equals, the first
    plain = {role: i for i, role in reversed(list(enumerate(told))) if texts[i] == role}
    first = {role: i for i, role in reversed(list(enumerate(told)))} | plain
    return tuple(role if role and first[role] == i else "" for i, role in enumerate(told))


def _named(text: str) -> str:
    words = _WORDS.findall(text)
    if "".join(words) in _NAMES:
        return _NAMES["".join(words)]
    pairs = [a + b for a, b in pairwise(words)]
    long = [word for word in pairs + words if len(word) > 1 and word in _NAMES]
    return _NAMES[max(long, key=len)] if long else ""


def _numbering(facts: BandFacts, texts: list[str]) -> dict[str, str]:
    if facts.gsd_m < _LANDSAT_GSD_M:
        return _SENTINEL2
    old = any(_THERMAL.search(text) and "6" in text for text in texts)
    if old or re.search(r"(^|[^A-Z])L[TE]0?[457]", facts.file_name.upper()):
        return _LANDSAT_TM
    return _LANDSAT_OLI


def _from_colours(colours: tuple[str, ...]) -> tuple[str, ...]:
    if not {"red", "green", "blue"} <= set(colours):
        return ("",) * len(colours)
    roles = tuple(name if name in ("red", "green", "blue") else "" for name in colours)
    if len(roles) == 4 and roles[:3] == _RGBN[:3] and colours[3] in ("undefined", "nir"):
        return _RGBN
    return roles
