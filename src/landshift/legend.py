"""The eight kinds of land cover, their codes and colours, and the from→to codes made of them."""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum


class Cover(IntEnum):
    """What the ground carries; the value is the code on disk."""

    CROPLAND = 1
    """A field in any season: green, ripe, ploughed, flooded, under snow; not an orchard."""
    GREENHOUSE = 2
    """Tunnels and multi-span houses, with film or as a bare frame."""
    BUILDING = 3
    """Roofs, and frames of buildings that are going up."""
    BARE = 4
    """Cleared, dumped or trampled ground without rows; a stage, not yet a use."""
    PAVED = 5
    """Roads, yards and other sealed or graded ground."""
    WOODY = 6
    """Trees and shrubs, single, in stands or in the rows of an orchard with the ground between
    them. ESA WorldCover 2021 (doi:10.5281/zenodo.7254221) draws the line there: tree cover is from
    10 % on, planted rows with it, and cropland is what is sown or planted for a year."""
    HERBACEOUS = 7
    """Grass, weeds, lawn."""
    WATER = 8
    """Rivers, ponds, fish ponds; not a flooded paddy."""

    @property
    def label(self) -> str:
        """The name as it stands in reports."""
        return self.name.lower()


COVERS: tuple[Cover, ...] = tuple(Cover)
"""In the order of the class axis of every probability array."""

NOT_SEEN = 0
"""Code of a pixel that one of the pictures does not show."""
OUTSIDE = 255
"""Code of a pixel outside the aoi."""

COLOURS: dict[Cover, tuple[int, int, int]] = {
    Cover.CROPLAND: (230, 214, 120),
    Cover.GREENHOUSE: (120, 200, 235),
    Cover.BUILDING: (213, 60, 50),
    Cover.BARE: (196, 164, 132),
    Cover.PAVED: (130, 130, 135),
    Cover.WOODY: (40, 110, 60),
    Cover.HERBACEOUS: (150, 195, 110),
    Cover.WATER: (50, 90, 170),
}
"""Red, green, blue 0-255 of each class in every picture and colour table."""


def transition_code(before: Cover | int, after: Cover | int) -> int:
    """The uint8 code of a from→to pair: 10 · before + after."""
    return 10 * int(before) + int(after)


def change_codes(before: Collection[Cover], after: Collection[Cover]) -> tuple[int, ...]:
    """The codes of every change from one of ``before`` to one of ``after``, row by row."""
    return tuple(transition_code(b, a) for b in before for a in after if b is not a)


def split_code(code: int) -> tuple[Cover, Cover]:
    """The from→to pair that ``code`` stands for.

    Raises
    ------
    ValueError
        When ``code`` is no transition (0 and 255 among others).
    """
    return Cover(code // 10), Cover(code % 10)


TRANSITION_CODES: tuple[int, ...] = tuple(
    transition_code(before, after) for before in COVERS for after in COVERS
)
"""All 64 codes, row by row of the from→to table."""


def transition_colour(code: int) -> tuple[int, int, int]:
    """Red, green, blue of a from→to code: the new cover's colour, pale where nothing changed."""
    before, after = split_code(code)
    colour = COLOURS[after]
    if before is after:
        return (170 + colour[0] // 3, 170 + colour[1] // 3, 170 + colour[2] // 3)
    return colour


def code_label(code: int) -> str:
    """What a land-cover or from→to code stands for, in words."""
    if code > 10:
        before, after = split_code(code)
        return f"{before.label} → {after.label}"
    return Cover(code).label
