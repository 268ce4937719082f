"""How far one picture's content must move to lie on another's: estimated, proved, applied."""

from landshift.alignment.displacement import Model
from landshift.alignment.estimation import (
    align_brightness,
    estimate_alignment,
    shared_roles,
)
from landshift.alignment.outcome import Alignment, Verdict
from landshift.alignment.tie_points import Ties

__all__ = [
    "Alignment",
    "Model",
    "Ties",
    "Verdict",
    "align_brightness",
    "estimate_alignment",
    "shared_roles",
]
