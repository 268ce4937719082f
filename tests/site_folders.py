"""Site lists with small simulated pictures, and sites that break in every way there is.

`compare_or_break` stands in for the comparison in worker processes; which way a site breaks is said
by its column ``fault``.
"""

from __future__ import annotations

import csv
import ctypes
import dataclasses
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from landshift import writing
from landshift.comparison import compare_site
from landshift.errors import ImageError, UnfitPairError
from landshift.simulation import simulate_pair
from pictures import write
from reports import LOCAL, made_report

GSD_M = 0.5
COLUMNS = ("id", "name", "province", "year", "before", "after", "before_date", "after_date",
           "fault")  # fmt: skip


def write_pairs(
    folder: Path, count: int, side: int = 208, family: str = "rgb"
) -> list[tuple[str, str]]:
    """Pairs of pictures of one day's light with two halls between them; their names.

    Simulated pairs proper differ in season so far that small ones are often refused.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for seed in range(count):
        pair = simulate_pair(family, seed, (side, side), GSD_M)
        transform = Affine(GSD_M, 0, 400_000 + 500 * seed, 0, -GSD_M, 4_600_000)
        after = pair.before + np.random.default_rng(seed).normal(0, 0.01, pair.before.shape)
        for row in (80, 110):
            roof = np.float32([0.35, 0.45, 0.75, 0.4])[: len(after), None, None]
            after[:, row : row + 24, 60:140] = roof
        for when, bands in (("before", pair.before), ("after", after.clip(0, 1))):
            write(folder / f"{seed}-{when}.tif", (bands * 255).astype(np.float32),
                  transform=transform)  # fmt: skip
        names.append((f"{seed}-before.tif", f"{seed}-after.tif"))
    return names


def write_list(
    path: Path, pairs: list[tuple[str, str]], count: int, faults: dict[int, str] | None = None
) -> Path:
    """A list of ``count`` sites that share ``pairs``; ``faults`` by number of the site."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for number in range(count):
            before, after = pairs[number % len(pairs)]
            fault = (faults or {}).get(number, "")
            if fault == "truncated":
                whole = (path.parent / after).read_bytes()
                after = f"cut-{after}"
                (path.parent / after).write_bytes(whole[: len(whole) // 2])
            place = (f"site-{number:04d}", f"Town {number}", ("North", "South")[number % 2])
            days = ("2023-05-12", "2024-05-29")
            rows.writerow([*place, 2024 + number % 3, before, after, *days, fault])
    return path


def compare_made(site: Any, model: str, settings: Any, progress: Any, threads: int) -> Any:
    """A report made by hand that takes no time, with hectares of the site's own; or it breaks."""
    break_as_told(site)
    assert site.before.path.is_file(), f"{site.before.path}: no such file"
    assert threads == 1
    # what is drawn for people takes seconds a site, and other tests look at it
    writing._write_views = lambda *views: None
    report = made_report(LOCAL)
    hectares = 0.1 + zlib.crc32(site.id.encode()) % 1000 / 1000
    own = dataclasses.replace(
        report.totals["new_building"], value=hectares, low=0.5 * hectares, high=2 * hectares
    )
    return dataclasses.replace(
        report, site=site, totals={**report.totals, "new_building": own},
        settings=settings.as_dict(),
    )  # fmt: skip


def compare_or_break(site: Any, *rest: Any) -> Any:
    """`compare_site`, unless the list wants something else to happen."""
    break_as_told(site)
    return compare_site(site, *rest)


def break_as_told(site: Any) -> None:
    """Break in the way that the site's column ``fault`` says, if any."""
    fault = site.extra.get("fault", "")
    if fault == "raise":
        raise ZeroDivisionError("a mistake of ours")
    if fault == "segfault":
        ctypes.string_at(0)
    if fault == "hang":
        time.sleep(3600)
    if fault == "eat":
        eaten = []
        while True:
            eaten.append(np.ones(4_000_000))
    if fault == "unreadable":
        raise ImageError(f"{site.after.path}: damaged or cut short: block 3")
    if fault == "refuse":
        raise UnfitPairError("no answer: all of it is cloud")
    if fault.startswith("sleep"):
        seconds, *slept = fault[5:].split()
        time.sleep(float(seconds))
        for name in slept:  # a file that says so
            Path(name).touch()
