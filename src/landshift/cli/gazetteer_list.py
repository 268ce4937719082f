"""Counties as a site list that batch reads, and as a table for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from landshift.gazetteer import COUNTY_CENTRE, County

_TOWN_RADIUS_M = 3000.0
"""Reach of the search box. Kyongsong's cluster lies 500 m from the station, its greenhouse farm
2.5 km; DOMAIN.md."""
_CENTRE_RADIUS_M = 15_000.0
"""Around a county's centre: 13 of the 15 towns whose place is known lie within that."""
_COLUMNS = ("id", "name", "province", "year", "before", "after", "before_date", "after_date", "lat",
            "lon", "radius_m", "point_is", "doubt", "second_opinion_km", "hangul",
            "location_source")  # fmt: skip


def site_list(counties: Iterable[County], radius_m: float | None) -> str:
    """A CSV whose columns before and after are still to be filled in."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for county in counties:
        reach = radius_m or (_CENTRE_RADIUS_M if county.kind == COUNTY_CENTRE else _TOWN_RADIUS_M)
        place = [county.lat, county.lon, f"{reach:g}"] if county.lat is not None else ["", "", ""]
        second = county.second_opinion_km
        rows.writerow([
            county.id, county.name, county.province, county.year, "", "", "", "", *place,
            county.kind, county.doubt, "" if second is None else second, _hangul(county),
            county.source,
        ])  # fmt: skip
    return text.getvalue()


def print_counties(counties: Iterable[County]) -> None:
    """Name, other spellings, place and doubt of each."""
    table = Table("year", "name", "hangul", "province", "lat", "lon", "the point is", "doubt",
                  box=None, pad_edge=False)  # fmt: skip
    for county in counties:
        place = ("", "") if county.lat is None else (f"{county.lat:.4f}", f"{county.lon:.4f}")
        cells = (str(county.year), county.name, _hangul(county), county.province, *place,
                 county.kind, county.doubt)  # fmt: skip
        table.add_row(*(escape(cell) for cell in cells))
    console = Console(highlight=False)
    console.print(table)
    console.print("GeoNames; open-admin-data/north-korea-administrative-divisions; CC BY 4.0. No "
                  "point is the place of a factory.", soft_wrap=True)  # fmt: skip


def _hangul(county: County) -> str:
    return next((s for s in county.spellings if "가" <= s[:1] <= "힣"), "")
