"""Do the 90 % intervals hold the truth, and which settings make them do so?

    python benchmarks/hectares.py simulate ROWS.jsonl [--pairs 200] [--families rgb,rgbn]
                                  [--model open] [--part report|fit]
    python benchmarks/hectares.py labelled ROWS.jsonl DATA [--only whu_cd] [--model open]
    python benchmarks/hectares.py fit ROWS.jsonl [MORE.jsonl ...] [--alone]
    python benchmarks/hectares.py report ROWS.jsonl [MORE.jsonl ...] [--as-given]

``simulate`` and ``labelled`` compare pairs of known truth as ``landshift compare`` does, write no
map or picture, and add one row each to a JSON-lines file: set, pair, the true hectares of totals,
and of the report each total's hectares and clues (as report.json holds them under ``clues``). Run
again, they go on where they were. A file belongs to one model and one version of landshift: remove
it when either changes. Rows may also be written by other hands, from report.json and a truth.

simulate
    For each sensor family, pairs of 320 × 320 px (rgb at 0.5 and 1 m in turn, rgbn at 3 m,
    multispectral at 10 m). The truth is counted inside the aoi, the inner 256 × 256 px, on the
    ground plan, from straight above, one spot a pixel (a building that took another's place is not
    in it).
    A third of the pairs have no lasting change, as in training. A model that learned from such
    scenes is surer of them than of the world, so half of the pictures for fitting (``--part fit``)
    are strained by a random amount, up to what cameras and archives do at their worst: blur, gamma,
    gain, noise, JPEG. Seeds for reporting are 20 000 000 and up, for fitting 60 000 000 and up;
    training takes those from 1, calibration those from 10 000 000.
labelled
    Real pairs below DATA: SET/before, SET/after and SET/label of like names (levir_cd, whu_cd,
    fotbcd); the label marks roofs gained or removed, so the truth is that of building_change.
fit
    Finds the settings of `AreaSettings` that make the intervals short and right, and prints them,
    and how they do on sites left out of the fit (five folds by pair). The score is that of
    Gneiting & Raftery (2007, equation 43): the width plus 2 / 0.1 of what lies beyond an end, here
    of the logarithm of hectares and floor. Sets count by the root of their size. ``--alone`` fits
    the errors of each pixel size by itself and leaves what all share as the settings have it: for
    when one family's model changed.
report
    Prints, as markdown, for each set and total: at how many sites the interval holds the truth (85
    to 95 % is the goal), the median width of the interval and the median error, both over the
    truth, over sites with at least 0.1 ha of it, and the number of those; the hectares found at all
    sites over those that were there, which no interval excuses; and how many pairs were refused.
    Intervals are made anew with the settings of now, or taken from the rows (``--as-given``).
"""

import argparse
import io
import json
import tempfile
import zlib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from PIL import Image as Pillow
from pyproj import CRS
from scipy import ndimage, optimize
from shapely.geometry import box

from landshift.area import Clues, ends, floor_hectares, step_of
from landshift.change_map import TOTALS
from landshift.comparison import compare_site
from landshift.errors import ComparisonError
from landshift.settings import AreaSettings, ClueWeights, Settings
from landshift.simulation import SimulatedPair, simulate_pair
from landshift.site import Aoi, Image, Site
from landshift.writing import report_as_json

FIRST_SEED = {"report": 20_000_000, "fit": 60_000_000}
SIDE_PX, RIM_PX = 320, 32
GSD_M = {"rgb": (0.5, 1.0), "rgbn": (3.0,), "multispectral": (10.0,)}
LABELLED = {"levir_cd": 0.5, "whu_cd": 0.2, "fotbcd": 0.2}
"""Metres a pixel."""
SHOWN = ("new_building", "removed_building", "building_change", "cropland_loss", "greenhouse_loss",
         "cleared_ground")  # fmt: skip
LEAST_TRUE = 0.1
"""Hectares below which a share of the truth says nothing."""
UTM = "EPSG:32652"
CORNER = (400_000.0, 4_400_000.0)
COVERAGE = 0.9
FOLDS = 5
HOLD = 0.02
"""Pull of a clue's weight towards 0, score per squared unit: what the sites do not tell apart
stays out."""
PLAIN = (0.35, 0.7, 1.0)
"""Errors of buildings and ground and multiple of faint change that the fit begins with and is held
to: what was guessed before anything was measured."""
EMPTY_WEIGHT = 0.1
"""Weight of sites where nothing was and nothing was found; they tell of the floor alone."""


