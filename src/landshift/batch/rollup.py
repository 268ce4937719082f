"""What analysts publish of many sites: counts by kind of ground replaced, and hectares in all."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from landshift import __version__
from landshift.area import interval
from landshift.batch.outcome import Outcome
from landshift.batch.overlap import Overlap, overlap_words
from landshift.change_map import TOTALS
from landshift.settings import SummarySettings

SCHEMA = "landshift/summary/1"
_STATUSES = ("answered", "refused", "failed", "not run")
_FLAGS = {
    "on_farmland": "on farmland",
    "on_greenhouses": "on greenhouses",
    "on_older_buildings": "on older buildings",
    "with_housing": "together with housing",
    "beside_greenhouses": "beside surviving greenhouses",
}
_GROUND = {"cropland": "farmland", "greenhouse": "greenhouses", "building": "older buildings"}
_DECIMALS = 4


def judge_site(digest: Mapping[str, Any], settings: SummarySettings) -> dict[str, Any]:
    """What stood where now is built, in hectares and in words, and how far the building has come.

    Whether older buildings were industry is not told: their use cannot be seen from above.
    """
    built = _built_on(digest)
    ground = sum(built.values())
    lost = {**built, "greenhouse": max(
        built["greenhouse"], digest["totals"].get("greenhouse_loss", {}).get("hectares", 0.0)
    )}  # fmt: skip
    least = max(settings.least_hectares, settings.least_share * ground)
    on = {name: lost[name] >= least for name in _GROUND}
    houses = sum(
        building["hectares"] <= settings.house_hectares
        and building["width_m"] <= settings.house_width_m
        for building in digest["buildings"]
    )
    kept = digest["greenhouse_kept_hectares"]
    return {
        "on_farmland": on["cropland"],
        "on_greenhouses": on["greenhouse"],
        "on_older_buildings": on["building"],
        "with_housing": houses >= settings.least_houses,
        "beside_greenhouses": kept >= settings.least_kept_hectares and ground >= least,
        "replaced": ", ".join(words for name, words in _GROUND.items() if on[name]),
        "stage": _stage(digest, settings),
        "buildings": len(digest["buildings"]),
        "houses": houses,
        "clusters": len(digest["clusters"]),
        "largest_cluster_ha": max(digest["clusters"], default=None),
        "greenhouse_kept_ha": kept,
        **{f"built_on_{name}_ha": round(hectares, _DECIMALS) for name, hectares in built.items()},
    }


def _built_on(digest: Mapping[str, Any]) -> dict[str, float]:
    """Hectares that became building or paved, by what they had been."""
    built = {"cropland": 0.0, "greenhouse": 0.0, "building": 0.0, "other": 0.0}
    for change in digest["transitions"]:
        # a building paved over is a loss of building, and no new one
        if change["after"] == "building" or (
            change["after"] == "paved" and change["before"] in ("cropland", "greenhouse")
        ):
            was = change["before"] if change["before"] in built else "other"
            built[was] += change["hectares"]
    return built


def _stage(digest: Mapping[str, Any], settings: SummarySettings) -> str:
    """The stage of most of the new roofs, else cleared ground, else nothing.

    "built" where pixels are too large to tell frames from roofs.
    """
    by_stage: dict[str, float] = {}
    for building in digest["buildings"]:
        stage = building["stage"] or "built"
        by_stage[stage] = by_stage.get(stage, 0.0) + building["hectares"]
    if by_stage:
        return max(by_stage, key=lambda stage: (by_stage[stage], stage))
    new = digest["totals"].get("new_building", {}).get("hectares", 0.0)
    cleared = digest["totals"].get("cleared_ground", {}).get("hectares", 0.0)
    if new >= settings.least_hectares:
        return "built"
    return "cleared" if cleared >= settings.least_hectares else "nothing new"


class Sum:
    """Hectares over sites with a 90 % interval, summed as sites come."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.value = 0.0
        self._sites = 0
        self._down = _Reach()
        self._up = _Reach()
        self._left_out = 0.0

    def add(self, total: Mapping[str, float]) -> None:
        """Take in one site's hectares, low, high, and what its interval is made of.

        ``model_error`` is the share of the hectares by which the model may be off. It is taken as
        one and the same at every site, until sites that it has never seen say how much of it is:
        half-widths add up. So does the whole way down to zero where a site is not told from none:
        what is imagined on quiet ground has one sign everywhere, and twenty sites that may each be
        nothing may be nothing together. ``left_out`` hectares, which the upper end holds for what
        was not seen or is too faint to point at, are in no site's value and add up as well. All
        else is each site's own, and adds up in quadrature.
        """
        value = total["hectares"]
        self.value += value
        self._sites += 1
        low, high = (float(end) for end in interval(value, total["model_error"] * value))
        down = value - total["low"]
        self._down.add(down, value - low if total["low"] > 0.0 else down)
        up = total["high"] - value
        left_out = min(total["left_out"], max(up, 0.0))
        self._up.add(up - left_out, high - value)
        self._left_out += left_out

    def as_json(self) -> dict[str, float | None]:
        """Hectares, low, high; null where no site was answered, which is not zero."""
        if not self._sites:
            return {"hectares": None, "low": None, "high": None}
        return {
            "hectares": round(self.value, _DECIMALS),
            "low": round(max(self.value - self._down.whole, 0.0), _DECIMALS),
            "high": round(self.value + self._up.whole + self._left_out, _DECIMALS),
        }


