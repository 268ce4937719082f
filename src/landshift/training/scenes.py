"""Simulated pairs as material: what each pixel shows, and what became of what it shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landshift.legend import Cover
from landshift.sensor import Family
from landshift.simulation import SimulatedPair, simulate_pair
from landshift.training.material import GAINED, IGNORED, LOST, SAME, Tile, fate

_STANDING = (Cover.BUILDING, Cover.GREENHOUSE)
"""What has walls."""
_LABELS = 4
"""Counted up when the scene of a seed or its labels change: those kept on disk are made anew.
2: shores and the walls of what stays are taught as unchanged; 3: estates and villages; 4: orchards
are woody, and tall crops grow."""


def simulated_tiles(
    family: Family,
    seeds: range,
    shape_px: int,
    gsd_m: tuple[float, float],
    folder: Path,
    report: Callable[[str], None],
) -> list[Tile]:
    """Simulated pairs, one a seed, kept in ``folder`` so that a killed run goes on where it was.

    Scenes there of other pixels or with other labels are made anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tiles = []
    for seed in seeds:
        file = folder / f"{family}-{shape_px}-{seed}.npz"
        low, high = np.log(gsd_m)
        side_m = float(np.exp(np.random.default_rng([seed, 7]).uniform(low, high)))
        if not _is_kept(file, side_m):
            _keep(file, simulate_pair(family, seed, (shape_px, shape_px), side_m))
            if seed % 50 == 0:
                report(f"simulated {seed - seeds.start + 1} of {len(seeds)} {family} pairs")
        with np.load(file) as arrays:
            tiles.append(Tile(f"simulated {seed}", arrays["bands"], arrays["covers"], side_m,
                              kinds=arrays["kinds"], simulated=True))  # fmt: skip
    return tiles


def _is_kept(file: Path, side_m: float) -> bool:
    if not file.exists():
        return False
    with np.load(file) as arrays:
        told = int(arrays["labels"]) if "labels" in arrays else 1
        return told == _LABELS and float(arrays["gsd_m"]) == side_m


def _keep(file: Path, pair: SimulatedPair) -> None:
    kinds = seen_kinds(
        pair.cover_before, pair.cover_to_be, pair.cover_that_was, pair.cover_after
    )
    part = file.with_suffix(".part.npz")
    np.savez(part, bands=np.stack([pair.before, pair.after]).astype(np.float16), kinds=kinds,
             covers=np.stack([pair.cover_before, pair.cover_after]), gsd_m=pair.gsd_m,
             labels=_LABELS)  # fmt: skip
    part.replace(file)


def seen_kinds(
    cover_before: NDArray[np.uint8], cover_to_be: NDArray[np.uint8],
    cover_that_was: NDArray[np.uint8], cover_after: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """What kind of change each pixel of a simulated pair shows, whatever leans over what.

    A roof leans its own way in each picture. Where only that differs nothing changed, though the
    classes of the two pictures differ by a strip beside every tall roof. So each picture is asked
    what became, or had been, of the very thing that it shows: a building is gained where the after
    picture shows one that was not there, and lost where the before picture shows one that will not
    be. Where the two pictures say otherwise different things, or show a wall of what comes or goes,
    nothing is taught. The wall of what stays is unchanged, and so is a shore that floods and falls
    dry, which has no class in either picture.

    Parameters
    ----------
    cover_before, cover_to_be, cover_that_was, cover_after
        (row, col); as in `landshift.simulation.SimulatedPair`.
    """
    then, now = fate(cover_before, cover_to_be), fate(cover_that_was, cover_after)
    gained, lost = now == GAINED, then == LOST
    kind = np.where(then == now, now, np.uint8(IGNORED))
    kind[gained & ~lost] = GAINED
    kind[lost & ~gained] = LOST
    kind[(cover_before == 0) & ~gained | (cover_after == 0) & ~lost] = IGNORED
    wall = (cover_before == 0) | (cover_after == 0)
    stays_then = np.where(cover_before == 0, np.isin(cover_to_be, _STANDING), then == SAME)
    stays_now = np.where(cover_after == 0, np.isin(cover_that_was, _STANDING), now == SAME)
    shore = (cover_before == 0) & (cover_to_be == 0) & (cover_that_was == 0) & (cover_after == 0)
    kind[wall & stays_then & stays_now | shore] = SAME
    return kind
