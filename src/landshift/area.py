"""ChangeMap → hectares with 90 % intervals.

The value is a sum of calibrated probabilities times geodesic pixel area, never a count of codes.
The interval is a factor: what errs most is a model that sees 30 % too much everywhere at a site,
hectares are positive, and a symmetric interval of that width would reach below zero. So the
logarithm of the hectares, plus the smallest area that is told from none, is taken as normal: where
next to nothing was found the interval reaches 0, where much was found it is a factor. Its spread is
that of all terms of SURVEY §4.2 in quadrature; what was never seen or is too faint to point at is
added to the upper end alone.

How far a model is off at a site that it never saw depends on the site, and the answer itself tells
something of it: doubt inside the changed regions, doubt over the whole map, faint change beside
them, a doubtful alignment, little change in all (`Clues`). Their weights are fitted to sites of
known truth (``benchmarks/hectares.py fit``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from landshift.change_map import MIRRORED_TOTALS, REPLACED_TOTALS, TOTALS, ChangeMap
from landshift.legend import COVERS, Cover, transition_code
from landshift.settings import UTM_SLACK, AreaSettings

if TYPE_CHECKING:
    from landshift.alignment import Alignment

Floats = NDArray[np.float64]
"""One number, or an array of one for each of many sites."""

_NORMAL_95 = 1.6448536269514722
"""95th percentile of the standard normal: 5 % on either side leave 90 %."""
_SQUARE_METRES_PER_HECTARE = 10_000.0
_DECIMALS = 4
"""Of hectares in a report: one square metre."""
_CLUE_DECIMALS = 6
_LEAST_HECTARES = 1e-12
"""Value taken for zero: a hundredth of a square millimetre."""


@dataclass(frozen=True)
class Hectares:
    """An area and how far it may be off, each number to a square metre."""

    value: float
    """Expected hectares."""
    low: float
    """Lower end of the 90 % interval, hectares; never below 0."""
    high: float
    """Upper end, hectares; never above the aoi, to a square metre as well."""
    dominant: str
    """What makes the interval wide, in plain words."""
    clues: Clues | None = None
    """What the interval was made from."""

    def numbers(self) -> dict[str, float]:
        """Value and interval, rounded to a square metre."""
        return _rounded(self.value, self.low, self.high)

    def as_json(self, with_clues: bool = False) -> dict[str, Any]:
        """Plain values; with the clues, the interval can be made anew and its weights fitted."""
        told: dict[str, Any] = {**self.numbers(), "dominant": self.dominant}
        if with_clues and self.clues is not None:
            clues = self.clues.as_dict().items()
            told["clues"] = {name: round(number, _CLUE_DECIMALS) for name, number in clues}
        return told


def _rounded(value: float, low: float, high: float) -> dict[str, float]:
    numbers = {"hectares": value, "low": low, "high": high}
    # + 0.0: a little less than nothing is not written as -0.0
    return {name: round(number, _DECIMALS) + 0.0 for name, number in numbers.items()}


@dataclass(frozen=True, eq=False)
class Clues:
    """What an answer itself tells of how far it may be off; of one sum, or of many at once."""

    value: Floats
    """Expected hectares."""
    noise: Floats
    """Standard deviation through pixel noise, hectares."""
    faint: Floats
    """Change of the same kind too faint to point at, hectares."""
    outline_m: Floats
    """Length of the outlines of the regions that say so, metres."""
    unsure: Floats
    """1 less the mean probability of the pixels that say so, 0-1; 0 where none does."""
    doubt: Floats
    """1 less the mean probability of the codes over all that was seen, 0-1."""
    doubtful: Floats
    """1 where the alignment is doubtful or failed, else 0."""
    building: Floats
    """Share of the value, 0-1, that belongs to pairs with a building on one date."""
    shift_m: Floats
    """Residual shift, metres."""
    gsd_m: Floats
    """Side of a pixel, metres."""
    seen: Floats
    """Hectares of the aoi that both pictures show."""
    aoi: Floats
    """Hectares of the aoi."""

    def as_dict(self) -> dict[str, float]:
        """One sum's clues as plain numbers."""
        return {one.name: float(getattr(self, one.name)) for one in fields(self)}


@dataclass(frozen=True)
class Balance:
    """How much of one cover was gained and lost, and what is left of both."""

    cover: Cover
    gained: Hectares
    """Hectares that became it."""
    lost: Hectares
    """Hectares that ceased to be it."""
    net: float
    """Gained less lost, hectares."""
    net_low: float
    """Lower end of its 90 % interval, both errors taken as independent."""
    net_high: float

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "cover": self.cover.label,
            "gained": self.gained.as_json(),
            "lost": self.lost.as_json(),
            "net": _rounded(self.net, self.net_low, self.net_high),
        }


