"""What a setting may be, and how pixels are held against one."""

from __future__ import annotations

from landshift.errors import SettingsError

UTM_SLACK = 0.002
"""Share by which pixels that a sensor calls alike differ on the ground: a UTM pixel is up to 0.1 %
smaller or larger than its side says, by its place in the zone."""


def is_up_to(gsd_m: float, limit_m: float) -> bool:
    """Whether a pixel side is the limit or finer, wherever in its UTM zone it lies."""
    return gsd_m <= limit_m * (1.0 + UTM_SLACK)


def check_range(name: str, value: float, least: float, most: float) -> None:
    """Refuse a ``value`` outside ``least`` to ``most``."""
    if not least <= value <= most:
        raise SettingsError(f"{name} is {value}; allowed are {least} to {most}")