def strained(values: np.ndarray, strain: float, rng: np.random.Generator, rgb: bool) -> np.ndarray:
    """One picture (band, row, col) after blur, gamma, gain, noise and, in colour, JPEG."""
    values = ndimage.gaussian_filter(values, (0, *2 * [strain * rng.uniform(0, 1.2)]))
    values = np.clip(values, 0, 1) ** np.exp(strain * rng.normal(0, 0.3))
    values = values * np.exp(strain * rng.normal(0, 0.12, (len(values), 1, 1)))
    noise = strain * rng.uniform(0, 0.04) * (1.0 if rgb else 0.3)
    values = np.clip(values + noise * rng.standard_normal(values.shape), 0, 1)
    if not rgb:
        return values
    pixels = np.round(255 * values.transpose(1, 2, 0)).astype(np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "jpeg", quality=int(95 - 60 * strain * rng.random()))
    return np.asarray(Pillow.open(file)).transpose(2, 0, 1) / 255


def placed(pair: SimulatedPair) -> Affine:
    """Where a simulated pair is said to lie, in `UTM`."""
    return Affine(pair.gsd_m, 0, CORNER[0], 0, -pair.gsd_m, CORNER[1])


def written(pair: SimulatedPair, family: str, folder: Path, rim_px: int = RIM_PX) -> Site:
    """The pair as files, and an aoi of all but a rim of it."""
    lie, (rows, cols) = placed(pair), pair.cover_before.shape
    paths = []
    for when, values in (("before", pair.before), ("after", pair.after)):
        bits = 255 if family == "rgb" else 10_000
        dtype = "uint8" if family == "rgb" else "uint16"
        profile = {"count": len(values), "height": rows, "width": cols, "dtype": dtype,
                   "crs": UTM, "transform": lie}  # fmt: skip
        paths.append(folder / f"{when}.tif")
        with rasterio.open(paths[-1], "w", driver="GTiff", **profile) as target:
            target.write(np.round(values * bits).astype(dtype))
            target.descriptions = pair.bands
            if family != "rgb":
                target.scales = (1e-4,) * len(values)
    west, north = lie @ (rim_px, rim_px)
    east, south = lie @ (cols - rim_px, rows - rim_px)
    outline = box(west, south, east, north)
    return Site("simulated", *(Image(p) for p in paths), Aoi(outline, CRS.from_user_input(UTM)))


def true_hectares(pair: SimulatedPair) -> dict[str, float]:
    """Each total as counted on the ground plan."""
    inner = np.s_[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX]
    before, after = (plan[inner].astype(int) for plan in (pair.plan_before, pair.plan_after))
    counts = np.bincount((10 * before + after).ravel(), minlength=100)
    return {
        name: float(counts[list(codes)].sum()) * pair.gsd_m**2 / 1e4
        for name, codes in TOTALS.items()
    }


def answer(site: Site, model: str) -> dict:
    """What a row holds of a report."""
    try:
        report = compare_site(site, model, Settings(), lambda stage: None, threads=1)
    except ComparisonError as error:
        return {"refused": str(error)}
    told = report_as_json(report)
    totals = {
        name: {key: total[key] for key in ("hectares", "low", "high", "clues")}
        for name, total in told["totals"].items()
    }
    return {"model": told["software"]["model_sha256"], "totals": totals}


def simulated(family: str, part: str, number: int, model: str) -> dict:
    # families share no scene either
    seed = FIRST_SEED[part] + zlib.crc32(family.encode()) % 1000 * 10_000 + number
    gsd_m = GSD_M[family][number % len(GSD_M[family])]
    pair = simulate_pair(family, seed, (SIDE_PX, SIDE_PX), gsd_m)
    if part == "fit":
        rng = np.random.default_rng((seed, 30))
        strain = max(rng.uniform(-1, 1), 0.0)
        before, after = (
            strained(values, strain, rng, family == "rgb") for values in (pair.before, pair.after)
        )
        pair = replace(pair, before=before, after=after)
    with tempfile.TemporaryDirectory() as folder:
        return {"true": true_hectares(pair)} | answer(written(pair, family, Path(folder)), model)


