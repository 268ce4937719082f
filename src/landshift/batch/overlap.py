"""Ground that stands in a list more than once, whose hectares a sum over its sites counts again.

Nothing is taken out of any sum: which of two answers for one piece of ground is the right one, no
list can tell. It is said which sites it is, and of how many hectares.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from pyproj import Geod
from shapely.geometry import Polygon
from shapely.geometry.polygon import orient

from landshift.batch.outcome import Outcome
from landshift.settings import SummarySettings
from landshift.wording import hectare_decimals

_GEOD = Geod(ellps="WGS84")
_SQUARE_METRES_PER_HECTARE = 10_000.0
_MOST_NAMED = 3
"""Overlaps that are told in words; all are in summary.json."""


@dataclass(frozen=True)
class Overlap:
    """Two answered sites that share ground."""

    rows: tuple[int, int]
    """Places in the list, from 0."""
    ids: tuple[str, str]
    hectares: float
    """Of the ground that both outlines hold."""


@dataclass(frozen=True)
class _Ground:
    """What one answered site was asked about."""

    row: int
    id: str
    frame: str
    """Where its outline lies: "" on Earth, else the hash of the picture that it is drawn on."""
    outline: Any
    days: tuple[str, ...]
    """Of both pictures in order of time, ISO; empty where one is not known."""


def find_overlaps(
    rows: Iterable[tuple[Mapping[str, Any], Outcome]], settings: SummarySettings
) -> tuple[Overlap, ...]:
    """Pairs of answered sites that share ground and time, the largest first.

    Sites of one place whose pictures follow on each other are none: what was built before a day
    and what was built after it add up. Outlines that only touch share what their simplification
    leaves; `SummarySettings.least_hectares`, or half of the smaller outline, is needed.
    """
    by_frame: dict[str, list[_Ground]] = {}
    for ground in _grounds(rows):
        by_frame.setdefault(ground.frame, []).append(ground)
    found = [pair for grounds in by_frame.values() for pair in _pairs(grounds, settings)]
    return tuple(sorted(found, key=lambda pair: (-pair.hectares, pair.rows)))


def overlap_words(overlaps: Sequence[Overlap]) -> list[str]:
    """A line for each of the largest, and one for the rest."""
    words = [
        f"{pair.ids[0]} and {pair.ids[1]} share {_told(pair.hectares)} ha: what changed there is "
        "counted twice in every sum over both"
        for pair in overlaps[:_MOST_NAMED]
    ]
    if len(overlaps) > _MOST_NAMED:
        more = len(overlaps) - _MOST_NAMED
        words.append(f"{more} more {'pair' if more == 1 else 'pairs'} of sites "
                     f"{'shares' if more == 1 else 'share'} ground")  # fmt: skip
    return words


def overlaps_by_row(overlaps: Sequence[Overlap]) -> dict[int, str]:
    """What each row's warnings say of the sites that it shares ground with."""
    told: dict[int, list[str]] = {}
    for pair in overlaps:
        for own, other in ((0, 1), (1, 0)):
            words = f"shares {_told(pair.hectares)} ha with {pair.ids[other]}"
            told.setdefault(pair.rows[own], []).append(words)
    return {
        row: "; ".join(words[:_MOST_NAMED])
        + (f"; and with {len(words) - _MOST_NAMED} more" if len(words) > _MOST_NAMED else "")
        for row, words in told.items()
    }


def _told(hectares: float) -> str:
    """Hundredths, and square metres of what small sites share."""
    return f"{hectares:.{hectare_decimals(hectares, SummarySettings.least_hectares)}f}"


def _grounds(rows: Iterable[tuple[Mapping[str, Any], Outcome]]) -> Iterator[_Ground]:
    for row, (listed, outcome) in enumerate(rows):
        digest = outcome.digest
        if digest is None:
            continue
        frame, outline = "", digest["outline"]
        if outline is None:  # of an earlier version's digest nothing is known
            frame, outline = digest.get("local_outline") or ("", None)
        if outline is None:
            continue
        days = tuple(digest[f"{when}_date"] for when in ("before", "after"))
        known = tuple(sorted(days)) if all(days) else ()
        yield _Ground(row, listed["id"], frame, shapely.from_wkb(outline), known)


def _pairs(grounds: Sequence[_Ground], settings: SummarySettings) -> Iterator[Overlap]:
    outlines = np.array([ground.outline for ground in grounds], object)
    tree = shapely.STRtree(outlines)
    own = [_hectares(ground.outline, ground.frame) for ground in grounds]
    for place, one in enumerate(grounds):
        for near in sorted(tree.query(one.outline, "intersects")):
            other = grounds[near]
            if near <= place or _apart(one.days, other.days):
                continue
            both = _hectares(one.outline.intersection(other.outline), one.frame)
            if both >= min(settings.least_hectares, own[place] / 2, own[near] / 2):
                yield Overlap((one.row, other.row), (one.id, other.id), both)


def _apart(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one pair of pictures ends before, or on the day when, the other begins.

    Pictures of one day are no period that another of the same day could follow on.
    """
    return bool(one and other) and one != other and (one[1] <= other[0] or other[1] <= one[0])


def _hectares(geometry: Any, frame: str) -> float:
    """Geodesic on Earth, else of local metres; lines and points have none."""
    parts = [
        part for part in shapely.get_parts(geometry, return_index=False)
        if isinstance(part, Polygon)
    ]  # fmt: skip
    square_m = (
        sum(part.area for part in parts) if frame else
        sum(abs(_GEOD.geometry_area_perimeter(orient(part))[0]) for part in parts)
    )  # fmt: skip
    return float(square_m) / _SQUARE_METRES_PER_HECTARE
