"""ChangeMap → hectares with 90 % intervals.

The value is a sum of calibrated probabilities times geodesic pixel area, never a count of codes.
The interval is multiplicative: what errs most is a factor (a model that sees 30 % too much sees it
everywhere at a site), hectares are positive, and a symmetric interval of that width would reach
below zero. So the logarithm of the hectares is taken as normal, with the spread of all terms of
SURVEY §4.2 added in quadrature, and what was never seen or is too faint to point at is added to
the upper end alone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from landshift.change_map import REPLACED_TOTALS, TOTALS, ChangeMap
from landshift.legend import COVERS, Cover, transition_code
from landshift.settings import AreaSettings

if TYPE_CHECKING:
    from landshift.alignment import Alignment

_NORMAL_95 = 1.6448536269514722
"""95th percentile of the standard normal: 5 % on either side leave 90 %."""
_SQUARE_METRES_PER_HECTARE = 10_000.0
_LEAST_HECTARES = 1e-12
"""Value taken for zero: a hundredth of a square millimetre."""


@dataclass(frozen=True)
class Hectares:
    """An area and how far it may be off."""

    value: float
    """Expected hectares."""
    low: float
    """Lower end of the 90 % interval, hectares; never below 0."""
    high: float
    """Upper end, hectares; never above the aoi."""
    dominant: str
    """What makes the interval wide, in plain words."""


@dataclass(frozen=True)
class Transition:
    """How much of one cover became another."""

    before: Cover
    after: Cover
    hectares: Hectares


@dataclass(frozen=True)
class Terms:
    """What may be wrong with a sum of hectares; each but the last two a standard deviation."""

    site: float
    """Model error from site to site, hectares."""
    floor: float
    """What is missed or imagined anywhere, hectares."""
    noise: float
    """Pixel noise, errors within a cell taken as one, hectares."""
    edge: float
    """Slivers along outlines through the residual shift, hectares."""
    mixed: float
    """Pixels astride an outline, hectares."""
    faint: float
    """Added to the upper end: change too faint to point at, hectares."""
    unseen: float
    """Added to the upper end: what the unseen part of the aoi may hold, hectares."""

    @property
    def spread(self) -> float:
        """Standard deviation of all but the one-sided terms, hectares."""
        parts = (self.site, self.floor, self.noise, self.edge, self.mixed)
        return float(np.sqrt(sum(part**2 for part in parts)))

    @property
    def dominant(self) -> str:
        """The largest term in plain words."""
        words = {
            "model error from site to site": _NORMAL_95 * self.site,
            "smallest area that can be told": _NORMAL_95 * self.floor,
            "pixel noise": _NORMAL_95 * self.noise,
            "residual shift along outlines": _NORMAL_95 * self.edge,
            "mixed pixels along outlines": _NORMAL_95 * self.mixed,
            "change too faint to point at": self.faint,
            "part of the site that was not seen": self.unseen,
        }
        return max(words, key=lambda word: words[word])


def measure_area(
    changes: ChangeMap, alignment: Alignment, settings: AreaSettings
) -> tuple[tuple[Transition, ...], dict[str, Hectares]]:
    """Hectares of every from→to pair of note, largest first, and of each of `TOTALS`.

    A total is the sum of its pairs, those too small to be listed included; unchanged pairs are
    listed nowhere. Building→building is listed where buildings were replaced, with the hectares
    of the replaced alone.
    """
    table = changes.expected_hectares.sum(axis=(0, 1))
    replaced = float(changes.replaced_hectares.sum())
    transitions = []
    for before, after in ((b, a) for b in COVERS for a in COVERS):
        if before is not after:
            value = float(table[before - 1, after - 1])
            noise = float(changes.noise_hectares[before - 1, after - 1])
            found = Found((transition_code(before, after),), False, value, noise)
        elif before is Cover.BUILDING:
            found = Found((), True, replaced, changes.replaced_noise_hectares)
        else:
            continue
        if found.value >= settings.least_reported_hectares:
            hectares = _hectares(changes, alignment, settings, found)
            transitions.append(Transition(before, after, hectares))
    transitions.sort(key=lambda one: -one.hectares.value)
    totals = {}
    for name, codes in TOTALS.items():
        with_replaced = name in REPLACED_TOTALS
        value = sum_codes(table, codes) + (replaced if with_replaced else 0.0)
        found = Found(codes, with_replaced, value, changes.total_noise_hectares[name])
        totals[name] = _hectares(changes, alignment, settings, found)
    return tuple(transitions), totals


@dataclass(frozen=True)
class Found:
    """A sum of hectares and which codes it belongs to."""

    codes: tuple[int, ...]
    with_replaced: bool
    """Whether buildings replaced by others belong to it."""
    value: float
    """Hectares."""
    noise: float
    """Standard deviation through pixel noise, hectares."""


def sum_codes(table: NDArray[np.float64], codes: Collection[int]) -> float:
    """Sum of the entries of ``table`` (8, 8) that the from→to ``codes`` name."""
    return float(sum(table[code // 10 - 1, code % 10 - 1] for code in codes))


def outline_metres(mask: NDArray[np.bool_], gsd_m: float) -> float:
    """Length of the outlines of ``mask`` (row, col), metres.

    Pixel sides between marked and unmarked pixels times pi / 4, which is right on average over
    directions (Cauchy-Crofton); the rim of the array is no outline.
    """
    sides = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    return float(sides * gsd_m * np.pi / 4)


def _hectares(
    changes: ChangeMap, alignment: Alignment, settings: AreaSettings, found: Found
) -> Hectares:
    terms = _terms(changes, alignment, settings, found)
    low, high = interval(found.value, terms.spread)
    seen = float(changes.seen_hectares.sum())
    unseen = max(changes.aoi_hectares - seen, 0.0)
    # What was seen to change, and a little more, over what was seen: the share that the unseen
    # part may hold. Nothing seen at all leaves everything possible.
    prior = settings.unseen_prior_hectares
    possible = unseen * (min(high, seen) + prior) / (seen + prior)
    terms = replace(terms, unseen=possible)
    high = min(high + terms.faint + terms.unseen, changes.aoi_hectares)
    value = min(found.value, changes.aoi_hectares)
    return Hectares(value, min(low, value), max(high, value), terms.dominant)


def interval(value: float, spread: float) -> tuple[float, float]:
    """5th and 95th percentile of a log-normal with median ``value``.

    ``spread`` is the standard deviation that all terms come to, hectares; its share of the value
    becomes the standard deviation of the logarithm as sqrt(ln(1 + share²)). Where the spread
    passes the value the upper factor grows no more, and value + 1.645 · spread is taken if that
    is more: where nothing was found there is still an upper end.
    """
    reach = value + _NORMAL_95 * spread
    if value <= _LEAST_HECTARES:
        return 0.0, reach
    share = spread / value
    lower, upper = (np.sqrt(np.log1p(s**2)) for s in (share, min(share, 1.0)))
    high = value * float(np.exp(_NORMAL_95 * upper))
    return value * float(np.exp(-_NORMAL_95 * lower)), max(high, reach) if share > 1.0 else high


def _terms(changes: ChangeMap, alignment: Alignment, settings: AreaSettings, found: Found) -> Terms:
    gsd_m = changes.grid.gsd_m
    mask = np.isin(changes.codes, found.codes)
    if found.with_replaced:
        mask |= changes.replaced
    outline_m = outline_metres(mask, gsd_m)
    shift_m = alignment.residual_rms_m if np.isfinite(alignment.residual_rms_m) else 0.0
    relative = next((e for most, e in settings.site_error if gsd_m <= most), 1.0)
    seen = float(changes.seen_hectares.sum())
    return Terms(
        site=relative * found.value,
        # No more can be missed than was looked at.
        floor=min(settings.floor_hectares, seen),
        noise=found.noise,
        # Mean width of a convex shape is outline / pi (Cauchy): that much lies beside it.
        edge=settings.edge_share * shift_m * outline_m / np.pi / _SQUARE_METRES_PER_HECTARE,
        # Independent half-pixel errors along the outline.
        mixed=gsd_m * np.sqrt(outline_m * gsd_m / 12) / _SQUARE_METRES_PER_HECTARE,
        faint=settings.faint_share * sum_codes(changes.faint_hectares, found.codes),
        unseen=0.0,
    )