def labelled(name: str, before: Path, model: str) -> dict:
    folder, gsd_m = before.parent.parent, LABELLED[name]
    with rasterio.open(folder / "label" / before.name) as source:
        marked = int((source.read(1) > 127).sum())
    pictures = (Image(folder / date / before.name, gsd_m) for date in ("before", "after"))
    true = {"building_change": marked * gsd_m**2 / 1e4}
    return {"true": true} | answer(Site(before.stem, *pictures), model)


def read_rows(paths: list[Path]) -> list[dict]:
    lines = (line for path in paths for line in path.read_text(encoding="utf-8").splitlines())
    return [json.loads(line) for line in lines if line.endswith("}")]  # the last may be cut


def add_rows(path: Path, work: list[tuple]) -> None:
    """Do each (set, pair, function, arguments) of ``work`` that the file does not hold."""
    done = {(row["set"], row["pair"]) for row in read_rows([path])} if path.exists() else set()
    for name, pair, measure, arguments in work:
        if (name, pair) not in done:
            row = {"set": name, "pair": pair, **measure(*arguments)}
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


class Sums:
    """Totals of known truth: clues, truth and the interval given, an entry for each."""

    def __init__(self, rows: list[dict]) -> None:
        entries = [
            (row["set"], row["pair"], name, true, row["totals"][name])
            for row in rows if "totals" in row for name, true in row["true"].items()
        ]  # fmt: skip
        if not entries:
            raise SystemExit("no row holds an answer")
        self.set, self.pair, self.total = (
            np.array([str(entry[place]) for entry in entries]) for place in range(3)
        )
        self.true = np.array([entry[3] for entry in entries], np.float64)
        told = [entry[4] for entry in entries]
        self.given = np.array([[one["low"], one["high"]] for one in told], np.float64).T
        self.clues = Clues(**{
            one.name: np.array([total["clues"][one.name] for total in told], np.float64)
            for one in fields(Clues)
        })  # fmt: skip

    def only(self, keep: np.ndarray) -> "Sums":
        part = object.__new__(Sums)
        for name in ("set", "pair", "total", "true"):
            setattr(part, name, getattr(self, name)[keep])
        part.given = self.given[:, keep]
        part.clues = Clues(
            **{one.name: getattr(self.clues, one.name)[keep] for one in fields(Clues)}
        )
        return part

    def weights(self, floor: np.ndarray) -> np.ndarray:
        """Sets by the root of their size; where there was nothing and nothing was found, less."""
        empty = (self.true < floor) & (self.clues.value < floor)
        weights = np.where(empty, EMPTY_WEIGHT, 1.0)
        for name in np.unique(self.set):
            inside = self.set == name
            weights[inside] /= np.sqrt(max(weights[inside].sum(), 1.0))
        return weights / weights.sum()


