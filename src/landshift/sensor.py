"""What a sensor's bands are, and which family of models can read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Family = Literal["rgb", "rgbn", "multispectral"]

BAND_ROLES: tuple[str, ...] = (
    "coastal", "blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08",
    "swir1", "swir2", "pan",
)  # fmt: skip
"""Every role that a band can have; the STAC EO extension's common names, numbered where it must."""

FAMILY_BANDS: dict[Family, tuple[str, ...]] = {
    "rgb": ("red", "green", "blue"),
    "rgbn": ("red", "green", "blue", "nir"),
    "multispectral": (
        "blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "swir1",
        "swir2",
    ),
}  # fmt: skip
"""The bands of each family in the order in which its models take them."""


_SKIP = "skip"


def roles_named(words: Sequence[str]) -> tuple[str, ...]:
    """Roles of bands as a user names them; the empty string for each ``skip``, a band of no use.

    Raises
    ------
    ValueError
        When a word is no role, one stands twice, or none is there.
    """
    for word in words:
        if word not in (*BAND_ROLES, _SKIP):
            raise ValueError(
                f"{word[:40]!r} is no band; allowed are {', '.join((*BAND_ROLES, _SKIP))}"
            )
    named = [word for word in words if word != _SKIP]
    if not named or len(named) != len(set(named)):
        raise ValueError(f"{','.join(words)[:80]!r} names a band twice, or none")
    return tuple("" if word == _SKIP else word for word in words)


@dataclass(frozen=True)
class Sensor:
    """Whose picture this is, as far as it can be told."""

    bands: tuple[str, ...]
    """Role of each band, in the file's order; the empty string for a band of no known use."""
    gsd_m: float
    """Native side of a pixel on the ground, metres."""
    name: str = "unknown"
    """The sensor's or the file's own name for it."""
    scale: float | None = None
    """What one unit of the file means as reflectance, None for display values."""
    floating: bool = False
    """Whether values are floating-point numbers, of which a glint may pass what white is."""

    def numbers_of(self, roles: tuple[str, ...]) -> list[int]:
        """Numbers, from 0, of the bands with these roles; of all where none is named."""
        return [k for k, role in enumerate(self.bands) if not roles or role in roles]

    def family(self, gsd_m: float) -> Family | None:
        """The richest family of models that these bands can feed at ``gsd_m``, None for none."""
        has = set(self.bands)
        if gsd_m > 5.5 and has.issuperset(FAMILY_BANDS["multispectral"]):
            return "multispectral"
        if gsd_m >= 0.9 and has.issuperset(FAMILY_BANDS["rgbn"]):
            return "rgbn"
        return "rgb" if has.issuperset(FAMILY_BANDS["rgb"]) else None
