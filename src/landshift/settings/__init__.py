"""Every threshold, with its unit and its source; each stage gets only its own part."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from landshift.settings.alignment import (
    AlignmentSettings,
    BlockSettings,
    DrawingSettings,
    FieldSettings,
    UncertaintySettings,
)
from landshift.settings.answers import (
    AreaSettings,
    AssessmentSettings,
    ClueWeights,
    FitnessSettings,
    SummarySettings,
    TeachingSettings,
)
from landshift.settings.changes import BuildingSettings, TransitionSettings
from landshift.settings.pictures import (
    CloudSettings,
    CoverSettings,
    GridSettings,
    PreviewSettings,
)
from landshift.settings.range import UTM_SLACK, check_values, is_up_to

__all__ = [
    "UTM_SLACK", "AlignmentSettings", "AreaSettings", "AssessmentSettings", "BlockSettings",
    "BuildingSettings", "CloudSettings", "ClueWeights", "CoverSettings", "DrawingSettings",
    "FieldSettings", "FitnessSettings", "GridSettings", "PreviewSettings", "Settings",
    "SummarySettings", "TeachingSettings", "TransitionSettings", "UncertaintySettings", "is_up_to",
]  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """All parts; written into every report so that a result can be repeated."""

    grid: GridSettings = field(default_factory=GridSettings)
    alignment: AlignmentSettings = field(default_factory=AlignmentSettings)
    clouds: CloudSettings = field(default_factory=CloudSettings)
    cover: CoverSettings = field(default_factory=CoverSettings)
    transition: TransitionSettings = field(default_factory=TransitionSettings)
    buildings: BuildingSettings = field(default_factory=BuildingSettings)
    area: AreaSettings = field(default_factory=AreaSettings)
    fitness: FitnessSettings = field(default_factory=FitnessSettings)
    preview: PreviewSettings = field(default_factory=PreviewSettings)

    def __post_init__(self) -> None:
        """Refuse what no threshold can be."""
        for part in fields(self):
            group = getattr(self, part.name)
            check_values(f"{part.name}.", group, type(group)())

    def as_dict(self) -> dict[str, Any]:
        """Plain nested values for the report."""
        return asdict(self)