def held(sums: Sums, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    # the report's own precision is a square metre
    return (low - 1e-4 <= sums.true) & (sums.true <= high + 1e-4)


def score(sums: Sums, settings: AreaSettings, floor: np.ndarray, weights: np.ndarray) -> float:
    """Mean interval score of the logarithm of hectares and ``floor``."""
    low, high, _ = ends(sums.clues, settings)
    bottom, top, true = (np.log(part + floor) for part in (low, high, sums.true))
    beyond = np.maximum(bottom - true, 0.0) + np.maximum(true - top, 0.0)
    return float(weights @ (top - bottom + 2 / (1 - COVERAGE) * beyond))


WEIGHTS = {"unsure": 1, "doubt": 1, "faint": 1, "doubtful": 1, "size": -1}
"""Clues and their only sensible sign: a doubt never makes an answer surer, nor does much change
make it less so. What pulls the other way in a fit is chance."""


SHARED = len(WEIGHTS) + 2
"""Numbers that hold at every pixel size: weights, logarithms of the upper shares."""
JOINT = 2
"""Finest steps of pixel size of which there are sites, to which those are fitted."""
FACTORS = np.exp(np.linspace(np.log(0.7), np.log(1.5), 40))
"""Of the errors, tried on sites left out; what 1.5 does not mend is no matter of scale."""


def spelled(settings: AreaSettings, places: tuple[int, ...], numbers: np.ndarray) -> AreaSettings:
    """The settings with ``numbers``: logarithms of three for each step, then what is shared."""
    steps = list(settings.site_error)
    for place, told in zip(places, np.exp(numbers[: 3 * len(places)]).reshape(-1, 3), strict=True):
        steps[place] = (steps[place][0], *told.tolist())
    settings = replace(settings, site_error=tuple(steps))
    shared = numbers[3 * len(places) :]
    if not shared.size:
        return settings
    signs = np.array(list(WEIGHTS.values()))
    weights = signs * np.maximum(signs * shared[: len(signs)], 0.0)
    return replace(
        settings,
        clue_weights=ClueWeights(**dict(zip(WEIGHTS, weights.tolist(), strict=True))),
        upper_share=tuple(np.exp(shared[-2:]).tolist()),
    )


def fitted(sums: Sums, alone: bool) -> AreaSettings:
    """Settings of the least score.

    What holds at every pixel size is found together with the errors of the two finest steps of
    which there are sites; the errors of coarser ones after that, each by itself.
    """
    settings = AreaSettings()
    steps = step_of(sums.clues, settings)
    there = np.unique(steps).tolist()
    joint = 0 if alone else JOINT
    for places in filter(None, (tuple(there[:joint]), *((place,) for place in there[joint:]))):
        own = sums.only(np.isin(steps, places))
        floor = floor_hectares(own.clues, settings)
        weights = own.weights(floor)
        begin = np.log([PLAIN for _ in places]).ravel()
        if places[0] == there[0] and not alone:
            begin = np.concatenate([begin, np.zeros(SHARED)])

        def loss(
            numbers: np.ndarray, own=own, floor=floor, weights=weights, begin=begin,
            places=places, settings=settings,
        ) -> float:  # fmt: skip
            hold = HOLD * float(np.sum((numbers - begin) ** 2))
            return score(own, spelled(settings, places, numbers), floor, weights) + hold

        best = begin
        for _ in range(2):
            best = optimize.minimize(loss, best, method="Powell", options={"maxiter": 10}).x
        settings = spelled(settings, places, best)
    return settings


def scaled(settings: AreaSettings, factors: list[float]) -> AreaSettings:
    steps = (
        (step, factor * one, factor * other, faint)
        for factor, (step, one, other, faint) in zip(factors, settings.site_error, strict=True)
    )
    return replace(settings, site_error=tuple(steps))


def left_out(sums: Sums, alone: bool) -> list[tuple[Sums, AreaSettings]]:
    """Each fold of pairs beside the settings fitted to all others."""
    names = np.char.add(np.char.add(sums.set, "/"), sums.pair)
    fold = np.array([zlib.crc32(name.encode()) % FOLDS for name in names])
    return [
        (sums.only(fold == number), fitted(sums.only(fold != number), alone))
        for number in range(FOLDS) if (fold == number).any()
    ]  # fmt: skip


def factors_of(folds: list[tuple[Sums, AreaSettings]]) -> list[float]:
    """Factor of each step's errors with which nine in ten intervals hold at sites left out.

    Over sites where there was or was found something; 1 where no site is.
    """
    limits = [step[0] for step in AreaSettings().site_error]
    out = []
    for place in range(len(limits)):
        hits, count = np.zeros(len(FACTORS)), 0
        for sums, settings in folds:
            floor = floor_hectares(sums.clues, settings)
            some = (sums.true >= floor) | (sums.clues.value >= floor)
            some &= step_of(sums.clues, settings) == place
            count += int(some.sum())
            for number, factor in enumerate(FACTORS):
                low, high, _ = ends(sums.clues, scaled(settings, [factor] * len(limits)))
                hits[number] += held(sums, low, high)[some].sum()
        enough = np.flatnonzero(hits >= COVERAGE * count)
        out.append(float(FACTORS[enough[0] if enough.size else -1]) if count else 1.0)
        print(f"pixels up to {limits[place]} m: {count} sums of note, errors times {out[-1]:.2f}")
    return out


def fit(sums: Sums, alone: bool) -> None:
    folds = left_out(sums, alone)
    factors = factors_of(folds)
    chosen = scaled(fitted(sums, alone), factors)
    print("\nsite_error = (")
    for step in chosen.site_error:
        print(f"    ({', '.join(f'{number:.3g}' for number in step)}),")
    print(")")
    for name in WEIGHTS:
        print(f"ClueWeights.{name} = {getattr(chosen.clue_weights, name):.2f}")
    print(f"upper_share = ({', '.join(f'{share:.2f}' for share in chosen.upper_share)})")
    print(f"\nsites left out of the fit, with these factors:\n\n{HEAD}")
    for name in np.unique(sums.set):
        told = []
        for part, settings in folds:
            own = part.only(part.set == name)
            told.append((own, *ends(own.clues, scaled(settings, factors))[:2]))
        print("\n".join(table(str(name), told)))


HEAD = (
    "| set | total | truth within the interval | where it is at least 0.1 ha | median width | "
    "median error | found over true, all together | low end above 0 where nothing was |\n"
    "|---|---|---|---|---|---|---|---|"
)


def table(name: str, parts: list[tuple[Sums, np.ndarray, np.ndarray]]) -> list[str]:
    """Rows of markdown of one set; ``parts`` are sums with both ends of their intervals."""
    true, value, low, high, total, within = (
        np.concatenate(arrays)
        for arrays in zip(
            *((p.true, p.clues.value, lo, hi, p.total, held(p, lo, hi)) for p, lo, hi in parts),
            strict=True,
        )
    )
    out = []
    for which in SHOWN:
        of = total == which
        if not of.any():
            continue
        big, none = of & (true >= LEAST_TRUE), of & (true == 0)
        shares = "–", "–", "–"
        if big.any():
            width = np.median((high - low)[big] / true[big])
            error = np.median(np.abs(value - true)[big] / true[big])
            shares = f"{within[big].mean():.0%} of {big.sum()}", f"{width:.2f}", f"{error:.2f}"
        raised = f"{(low[none] > 1e-4).mean():.0%} of {none.sum()}" if none.any() else "–"
        bias = f"{value[of].sum() / true[of].sum():.2f}" if true[of].any() else "–"
        out.append(f"| {name} | {which} | {within[of].mean():.0%} of {of.sum()} | "
                   f"{' | '.join(shares)} | {bias} | {raised} |")  # fmt: skip
    return out


def report(rows: list[dict], as_given: bool) -> None:
    sums = Sums(rows)
    low, high = sums.given if as_given else ends(sums.clues, AreaSettings())[:2]
    print(HEAD)
    for name in np.unique(sums.set):
        of = sums.set == name
        print("\n".join(table(str(name), [(sums.only(of), low[of], high[of])])))
    for name in sorted({row["set"] for row in rows}):
        refused = sum("refused" in row for row in rows if row["set"] == name)
        print(f"\n{name}: {refused} of {sum(row['set'] == name for row in rows)} pairs refused")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("simulate")
    one.add_argument("rows", type=Path)
    one.add_argument("--pairs", type=int, default=200, help="of each family")
    one.add_argument("--families", default=",".join(GSD_M))
    one.add_argument("--part", choices=FIRST_SEED, default="report")
    one.add_argument("--model", default="open")
    two = commands.add_parser("labelled")
    two.add_argument("rows", type=Path)
    two.add_argument("data", type=Path)
    two.add_argument("--only", default=",".join(LABELLED))
    two.add_argument("--model", default="open")
    three = commands.add_parser("fit")
    three.add_argument("rows", type=Path, nargs="+")
    three.add_argument("--alone", action="store_true")
    four = commands.add_parser("report")
    four.add_argument("rows", type=Path, nargs="+")
    four.add_argument("--as-given", action="store_true")
    chosen = parser.parse_args()
    if chosen.command == "simulate":
        families = chosen.families.split(",")
        add_rows(chosen.rows, [
            (family, number, simulated, (family, chosen.part, number, chosen.model))
            for number in range(chosen.pairs) for family in families
        ])  # fmt: skip
    elif chosen.command == "labelled":
        add_rows(chosen.rows, [
            (name, before.name, labelled, (name, before, chosen.model))
            for name in chosen.only.split(",")
            for before in sorted((chosen.data / name / "before").iterdir())
        ])  # fmt: skip
    elif chosen.command == "fit":
        fit(Sums(read_rows(chosen.rows)), chosen.alone)
    else:
        report(read_rows(chosen.rows), chosen.as_given)