@dataclass(frozen=True)
class Transition:
    """How much of one cover became another."""

    before: Cover
    after: Cover
    hectares: Hectares


@dataclass(frozen=True, eq=False)
class Terms:
    """What may be wrong with a sum of hectares; each but the last two a standard deviation."""

    site: Floats
    """Model error from site to site, hectares."""
    floor: Floats
    """What is missed or imagined anywhere, hectares."""
    noise: Floats
    """Pixel noise, errors within a cell taken as one, hectares."""
    edge: Floats
    """Slivers along outlines through the residual shift, hectares."""
    mixed: Floats
    """Pixels astride an outline, hectares."""
    faint: Floats
    """Added to the upper end: change too faint to point at, hectares."""
    unseen: Floats
    """Added to the upper end: what the unseen part of the aoi may hold, hectares."""

    @property
    def spread(self) -> Floats:
        """Standard deviation of all but the one-sided terms, hectares."""
        parts = (self.site, self.floor, self.noise, self.edge, self.mixed)
        return np.asarray(np.sqrt(sum(part**2 for part in parts)))

    @property
    def dominant(self) -> str:
        """The largest term of one sum in plain words."""
        words = {
            "model error from site to site": _NORMAL_95 * self.site,
            "smallest area that can be told": _NORMAL_95 * self.floor,
            "pixel noise": _NORMAL_95 * self.noise,
            "residual shift along outlines": _NORMAL_95 * self.edge,
            "mixed pixels along outlines": _NORMAL_95 * self.mixed,
            "change too faint to point at": self.faint,
            "part of the site that was not seen": self.unseen,
        }
        return max(words, key=lambda word: float(words[word]))


def measure_area(
    changes: ChangeMap, alignment: Alignment, settings: AreaSettings
) -> tuple[tuple[Transition, ...], dict[str, Hectares]]:
    """Hectares of every from→to pair of note, largest first, and of each of `TOTALS`.

    A total is the sum of its pairs, those too small to be listed included; unchanged pairs are
    listed nowhere. Building→building is listed where buildings were replaced, with the hectares
    of the replaced alone. Neither end of a pair's interval lies above that of a total it belongs
    to, in either order of the pictures: a part is never more than its whole.
    """
    table = changes.expected_hectares.sum(axis=(0, 1))
    replaced = float(changes.replaced_hectares.sum())
    own, mirrored = (
        {
            name: _hectares(changes, alignment, settings, _sum(name, codes, noise, table, replaced))
            for name, codes in whole.items()
        }
        for whole, noise in (
            (TOTALS, changes.total_noise_hectares),
            (MIRRORED_TOTALS, changes.mirrored_noise_hectares),
        )
    )
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
            wholes = [
                whole[name]
                for whole, codes in ((own, TOTALS), (mirrored, MIRRORED_TOTALS))
                for name in whole
                if (name in REPLACED_TOTALS if found.with_replaced
                    else found.codes[0] in codes[name])
            ]  # fmt: skip
            low, high = (
                min(getattr(one, end) for one in (hectares, *wholes)) for end in ("low", "high")
            )
            transitions.append(Transition(before, after, replace(hectares, low=low, high=high)))
    transitions.sort(key=lambda one: -one.hectares.value)
    return tuple(transitions), own


def _sum(
    name: str, codes: tuple[int, ...], noise: Mapping[str, float], table: NDArray[np.float64],
    replaced: float,
) -> Found:  # fmt: skip
    """A total, or what it would be were the pictures swapped."""
    with_replaced = name in REPLACED_TOTALS
    value = sum_codes(table, codes) + (replaced if with_replaced else 0.0)
    return Found(codes, with_replaced, value, noise[name])


def measure_balance(
    changes: ChangeMap, alignment: Alignment, settings: AreaSettings
) -> tuple[Balance, ...]:
    """Hectares gained, lost and left of both, of each cover of which there is anything of note.

    Gained and lost are gross: a field that became bare while bare ground became a field counts in
    both. Buildings replaced by others are neither.
    """
    table = changes.expected_hectares.sum(axis=(0, 1))
    balances = []
    for cover in COVERS:
        others = [other for other in COVERS if other is not cover]
        gained, lost = (
            _hectares(changes, alignment, settings, _found(changes, table, codes))
            for codes in (
                tuple(transition_code(other, cover) for other in others),
                tuple(transition_code(cover, other) for other in others),
            )
        )
        if max(gained.value, lost.value) < settings.least_reported_hectares:
            continue
        net = gained.value - lost.value
        down = np.hypot(gained.value - gained.low, lost.high - lost.value)
        up = np.hypot(gained.high - gained.value, lost.value - lost.low)
        balances.append(Balance(cover, gained, lost, net, float(net - down), float(net + up)))
    return tuple(balances)


