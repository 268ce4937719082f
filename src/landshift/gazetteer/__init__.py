"""Counties of the 20x10 announcements: where they lie, how they are written, what is doubtful."""

from landshift.gazetteer.counties import (
    COUNTY_CENTRE,
    NO_COORDINATES,
    TOWN,
    County,
    find_counties,
    read_counties,
)

__all__ = [
    "COUNTY_CENTRE",
    "NO_COORDINATES",
    "TOWN",
    "County",
    "find_counties",
    "read_counties",
]