class _Reach:
    """How far one end of the interval of a sum lies from its value, hectares."""

    def __init__(self) -> None:
        self._shared = self._own = 0.0

    def add(self, whole: float, shared: float) -> None:
        """Take in one site's reach and how much of it is alike at every site."""
        whole = max(whole, 0.0)
        shared = min(max(shared, 0.0), whole)
        self._shared += shared
        self._own += whole**2 - shared**2

    @property
    def whole(self) -> float:
        """Of all sites together."""
        return math.hypot(self._shared, math.sqrt(self._own))


class Group:
    """Sites of one year and province, or all of them."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._counts = dict.fromkeys(_STATUSES, 0)
        self._flags = dict.fromkeys(_FLAGS, 0)
        self._cautions = self._buildings = 0
        self._totals = {name: Sum() for name in TOTALS}
        self._clusters: list[float] = []
        self._largest: float | None = None

    def add(self, row: Mapping[str, Any], outcome: Outcome) -> None:
        """Take in one site."""
        self._counts[outcome.status] += 1
        if outcome.digest is None:
            return
        self._cautions += row["verdict"] == "caution"
        self._buildings += row["buildings"]
        self._clusters += outcome.digest["clusters"]
        self._largest = max(self._largest or 0.0, outcome.digest["aoi_hectares"])
        for flag in _FLAGS:
            self._flags[flag] += bool(row[flag])
        for name, total in outcome.digest["totals"].items():
            if name in self._totals:
                self._totals[name].add(total)

    def as_json(self) -> dict[str, Any]:
        """Counts of sites, hectares with intervals, the median cluster, the largest site."""
        return {
            "sites": {"listed": sum(self._counts.values()), **self._counts,
                      "answered_with_caution": self._cautions},
            "sites_by_ground": dict(self._flags),
            "totals": {name: total.as_json() for name, total in self._totals.items()},
            "buildings": self._buildings,
            "clusters": len(self._clusters),
            "largest_aoi_hectares": self._largest,
            "median_cluster_hectares": round(statistics.median(self._clusters), _DECIMALS)
            if self._clusters else None,
        }  # fmt: skip


class RollUp:
    """All sites, and by year and province; memory grows with groups, not with sites."""

    def __init__(self, overlaps: Sequence[Overlap] = ()) -> None:
        """Nothing yet; ``overlaps`` is the ground that the sums will count more than once."""
        self._overlaps = overlaps
        self._all = Group()
        self._groups: dict[tuple[str, str], Group] = {}
        self._reasons: dict[str, int] = {}

    def add(self, row: Mapping[str, Any], outcome: Outcome) -> None:
        """Take in one row of the table."""
        place = (str(row["year"] or ""), str(row["province"] or ""))
        self._all.add(row, outcome)
        self._groups.setdefault(place, Group()).add(row, outcome)
        if outcome.kind:
            self._reasons[outcome.kind] = self._reasons.get(outcome.kind, 0) + 1

    def as_json(self) -> dict[str, Any]:
        """As summary.json holds it."""
        return {
            "schema": SCHEMA,
            "all": self._all.as_json(),
            "cautions": overlap_words(self._overlaps),
            "overlaps": [
                {"ids": list(pair.ids), "hectares": round(pair.hectares, _DECIMALS)}
                for pair in self._overlaps
            ],
            "reasons": dict(sorted(self._reasons.items())),
            "by_year_and_province": [
                {"year": year, "province": province, **group.as_json()}
                for (year, province), group in sorted(self._groups.items())
            ],
            "words": {
                "interval": "90 %; the model's own error, what it imagines where nothing changed, "
                "and what was not seen are taken as alike at every site",
                **_FLAGS,
            },
            "software": {"landshift": __version__},
        }
