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

_MOST_BYTES = 1000
"""Of a world file: six numbers, one to a line."""
_DEGREES_BELOW = 0.01
"""Units to a pixel below which they are taken for degrees: 0.01 degrees are more than a kilometre,
and no pixel of a picture that is looked at here is a centimetre wide."""
_METRES_PER_DEGREE = 111_320.0
"""Of latitude, to 1 %."""
_NOT_THE_SAME = 0.05
"""Share by which two pixel sides differ where one of them is wrong: hectares by a tenth."""


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in a CRS that nobody named."""

    transform: Affine
    """From col, row of pixel corners to x, y of that CRS."""
    told_by: str
    """What says so: a world file's name, or the picture's own."""

    @property
    def gsd_m(self) -> float:
        """Side of a pixel from north to south, metres, where the units are metres or degrees."""
        side = math.hypot(self.transform.b, self.transform.e)
        return side * (_METRES_PER_DEGREE if side < _DEGREES_BELOW else 1.0)

    def doubts(self, name: str, gsd_m: float) -> tuple[str, ...]:
        """A doubt where a pixel has another side by this than ``gsd_m``, as the user gave it."""
        if abs(self.gsd_m / gsd_m - 1.0) <= _NOT_THE_SAME:
            return ()
        return (
            f"{name}: a pixel is {self.gsd_m:.3g} m by {self.told_by}, if its units are metres or "
            f"degrees, and {gsd_m:.3g} m as given, which is believed",
        )

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
    end = path.suffix
    for other in (f"{end[:2]}{end[-1]}w", f"{end}w", ".wld"):
        file = path.with_suffix(other.upper() if end.isupper() else other)
        if file != path and file.is_file() and file.stat().st_size <= _MOST_BYTES:
            transform = _read(file)
            if transform is not None:
                return Placement(transform, file.name)
    return None


def _read(file: Path) -> Affine | None:
    try:
        a, d, b, e, x, y = (float(word) for word in file.read_text(encoding="ascii").split())
    except (OSError, ValueError):  # whatever it is, it is no world file
        return None
    lie = Affine(a, b, x, d, e, y) @ Affine.translation(-0.5, -0.5)  # x, y of a pixel's middle
    return lie if all(map(math.isfinite, lie[:6])) and lie.determinant != 0.0 else None
