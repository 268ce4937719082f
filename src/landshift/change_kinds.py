"""The few kinds of change that a picture can show, drawn from the 64 from→to codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from landshift.change_map import ChangeMap
from landshift.legend import COVERS, Cover, change_codes, split_code

REPLACED_CODE = 133
"""Building → another building, in `shown_codes` only: on disk it is code 33 like a building that
stayed, and told from it by `ChangeMap.replaced`."""

Hatch = Literal["rising", "falling", "crossed", "level", "upright", "grid", "dots", "none"]


@dataclass(frozen=True)
class ChangeKind:
    """Changes that answer the same question, and how they look in every picture."""

    key: str
    """Short name, safe as an identifier."""
    label: str
    """What people read."""
    codes: tuple[int, ...]
    """From→to codes, and `REPLACED_CODE`."""
    colour: tuple[int, int, int]
    """Red, green, blue 0-255."""
    hatch: Hatch
    """Lines over the colour, so that nobody needs to tell colours apart."""
    strength: float = 1.0
    """Times the opacity that a picture gives to changes, 0-1: what nobody asked about is drawn
    faint, or the colour of a season's change would cover the site."""


_BUILDING, _PAVED, _BARE = (Cover.BUILDING,), (Cover.PAVED,), (Cover.BARE,)
_FARMED = (Cover.CROPLAND, Cover.GREENHOUSE)
_OTHER = tuple(cover for cover in COVERS if cover not in (*_FARMED, Cover.BUILDING))
_SHOWN = (
    *change_codes(COVERS, _BUILDING), *change_codes(_BUILDING, COVERS),
    *change_codes(_FARMED, _PAVED),
    *change_codes((*_FARMED, Cover.WOODY, Cover.HERBACEOUS), _BARE),
)  # fmt: skip

CHANGE_KINDS: tuple[ChangeKind, ...] = (
    ChangeKind("crop_built", "cropland → building", change_codes((Cover.CROPLAND,), _BUILDING),
               (213, 94, 0), "rising"),
    ChangeKind("greenhouse_built", "greenhouse → building",
               change_codes((Cover.GREENHOUSE,), _BUILDING), (204, 121, 167), "crossed"),
    ChangeKind("other_built", "other ground → building", change_codes(_OTHER, _BUILDING),
               (230, 159, 0), "falling"),
    ChangeKind("replaced", "building → another building", (REPLACED_CODE,),
               (150, 60, 20), "upright"),
    ChangeKind("removed", "building removed", change_codes(_BUILDING, COVERS),
               (0, 114, 178), "falling"),
    ChangeKind("farm_paved", "cropland or greenhouse → paved", change_codes(_FARMED, _PAVED),
               (60, 60, 70), "level"),
    ChangeKind("greenhouse_cleared", "greenhouse → bare",
               change_codes((Cover.GREENHOUSE,), _BARE), (0, 158, 115), "grid"),
    ChangeKind("cleared", "cropland or plants → bare",
               change_codes((Cover.CROPLAND, Cover.WOODY, Cover.HERBACEOUS), _BARE),
               (240, 228, 66), "dots"),
    ChangeKind("other", "any other change",
               tuple(c for c in change_codes(COVERS, COVERS) if c not in _SHOWN),
               (86, 180, 233), "none", 0.3),
)  # fmt: skip
"""Every code of a change belongs to exactly one kind. Colours after Okabe and Ito (2008), which
stay apart under the three common kinds of colour blindness."""

KIND_OF_CODE: dict[int, ChangeKind] = {
    code: kind for kind in CHANGE_KINDS for code in kind.codes
}


def shown_codes(changes: ChangeMap) -> NDArray[np.uint8]:
    """Code (row, col) of every pixel that changed inside the aoi, 0 everywhere else."""
    changed = np.zeros(256, np.uint8)
    for code in KIND_OF_CODE:
        changed[code] = code
    codes = changed[changes.codes]
    codes[changes.replaced] = REPLACED_CODE
    return codes


def from_to(code: int) -> tuple[Cover, Cover]:
    """What a shown code was, and what it became."""
    return (Cover.BUILDING, Cover.BUILDING) if code == REPLACED_CODE else split_code(code)