def _found(changes: ChangeMap, table: NDArray[np.float64], codes: tuple[int, ...]) -> Found:
    """The sum of some pairs; their pixel noise taken as independent, for pairs exclude each other.

    The variance of a sum of outcomes that exclude each other is never above the sum of theirs.
    What is also a total, in one order of the pictures or the other, has the noise of that: one
    quantity has one interval.
    """
    noise = float(np.sqrt(sum_codes(changes.noise_hectares**2, codes)))
    for whole, known in (
        (TOTALS, changes.total_noise_hectares),
        (MIRRORED_TOTALS, changes.mirrored_noise_hectares),
    ):
        for name in whole:
            if name not in REPLACED_TOTALS and set(whole[name]) == set(codes):
                noise = known[name]
    return Found(codes, False, sum_codes(table, codes), noise)


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
    clues = find_clues(changes, alignment, found)
    low, high, terms = ends(clues, settings)
    value = min(found.value, changes.aoi_hectares)
    told = _rounded(value, min(float(low), value), max(float(high), value))
    # To a square metre once and for all: a number that is written so, and one that is printed of
    # what had not been, may differ in the second decimal.
    return Hectares(told["hectares"], told["low"], told["high"], terms.dominant, clues)


def find_clues(changes: ChangeMap, alignment: Alignment, found: Found) -> Clues:
    """What a comparison tells of how far one of its sums may be off."""
    mask = np.isin(changes.codes, found.codes)
    if found.with_replaced:
        mask |= changes.replaced
    seen = (changes.codes > 0) & (changes.codes < 255)
    shift_m = alignment.residual_rms_m if np.isfinite(alignment.residual_rms_m) else 0.0
    given = {
        "value": found.value,
        "noise": found.noise,
        "faint": sum_codes(changes.faint_hectares, found.codes),
        "outline_m": outline_metres(mask, changes.grid.gsd_m),
        "unsure": 1.0 - _mean(changes.probability, mask),
        "doubt": 1.0 - _mean(changes.probability, seen),
        "doubtful": float(alignment.verdict != "good"),
        "building": _building_share(changes, found),
        "shift_m": shift_m,
        "gsd_m": changes.grid.gsd_m,
        "seen": float(changes.seen_hectares.sum()),
        "aoi": changes.aoi_hectares,
    }
    return Clues(**{name: np.array(number, np.float64) for name, number in given.items()})


def _building_share(changes: ChangeMap, found: Found) -> float:
    """Share of the value that has a building on one date; of none, whether all of it would."""
    others = tuple(code for code in found.codes if Cover.BUILDING not in divmod(code, 10))
    if found.value <= _LEAST_HECTARES or not others:
        return float(not others)
    ground = sum_codes(changes.expected_hectares.sum(axis=(0, 1)), others)
    return 1.0 - min(ground / found.value, 1.0)


