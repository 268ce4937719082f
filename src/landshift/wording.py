"""The words in which an answer is given, the same in every picture, page and table."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from landshift.area import Hectares, Transition
from landshift.buildings import Building
from landshift.grid import Grid
from landshift.model import Model
from landshift.patches import Patch, unoutlined
from landshift.settings import AreaSettings, is_up_to

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""All that is no character of XML 1.0."""

TOTAL_WORDS: dict[str, str] = {
    "new_building": "new building",
    "cropland_loss": "cropland lost",
    "greenhouse_loss": "greenhouse lost",
    "removed_building": "building removed",
    "cleared_ground": "ground cleared",
}
"""Totals that people are shown, by key."""

TOTAL_MEANINGS: dict[str, str] = {
    "new_building": "any ground that became a building, and buildings replaced by others",
    "cropland_loss": "cropland that became building or paving",
    "greenhouse_loss": "greenhouse that became building, paving or bare ground",
    "removed_building": "building that became something else",
    "cleared_ground": "fields, greenhouses and plants cleared to bare ground: a stage, not yet a "
    "loss",
}
"""What each of them adds up."""

VERDICT_WORDS: dict[str, str] = {
    "ok": "pair fit to compare",
    "caution": "pair to compare with caution",
    "refuse": "pair not fit to compare",
    "good": "well aligned",
    "doubtful": "alignment doubtful",
    "failed": "not aligned",
}
"""What a verdict means. It judges the two pictures, not whether the answer is true."""


def transition_words(pair: Transition) -> str:
    """``cropland → building``; a building's successor is another building."""
    after = pair.after.label if pair.before is not pair.after else f"another {pair.after.label}"
    return f"{pair.before.label} → {after}"


def fold_small(
    transitions: Sequence[Transition], area: Mapping[str, Any]
) -> tuple[list[Transition], list[Transition]]:
    """Pairs that are shown one by one, and those that stand together on one line.

    Those are small beside all that changed, and may have been nothing. A single one is shown: one
    line either way, so rather the one that says what it was.

    Parameters
    ----------
    transitions
        All pairs.
    area
        The report's `AreaSettings`, by name.
    """
    least = float(area["least_shown_hectares"])
    share = area["least_shown_share"] * sum(pair.hectares.value for pair in transitions)

    def is_small(hectares: Hectares) -> bool:
        return hectares.low < least and hectares.value < max(least, share)

    small = [pair for pair in transitions if is_small(pair.hectares)]
    if len(small) < 2:
        return list(transitions), []
    return [pair for pair in transitions if not is_small(pair.hectares)], small


def hectare_decimals(
    aoi_hectares: float | None, least: float = AreaSettings.least_hundredths_hectares
) -> int:
    """Of hectares of a site that a person reads; None where it has none to tell."""
    return 2 if aoi_hectares is None or aoi_hectares >= least else 4


def folded_words(small: Sequence[Hectares], what: str, decimals: int) -> tuple[str, str]:
    """How many stand together on one line and how large the largest of them is; and their sum.

    No interval: that of a sum would need how they hang together, which nothing here knows.
    """
    values = [one.value for one in small]
    words = f"{len(values)} {what} of up to {max(values):.{decimals}f} ha, together"
    return words, f"{sum(values):.{decimals}f}"


def model_words(model: Model) -> str:
    """What the model is, and how well it did on real pictures, as its file tells.

    ``training`` of the file's meta may hold ``on_real_pictures``, a list of scores on pictures
    that the model never learned from: ``what`` was asked on which pictures, the ``score``'s name,
    its ``value`` 0-1, and ``pictures``, how many. A mean of two models has those that each of them
    got on pictures that it never learned from.
    """
    told = model.training
    learned = " and ".join(_learned_from(told)) or "material that its file does not name"
    scores = "; ".join(score_words(told.get("on_real_pictures")))
    last = ", in the last of its stages" if told.get("start_sha256") else ""
    words = f"{model.name}-{model.family} is a neural network that learned from {learned}{last}."
    if "also_sha256" in told:
        words += " It is the mean of two such networks that learned from different pictures."
    if scores:
        who = "each" if "also_sha256" in told else "it"
        words += f" On real pictures that {who} never learned from: {scores}."
    else:
        words += " Its file tells no score on real pictures that it never learned from."
    if "taught_from_sha256" in told:
        words += " Its classes were refitted to polygons drawn by its user; scores are from before."
    return words


