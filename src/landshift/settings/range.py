"""What a setting may be, and how pixels are held against one."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from numbers import Real
from typing import Any

from landshift.errors import SettingsError

UTM_SLACK = 0.002
"""Share by which pixels that a sensor calls alike differ on the ground: a UTM pixel is up to 0.1 %
smaller or larger than its side says, by its place in the zone."""

_SIGNED = (
    "area.clue_weights.", "fitness.caution_infrared_apart", "fitness.caution_agreement",
    "fitness.snow_rise",
)  # fmt: skip
"""Weights of a sum, a correlation and differences, whose limits may be below 0; all other settings
are lengths, shares, counts or limits of such."""


def is_up_to(gsd_m: float, limit_m: float) -> bool:
    """Whether a pixel side is the limit or finer, wherever in its UTM zone it lies."""
    return gsd_m <= limit_m * (1.0 + UTM_SLACK)


def check_range(name: str, value: float, least: float, most: float) -> None:
    """Refuse a ``value`` outside ``least`` to ``most``."""
    if not least <= value <= most:
        raise SettingsError(f"{name} is {value}; allowed are {least} to {most}")


def check_values(name: str, value: Any, like: Any) -> None:
    """Refuse values of another kind than the default ``like``, and numbers that are not finite.

    Nothing is less or more than what is no number, so such a threshold would be none, without a
    word; and a report, which must say how to repeat it, can hold neither that nor infinity.
    ``value`` may be a group of settings, ``name`` with a dot behind it.
    """
    if is_dataclass(like):
        for one in fields(like):
            part = getattr(like, one.name)
            inner = f"{name}{one.name}{'.' if is_dataclass(part) else ''}"
            check_values(inner, getattr(value, one.name), part)
    elif isinstance(like, str):
        if not isinstance(value, str):
            raise SettingsError(f"{name} is {value!r}; allowed is a word such as {like!r}")
    elif isinstance(value, tuple | list) and (like is None or isinstance(like, tuple)):
        for item in value:
            check_values(name, item, like[0] if like else 0.0)
    elif value is None and like is None:
        return
    elif not isinstance(value, Real) or isinstance(value, bool) or isinstance(like, tuple):
        kind = "a list of numbers" if isinstance(like, tuple) else "a number"
        raise SettingsError(f"{name} is {repr(value)[:40]}; allowed is {kind}")
    elif not math.isfinite(value):
        raise SettingsError(f"{name} is {value}; allowed are finite numbers")
    elif value < 0 and not name.startswith(_SIGNED):
        raise SettingsError(f"{name} is {value}; allowed are 0 and more")