def _mean(probability: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Mean over the pixels of ``mask``; 1 where there are none, for none is unsure."""
    return float(probability[mask].mean(dtype=np.float64)) if mask.any() else 1.0


def ends(clues: Clues, settings: AreaSettings) -> tuple[Floats, Floats, Terms]:
    """Both ends of the 90 % interval, hectares, and the terms they come from."""
    terms = _terms(clues, settings)
    low, _ = interval(clues.value, terms.spread, terms.floor)
    of_buildings, of_ground = settings.upper_share
    upper_share = of_ground + clues.building * (of_buildings - of_ground)
    _, high = interval(clues.value, upper_share * terms.spread, terms.floor)
    low, high = np.clip(low, 0.0, clues.value), np.maximum(high, clues.value)
    unseen = np.maximum(clues.aoi - clues.seen, 0.0)
    # What was seen to change, and a little more, over what was seen: the share that the unseen
    # part may hold. Nothing seen at all leaves everything possible.
    prior = settings.unseen_prior_hectares
    possible = unseen * (np.minimum(high, clues.seen) + prior) / (clues.seen + prior)
    terms = replace(terms, unseen=possible)
    return low, np.minimum(high + terms.faint + possible, clues.aoi), terms


def interval(
    value: float | Floats, spread: float | Floats, floor: float | Floats = 0.0
) -> tuple[Floats, Floats]:
    """5th and 95th percentile of a log-normal with median ``value``, moved by ``floor``.

    ``spread`` is the standard deviation that all terms come to, hectares. Its share of value and
    floor becomes the standard deviation of the logarithm of both together as sqrt(ln(1 + share²)).
    The floor makes a factor of what is large and a sum of what is small, as the variance of a count
    does with "started logs" (Tukey 1977, Exploratory Data Analysis, chapter 3), and lets the lower
    end be 0. Where the spread passes the value the upper factor grows no more, and
    value + 1.645 · spread is taken if that is more: where nothing was found there is still an upper
    end.
    """
    reach = value + _NORMAL_95 * np.asarray(spread)
    started = np.maximum(value + np.asarray(floor), _LEAST_HECTARES)
    share = spread / started
    lower, upper = (np.sqrt(np.log1p(s**2)) for s in (share, np.minimum(share, 1.0)))
    low = np.maximum(started * np.exp(-_NORMAL_95 * lower) - floor, 0.0)
    high = started * np.exp(_NORMAL_95 * upper) - floor
    high = np.where(share > 1.0, np.maximum(high, reach), high)
    nothing = np.asarray(value) + floor <= _LEAST_HECTARES
    return np.where(nothing, 0.0, low), np.where(nothing, reach, high)


def site_error(clues: Clues, settings: AreaSettings) -> Floats:
    """How far the model is off from site to site, as a share of the hectares.

    Of a sum of both, errors of what a building is part of and of other ground are taken to have
    nothing to do with each other.
    """
    of_buildings, of_ground, _ = _step(clues, settings)
    error = np.hypot(clues.building * of_buildings, (1.0 - clues.building) * of_ground)
    told = np.maximum(clues.value + floor_hectares(clues, settings), _LEAST_HECTARES)
    weights = settings.clue_weights
    logarithm = (
        weights.unsure * clues.unsure
        + weights.doubt * clues.doubt
        + weights.faint * np.log1p(clues.faint / told)
        + weights.doubtful * clues.doubtful
        + weights.size * np.log1p(clues.value / settings.typical_hectares)
    )
    least, most = settings.site_error_range
    return np.asarray(np.clip(error * np.exp(logarithm), least, most))


def _step(clues: Clues, settings: AreaSettings) -> tuple[Floats, Floats, Floats]:
    """What `AreaSettings.site_error` says for these pixel sizes: buildings, ground, faint."""
    _, buildings, ground, faint = np.array(settings.site_error)[step_of(clues, settings)].T
    return buildings, ground, faint


def step_of(clues: Clues, settings: AreaSettings) -> NDArray[np.intp]:
    """Place in `AreaSettings.site_error` of these pixel sizes, wherever in their UTM zone."""
    limits = [limit * (1.0 + UTM_SLACK) for limit, *_ in settings.site_error]
    return np.minimum(np.searchsorted(limits, clues.gsd_m), len(limits) - 1)


def floor_hectares(clues: Clues, settings: AreaSettings) -> Floats:
    """Hectares that are not told from none; no more can be missed than was looked at.

    Finds that have nothing to do with each other add up as the root of the area. The aoi counts,
    seen or not, so that what hides nothing but ground never makes an answer surer.
    """
    pixels = settings.floor_px * clues.gsd_m**2 / _SQUARE_METRES_PER_HECTARE
    chance = settings.floor_hectares * np.sqrt(clues.aoi)
    return np.minimum(np.maximum(chance, pixels), clues.seen)


def _terms(clues: Clues, settings: AreaSettings) -> Terms:
    outline_m, gsd_m = clues.outline_m, clues.gsd_m
    return Terms(
        site=site_error(clues, settings) * clues.value,
        floor=floor_hectares(clues, settings),
        noise=clues.noise,
        # Mean width of a convex shape is outline / pi (Cauchy): that much lies beside it.
        edge=clues.shift_m * outline_m / np.pi / _SQUARE_METRES_PER_HECTARE,
        # Independent half-pixel errors along the outline.
        mixed=gsd_m * np.sqrt(outline_m * gsd_m / 12) / _SQUARE_METRES_PER_HECTARE,
        faint=_step(clues, settings)[2] * clues.faint,
        unseen=np.zeros_like(clues.value),
    )