def _learned_from(told: Mapping[str, Any]) -> Iterator[str]:
    simulated, labelled = told.get("simulated_pairs"), told.get("labelled")
    if isinstance(simulated, int) and simulated > 0:
        yield f"{simulated} simulated pairs of pictures"
    if isinstance(labelled, list) and labelled:
        yield f"{len(labelled)} real ones with labels"


def score_words(told: Any) -> Iterator[str]:
    """Each score of ``on_real_pictures`` that can be understood; the file may be anybody's."""
    for one in told if isinstance(told, list) else []:
        if not isinstance(one, Mapping):
            continue
        value, pictures = one.get("value"), one.get("pictures")
        if isinstance(value, int | float) and math.isfinite(value) and isinstance(pictures, int):
            what, score = (str(one.get(key, ""))[:80] for key in ("what", "score"))
            yield f"{what}, {score} {value:.2f} ({pictures} pictures)"


def unoutlined_words(
    patches: Sequence[Patch], buildings: Sequence[Building], grid: Grid, settings: Mapping[str, Any]
) -> str:
    """What is drawn as new building without an outline and a number, and why; empty where nothing.

    Parameters
    ----------
    patches
        All that is drawn.
    buildings
        All that have an outline.
    grid
        What they lie on.
    settings
        The report's.
    """
    missed = unoutlined(patches, [building.outline for building in buildings])
    hectares = sum(patch.hectares for patch in missed)
    if hectares < settings["area"]["least_reported_hectares"]:
        return ""
    coarsest_m = settings["buildings"]["coarsest_gsd_m"]
    if is_up_to(coarsest_m, grid.gsd_m):
        return f"Buildings are not outlined at pixels of {coarsest_m:g} m and more."
    one = len(missed) == 1
    return (
        f"{len(missed)} {'patch' if one else 'patches'} of new building "
        f"({hectares:.2f} ha) {'has' if one else 'have'} no outline: "
        "too small, thin or doubtful for one, or mostly outside the site. The hectares count "
        f"{'it' if one else 'them'}."
    )


def seen_words(share: float) -> str:
    """How much of a site both dates show; 100 % only where nothing at all is missing."""
    if share < 1 - _FLOAT_ERROR and round(100 * share) == 100:
        return "more than 99 %"
    return f"{100 * share:.0f} %"


def mask_words(name: str, share: float, whole: str) -> str:
    """How much of the ``whole`` a mask beside a picture hides; 0 % only where it hides nothing."""
    told = "less than 1 %" if 0 < share < 0.005 else seen_words(share)
    return f"the mask {name} hides {told} of {whole}"


_FLOAT_ERROR = 1e-9
"""A sum of all pixels over the site's hectares may fall short of 1 by this and be whole."""

UNTOLD = "cannot tell"
"""Of a building, what its pixels are too few or too large for."""

PART_UNSEEN = "only in part: it reaches ground not seen on both dates and may be larger"
"""Of a building's outline and size, where a cloud or the pictures' edge cuts it."""


def xml_text(text: str) -> str:
    """``text`` without the characters that XML cannot hold, escaped or not."""
    return _NOT_IN_XML.sub("", text)


def direction_words(azimuth_deg: float | None) -> str:
    """Whole degrees of a direction that has no front: 179.7 is 0, as its neighbours are.

    A dash where it is not known.
    """
    return "–" if azimuth_deg is None else f"{round(azimuth_deg) % 180}"
