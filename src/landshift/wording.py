"""The words in which an answer is given, the same in every picture, page and table."""

from __future__ import annotations

from landshift.area import Transition

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
    "ok": "fit to answer",
    "caution": "answer with caution",
    "refuse": "not fit to answer",
    "good": "well aligned",
    "doubtful": "alignment doubtful",
    "failed": "not aligned",
}
"""What a verdict means."""


def transition_words(pair: Transition) -> str:
    """``cropland → building``; a building's successor is another building."""
    after = pair.after.label if pair.before is not pair.after else f"another {pair.after.label}"
    return f"{pair.before.label} → {after}"
