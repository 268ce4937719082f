"""Is this pair fit to answer? Judged before any hectare is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from landshift.colour import (
    agreeing_order,
    full_scale,
    infrared_apart,
    is_grey,
    measure_snow,
    saturation,
    shadowed_shares,
    snow_share,
)
from landshift.raster import Raster
from landshift.settings import FitnessSettings, is_up_to

if TYPE_CHECKING:
    from landshift.alignment import Alignment

Mask = NDArray[np.bool_]
Verdict = Literal["ok", "caution", "refuse"]

_VISIBLE = ("red", "green", "blue", "pan")
_PURE_PIXELS = 3.0
"""Pixels that the narrow side of an object must span; SURVEY §4.3."""
_VEIL_WINDOW_M = 8.0
"""Side of the windows in which something is dark wherever nothing veils it: a shadow, a gap."""
_DARKEST = 0.02
"""Added to brightness over full scale before contrast is divided by it: the noise of black."""
_BLOCK_PX = 8
"""Side of the blocks whose edges are compared. Of 43 real pairs (LEVIR-CD, FOTBCD, DSIFN,
Beijing/Toulouse, 0.2-2 m) nine in ten agree at 0.17 and more there, of unrelated pictures nine in
ten at 0.08 or less; pixel by pixel both overlap, for roofs lean and leaves move. WHU pairs, open
ground turned into town, do not agree either, and are cautioned."""
_LEAST_BLOCKS = 100
"""Blocks below which smaller ones are compared: so few agree by chance at 0.1."""


@dataclass(frozen=True)
class Fitness:
    """Whether a pair can answer, and why not."""

    verdict: Verdict
    """ok: nothing against it; caution: an answer with a caution; refuse: no answer."""
    reasons: tuple[str, ...]
    """In plain words with numbers, the gravest first; empty where the verdict is ok."""


@dataclass(frozen=True)
class Finding:
    """One thing that speaks against a pair."""

    refuses: bool
    reason: str


def judge_fitness(
    before: Raster, after: Raster, alignment: Alignment, inside: Mask, settings: FitnessSettings,
    clouds: tuple[Mask, ...] = (), doubts: tuple[str, ...] = (),
) -> Fitness:  # fmt: skip
    """Judge two aligned pictures of one grid over the aoi, ``inside`` (row, col).

    ``before`` is expected where the alignment has put it, both with their own values and without
    the ``clouds`` that were found in each, (row, col); none, where nobody looked for any. Each of
    the ``doubts`` that reading them left is a caution.
    """
    if not before.grid == after.grid or before.grid.shape != inside.shape:
        raise ValueError("pictures and aoi lie on different grids")
    count = int(inside.sum())
    if count < settings.refuse_pixels:
        told = f"the aoi holds {count} {'pixel' if count == 1 else 'pixels'} of "
        told += f"{before.grid.gsd_m:.2f} m; allowed are {settings.refuse_pixels} and more"
        return Fitness("refuse", (told,))
    seen = inside & before.valid & after.valid
    findings = [
        *(Finding(False, doubt) for doubt in doubts),
        *_clouds(clouds, inside),
        *_seen_share(before, after, inside, settings),
        *_alignment(alignment, before.grid.gsd_m, settings),
        *_gsd(before.grid.gsd_m, settings),
        *_season(before, after, settings),
    ]
    if seen.any():
        findings += _picture("before", before, inside & before.valid, settings)
        findings += _picture("after", after, inside & after.valid, settings)
        findings += _veil(before, after, before.valid & after.valid, settings)
        findings += judge_snow(before, after, inside, settings)
        findings += _colours(before, after, inside, settings)
        findings += _shadows(before, after, settings)
        findings += _agreement(before, after, seen, settings)
    findings.sort(key=lambda finding: not finding.refuses)
    verdict: Verdict = "ok"
    if findings:
        verdict = "refuse" if findings[0].refuses else "caution"
    return Fitness(verdict, tuple(finding.reason for finding in findings))


def _beside(found: float, limit: float, digits: int, kind: str = "f") -> tuple[str, str]:
    """Both as words, with the digits that tell them apart: 94.96 % is not the 95 % that it lacks.

    From ``digits`` on, ``kind`` being "f" or "%".
    """
    for more in range(digits, digits + 4):
        words = f"{found:.{more}{kind}}", f"{limit:.{more}{kind}}"
        if words[0] != words[1]:
            break
    return words


def _clouds(clouds: tuple[Mask, ...], inside: Mask) -> list[Finding]:
    findings = []
    for when, hidden in zip(("before", "after"), clouds, strict=False):
        if hidden.any():
            share = float(hidden[inside].mean())
            where = f"hides {share:.0%} of the site" if share >= 0.005 else "lies beside the site"
            reason = f"cloud or snow {where} in the {when} picture; thin parts may be left"
            findings.append(Finding(False, reason))
    return findings


def _seen_share(
    before: Raster, after: Raster, inside: Mask, settings: FitnessSettings
) -> list[Finding]:
    total = int(inside.sum())
    shares = [
        float((inside & valid).sum()) / total
        for valid in (before.valid, after.valid, before.valid & after.valid)
    ]
    if shares[2] >= settings.caution_seen_share:
        return []
    refuses = shares[2] < settings.refuse_seen_share
    limit = settings.refuse_seen_share if refuses else settings.caution_seen_share
    both, least = _beside(shares[2], limit, 0, "%")
    return [
        Finding(
            refuses,
            f"both pictures show {both} of the site (before {shares[0]:.0%}, "
            f"after {shares[1]:.0%}); {'needed' if refuses else 'better'} is {least}",
        )
    ]


def _alignment(alignment: Alignment, gsd_m: float, settings: FitnessSettings) -> list[Finding]:
    because = f": {alignment.reason}" if alignment.reason else ""
    findings = []
    if alignment.verdict == "failed":
        # a residual is stated only where the pictures were left in their common frame on purpose
        unmoved = bool(np.isfinite(alignment.residual_rms_m))
        left = "; they are compared as they came, "
        left += f"perhaps {alignment.residual_rms_m:.1f} m apart"
        text = f"the pictures could not be co-registered{because}"
        return [Finding(not unmoved, text + left if unmoved else text)]
    if alignment.verdict == "doubtful":
        findings.append(Finding(False, f"co-registration is doubtful{because}"))
    residual_m = alignment.residual_rms_m
    if not np.isfinite(residual_m):
        return findings
    most_m = max(settings.refuse_residual_m, settings.refuse_residual_px * gsd_m)
    found, most = _beside(residual_m, most_m, 1)
    text = f"{found} m of shift remain between the pictures ({residual_m / gsd_m:.1f} px)"
    if residual_m > most_m:
        findings.append(Finding(True, f"{text}; the most allowed is {most} m"))
    elif residual_m > settings.caution_residual_px * gsd_m:
        findings.append(Finding(False, text))
    return findings


def _gsd(gsd_m: float, settings: FitnessSettings) -> list[Finding]:
    if not is_up_to(gsd_m, settings.refuse_gsd_m):
        side, widest = _beside(gsd_m, settings.refuse_gsd_m, 0)
        return [
            Finding(
                True,
                f"a pixel is {side} m wide; the widest allowed is {widest}",
            )
        ]
    least_m = _PURE_PIXELS * gsd_m
    if least_m > settings.smallest_side_m:
        return [
            Finding(
                False,
                f"at {gsd_m:.1f} m a pixel, only objects of {least_m:.0f} m and wider are told "
                f"apart; smaller ones count as parts of pixels",
            )
        ]
    return []


def _season(before: Raster, after: Raster, settings: FitnessSettings) -> list[Finding]:
    if before.date is None or after.date is None:
        return []
    findings = []
    if after.date < before.date:
        findings.append(
            Finding(False, f"the after picture ({after.date}) is older than the before picture "
                    f"({before.date})")
        )  # fmt: skip
    one, other = (day_of_year(day) for day in (before.date, after.date))
    days = min(abs(one - other), 365 - abs(one - other))
    if days > settings.caution_season_days:
        findings.append(
            Finding(
                False,
                f"the pictures are {days} days of the year apart ({before.date}, {after.date}); "
                f"fields look different for their season alone",
            )
        )
    return findings


def day_of_year(day: date) -> int:
    """The place of a day in a year without 29 February, which is the 28th here.

    Else all days from March on, and the turn of the year, lie a day off in leap years.
    """
    late = day.month == 2 and day.day == 29
    return date(2001, day.month, 28 if late else day.day).timetuple().tm_yday


def _visible(raster: Raster) -> NDArray[np.float32]:
    """The bands that an eye would see, (band, row, col); all bands where none says so."""
    roles = tuple(role for role in _VISIBLE if role in raster.sensor.bands)
    return raster.select(roles) if roles else raster.bands


def _picture(when: str, raster: Raster, seen: Mask, settings: FitnessSettings) -> list[Finding]:
    values = _visible(raster)[:, seen] / full_scale(raster)
    brightest = values.max(axis=0)
    findings = []
    low, high = np.percentile(values.mean(axis=0), [5.0, 95.0])
    contrast = float(high - low)
    if contrast < settings.caution_contrast:
        refuses = contrast < settings.refuse_contrast
        what = "is blank" if refuses else "is hazy or has little contrast"
        findings.append(
            Finding(refuses, f"the {when} picture {what}: its brightness spans {contrast:.1%} "
                    f"of the scale")
        )  # fmt: skip
    saturation = (brightest - values.min(axis=0)) / np.maximum(brightest, 1e-6)
    pale = (brightest > settings.bright_level) & (saturation < settings.pale_saturation)
    share = float(pale.mean())
    if share > settings.caution_pale_share:
        findings.append(
            Finding(
                share > settings.refuse_pale_share,
                f"{share:.0%} of the site is bright and pale in the {when} picture: cloud, snow, "
                f"haze or saturation",
            )
        )
    return findings


def _veil(
    before: Raster, after: Raster, seen: Mask, settings: FitnessSettings
) -> list[Finding]:
    """Whether haze, cloud or snow lies over one of the pictures and not over the other.

    ``seen`` is the aoi and its surroundings: an aoi alone may have been paved all over.
    """
    veiled, lift, share = measure_veil(before, after, seen)
    if lift < settings.veil_lift or share > settings.veil_contrast:
        return []
    return [
        Finding(
            True,
            f"haze, cloud or snow veils the {veiled} picture, or the two were stretched unlike: "
            f"its dark ground is {lift:.0%} of the scale brighter than the other's, its contrast "
            f"{share:.0%} of it",
        )
    ]


def measure_veil(before: Raster, after: Raster, seen: Mask) -> tuple[str, float, float]:
    """Which picture has less contrast, and what a veil over it would have done.

    Returns
    -------
    str
        "before" or "after".
    float
        By how much its median dark channel lies above the other's, as a share of full scale.
    float
        Its local contrast over local brightness, as a share of the other's.
    """
    window_px = max(round(_VEIL_WINDOW_M / before.grid.gsd_m), 3)
    dark, contrast = zip(
        *(_dark_and_contrast(raster, seen, window_px) for raster in (before, after)), strict=True
    )
    less = int(contrast[1] < contrast[0])
    lift = dark[less] - dark[1 - less]
    return ("before", "after")[less], lift, contrast[less] / max(contrast[1 - less], 1e-6)


def _dark_and_contrast(raster: Raster, seen: Mask, window_px: int) -> tuple[float, float]:
    """Median of the dark channel over full scale, and of local contrast over local brightness."""
    bands = _visible(raster) / np.float32(full_scale(raster))
    bands = np.where(seen, bands, np.median(bands[:, seen], axis=1)[:, None, None])
    dark = ndimage.minimum_filter(bands.min(axis=0), window_px)
    brightness = bands.mean(axis=0)
    mean = ndimage.uniform_filter(brightness, window_px)
    square = ndimage.uniform_filter(brightness**2, window_px)
    spread = np.sqrt(np.maximum(square - mean**2, 0.0))
    return float(np.median(dark[seen])), float(np.median((spread / (mean + _DARKEST))[seen]))


def judge_snow(
    before: Raster, after: Raster, inside: Mask, settings: FitnessSettings
) -> list[Finding]:
    """Whether snow lies over one of the pictures and not over the other, or over both.

    It hides roofs, so that new ones are missed and old ones look removed. Nothing else is pale
    nearly everywhere, but ground that was paved all over: so a pair is refused only where the
    ground beyond the aoi says it as well, and did not say it on the other date. Film over whole
    plains does too; where a picture has short wave infrared, that alone tells it from snow.
    """
    seen = before.valid & after.valid
    findings = []
    for when, one, other in (("before", before, after), ("after", after, before)):
        share = snow_share(one, inside & one.valid)
        if share is not None:  # what the spectrum says needs no guess
            if share >= settings.caution_snow_share:
                findings.append(
                    Finding(share >= settings.refuse_snow_share,
                            f"snow lies on {share:.0%} of the site in the {when} picture; what is "
                            f"under it is not seen")
                )  # fmt: skip
            continue
        found, there = (measure_snow(picture, seen) for picture in (one, other))
        if found is None or is_grey(one):
            continue
        rises = there is not None and found[1] - there[1] >= settings.snow_rise
        least = settings.caution_snow_upper_quartile if rises else settings.snow_upper_quartile
        if not _is_snowy(found, least, settings):
            continue
        around, then = (measure_snow(picture, seen & ~inside) for picture in (one, other))
        refuses = bool(
            around and then and _is_snowy(around, settings.snow_upper_quartile, settings)
            and around[1] - then[1] >= settings.snow_rise
        )  # fmt: skip
        where = "also beyond the site, and not in the other picture" if refuses else "or much paved"
        findings.append(
            Finding(refuses, f"snow seems to lie over the {when} picture, {where}: a quarter of "
                    f"the ground is at {found[0]:.0%} of its brightest or more, and pale, as film "
                    f"and burnt-out light are too; roofs under snow are not seen")
        )  # fmt: skip
    return findings


def _is_snowy(
    found: tuple[float, float, float], quarter: float, settings: FitnessSettings
) -> bool:
    least = quarter, settings.snow_median, settings.snow_colourless
    return all(one >= limit for one, limit in zip(found, least, strict=True))


def _colours(
    before: Raster, after: Raster, inside: Mask, settings: FitnessSettings
) -> list[Finding]:
    """Whether both pictures have the colours that their bands' names promise.

    Roofs, film and fields are told by colour too: without it, or with bands in another order, new
    halls are missed, and nothing else in the answer shows it.
    """
    findings = []
    for when, picture in (("before", before), ("after", after)):
        whole = is_grey(picture)
        if whole or is_grey(picture, inside):
            where = "" if whole else " all over the site"
            findings.append(
                Finding(True, f"the {when} picture is grey{where}: its red, green and blue are the "
                        f"same; allowed are pictures with colours")
            )  # fmt: skip
            continue
        found = saturation(picture)
        if found is not None and found < settings.caution_saturation:
            findings.append(
                Finding(False, f"the {when} picture has next to no colour: nine tenths of it are "
                        f"below a saturation of {found:.1%}, usual are 10 % and more")
            )  # fmt: skip
        apart = infrared_apart(picture)
        if apart is not None and apart < settings.caution_infrared_apart:
            findings.append(
                Finding(False, f"near infrared of the {when} picture goes with its colours more "
                        f"than they with each other (by {-apart:.2f}): its bands may stand in "
                        f"another order; --bands names them")
            )  # fmt: skip
    if findings:
        return findings
    seen = before.valid & after.valid
    order, gain = agreeing_order(before, after, seen, full_scale(before), full_scale(after))
    if gain >= settings.caution_order_gain:
        names = ", ".join(order)
        # three bands moved on by one in one picture stand moved back by one in the other
        turned = ", ".join(_VISIBLE[order.index(name)] for name in _VISIBLE[: len(order)])
        which = names if names == turned else f"{names} after, or {turned} before"
        # of near infrared called red it says so too: no reason to be silent
        sown = "; fields bare on one date and green on the other look so too"
        findings.append(
            Finding(False, f"the colours of the two pictures agree better, by {gain:.2f}, with "
                    f"one's bands in another order, such as {which}; --bands names them"
                    f"{sown if order[:2] == ('green', 'red') else ''}")
        )  # fmt: skip
    return findings


def _shadows(before: Raster, after: Raster, settings: FitnessSettings) -> list[Finding]:
    """Whether a cloud's shadow lies over one of the pictures; without near infrared, wet or burnt
    ground is as dark in all bands, and nothing is said."""
    if "nir" not in before.sensor.bands or before.sensor.bands != after.sensor.bands:
        return []
    seen = before.valid & after.valid
    shares = shadowed_shares(before, after, seen, full_scale(before), full_scale(after))
    return [
        Finding(False, f"{share:.0%} of the ground is far darker in the {when} picture, in all "
                f"bands and over 80 m and more: under a cloud's shadow things are told wrongly")
        for when, share in zip(("before", "after"), shares, strict=True)
        if share >= settings.caution_shadow_share
    ]  # fmt: skip


def _edge_strength(raster: Raster, told: Mask, block_px: int) -> NDArray[np.float32]:
    """How much structure there is around each pixel, (row, col); root of the mean gradient.

    Of the pixels ``told`` (row, col) alone: where a picture ends it is 0, and nothing is steeper.
    """
    down, right = np.gradient(_visible(raster).mean(axis=0, dtype=np.float32))
    strength = np.sqrt(np.hypot(down, right)) * told
    share = ndimage.uniform_filter(told.astype(np.float32), block_px)
    mean = ndimage.uniform_filter(strength, block_px) / np.maximum(share, 1e-3)
    return np.asarray(mean, np.float32)


def _agreement(
    before: Raster, after: Raster, seen: Mask, settings: FitnessSettings
) -> list[Finding]:
    if min(before.grid.shape) < 2:
        return []
    block_px = _BLOCK_PX
    while block_px > 1 and seen[::block_px, ::block_px].sum() < _LEAST_BLOCKS:
        block_px //= 2
    # both of the same pixels, and none with a step to what one of them does not show
    told = ndimage.binary_erosion(before.valid & after.valid, border_value=1)
    at = seen[::block_px, ::block_px]
    one, two = (
        _edge_strength(raster, told, block_px)[::block_px, ::block_px][at].astype(np.float64)
        for raster in (before, after)
    )
    if one.size < 2 or np.ptp(one) == 0 or np.ptp(two) == 0:
        return []
    agreement = float(np.corrcoef(one, two)[0, 1])
    if agreement >= settings.caution_agreement:
        return []
    found, usual = _beside(agreement, settings.caution_agreement, 2)
    return [
        Finding(
            False,
            f"the two pictures have little in common: their edges agree at {found}, "
            f"usual is {usual} and more",
        )
    ]
