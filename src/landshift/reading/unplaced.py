"""Pictures without CRS that say all the same where they lie: world files, and bare transforms.

Corners and pixel sides in a CRS that is not named: metres of some zone, degrees or feet. They place
nothing, but what they say against the user's ``--gsd`` or against the other picture is heard. A
world file is no part of the picture, so no pixel is ever read by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affine import Affine

from landshift.settings import GridSettings

_MOST_BYTES = 1000
"""Of a world file: six numbers, one to a line."""
_METRES_PER_DEGREE = 111_320.0
"""Of latitude, to 1 %."""
_METRES_PER_FOOT = 0.3048
"""The survey foot is longer by two millionths."""
_EARTH_M = 6_378_137.0
"""Radius of the sphere that Web Mercator is drawn on."""


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in a CRS that nobody named."""

    transform: Affine
    """From col, row of pixel corners to x, y of that CRS."""
    told_by: str
    """What says so: a world file's name, or the picture's own."""

    def doubts(self, name: str, gsd_m: float, settings: GridSettings) -> tuple[str, ...]:
        """A doubt where a pixel has another side than ``gsd_m``, the user's, in whatever unit."""
        sides = self._sides(settings)
        least = min(abs(side / gsd_m - 1.0) for side in sides.values())
        if least <= settings.gsd_slack:
            return ()
        readings = " or ".join(f"{side:.3g} m in {unit}" for unit, side in sides.items())
        return (
            f"{name}: by {self.told_by} a pixel is {readings}, and {gsd_m:.3g} m as given, which "
            "is believed",
        )

    def _sides(self, settings: GridSettings) -> dict[str, float]:
        """Side of a pixel from north to south, metres, by the units that it may be told in."""
        side = math.hypot(self.transform.b, self.transform.e)
        if side < settings.degrees_below:
            return {"degrees": side * _METRES_PER_DEGREE}
        sides = {"metres": side, "feet": side * _METRES_PER_FOOT}
        x, y = self.transform.c / _EARTH_M, self.transform.f / _EARTH_M
        if max(abs(x), abs(y)) <= math.pi:
            sides["Web Mercator"] = side / math.cosh(y)  # the cosine of the latitude
        return sides

    def has_corner_of(self, other: Placement) -> bool:
        """Whether both begin at one upper left corner, to a pixel."""
        col, row = ~self.transform @ (other.transform.c, other.transform.f)
        return math.hypot(col, row) <= 1.0


def find_placement(path: Path, source: Any) -> Placement | None:
    """What an open picture without CRS says, or the world file beside it; None where neither does.

    The usual names: a.pgw or a.pngw beside a.png, a.wld beside any.
    """
    if source.transform != Affine.identity():
        return Placement(source.transform, path.name)
    for file in world_files(path):
        if file.is_file() and file.stat().st_size <= _MOST_BYTES:
            transform = _read(file)
            if transform is not None:
                return Placement(transform, file.name)
    return None


def world_files(path: Path) -> list[Path]:
    """Where a world file of a picture may lie, the likeliest first."""
    if not path.name:
        return []
    end = path.suffix
    names = (f"{end[:2]}{end[-1]}w", f"{end}w", ".wld") if len(end) > 1 else (".wld",)
    files = [path.with_suffix(name.upper() if end.isupper() else name) for name in names]
    return [file for file in files if file != path]


def _read(file: Path) -> Affine | None:
    try:
        a, d, b, e, x, y = (float(word) for word in file.read_text(encoding="ascii").split())
    except (OSError, ValueError):  # whatever it is, it is no world file
        return None
    lie = Affine(a, b, x, d, e, y) @ Affine.translation(-0.5, -0.5)  # x, y of a pixel's middle
    return lie if all(map(math.isfinite, lie[:6])) and lie.determinant != 0.0 else None
