"""The packaged table of counties as values, and looking them up."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from landshift.errors import SiteError
from landshift.gazetteer.spelling import folded, is_hangul, sound_keys

TOWN = "town"
COUNTY_CENTRE = "county centre only"
NO_COORDINATES = "no coordinates"
_AS_PRINTED = {"Musan": ("Mushin",), "Unnyul": ("Eunyul",), "Ragwon": ("Nakwon", "Rakwon")}
"""Spellings that were printed and that no rule or source gives."""
_FAR_KM = 10.0
"""Distance to a second source from which a county's centre needs another look."""


@dataclass(frozen=True)
class County:
    """A county or city that an announcement names."""

    year: int
    """Of the announcement."""
    name: str
    """As the announcement's readers write it most."""
    spellings: tuple[str, ...]
    """All others, in any script."""
    province: str
    lat: float | None
    """Degrees; None where unknown."""
    lon: float | None
    kind: str
    """What the point is: "town", "county centre only" or "no coordinates"."""
    second_opinion_km: float | None
    """Distance to where another source puts the county."""
    doubt: str
    """What is not certain, in plain words; empty where nothing speaks against it."""
    source: str
    """Source and licence of the row."""

    @property
    def id(self) -> str:
        """Short, safe as a file name, and unlike that of any other row."""
        words = f"{self.name} {self.province}" if "homonym" in self.doubt else self.name
        return "-".join([*words.lower().split(), str(self.year)])


@lru_cache(maxsize=1)
def read_counties() -> tuple[County, ...]:
    """All rows of the packaged table, in its order."""
    table = resources.files("landshift.gazetteer").joinpath("counties.csv")
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    bare = [row["name"].partition(" (")[0] for row in rows]
    return tuple(_county(row, bare.count(name) > 1) for row, name in zip(rows, bare, strict=True))


def find_counties(names: Iterable[str], years: Iterable[int] = ()) -> tuple[County, ...]:
    """The counties so called, under any spelling; all where no name is given.

    A name that several counties share finds them all.

    Raises
    ------
    SiteError
        When there is none of that name.
    """
    wanted_years = set(years)
    counties = [c for c in read_counties() if not wanted_years or c.year in wanted_years]
    found: dict[County, None] = {}
    wanted = list(names)
    for name in wanted:
        found |= dict.fromkeys(_called(name, counties))
    return tuple(found) if wanted else tuple(counties)


def _called(name: str, counties: list[County]) -> list[County]:
    text = folded(name)
    as_written = [c for c in counties if text in {folded(s) for s in (c.name, *c.spellings)}]
    if as_written and is_hangul(text):
        return as_written  # the one writing that has no homonyms here
    keys = sound_keys(name)
    alike = [c for c in counties if any(keys & sound_keys(s) for s in (c.name, *c.spellings))]
    found = list(dict.fromkeys([*as_written, *alike]))
    if not found:
        by_key = {key: c.name for c in counties for key in sound_keys(c.name)}
        near = difflib.get_close_matches(min(keys, default=""), by_key, 3)
        hint = f"; alike are {', '.join(by_key[key] for key in near)}" if near else ""
        raise SiteError(f"no announced county is called {name[:60]!r}{hint}")
    return found


def _county(row: dict[str, str], homonym: bool) -> County:
    name, _, _ = row["name"].partition(" (")
    kind = TOWN if "town point" in row["kind"] else COUNTY_CENTRE if row["lat"] else NO_COORDINATES
    second = float(row["km_to_second_opinion"]) if row["km_to_second_opinion"] else None
    spellings = [s for s in row["alt_names"].split(";") if s and s != name]
    return County(
        year=int(row["programme"]),
        name=name,
        spellings=tuple(dict.fromkeys([*spellings, *_AS_PRINTED.get(name, ())])),
        province=row["province"],
        lat=float(row["lat"]) if row["lat"] else None,
        lon=float(row["lon"]) if row["lon"] else None,
        kind=kind,
        second_opinion_km=second,
        doubt="; ".join(_doubts(row, kind, second, homonym)),
        source=row["source_and_licence"],
    )


def _doubts(row: dict[str, str], kind: str, second: float | None, homonym: bool) -> list[str]:
    doubts = []
    if kind == NO_COORDINATES:
        doubts.append(row["kind"].strip('"'))
    if kind == COUNTY_CENTRE:
        doubts.append("the point is the county's middle; the town lies 1 to 27 km from it")
        if second is not None and second > _FAR_KM:
            doubts.append(f"a second source puts it {second:.0f} km away: look again")
    if kind != NO_COORDINATES and second is None:
        doubts.append("one source alone")
    if homonym:
        doubts.append("a homonym: two counties are written so, check which is meant")
    return doubts
