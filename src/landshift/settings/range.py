"""What a setting may be."""

from __future__ import annotations

from landshift.errors import SettingsError


def check_range(name: str, value: float, least: float, most: float) -> None:
    """Refuse a ``value`` outside ``least`` to ``most``."""
    if not least <= value <= most:
        raise SettingsError(f"{name} is {value}; allowed are {least} to {most}")
