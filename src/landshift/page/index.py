"""Rows of many sites and their roll-up → one page with a map, a table and charts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from landshift.page.self_contained import fill, resource
from landshift.wording import TOTAL_MEANINGS, TOTAL_WORDS, hectare_decimals

OUTCOMES: dict[str, str] = {
    "ok": "answered",
    "caution": "answered with caution",
    "refused": "refused",
    "failed": "failed",
    "not-run": "not run",
}
"""What can come of a site, by the page's own key, in the order of its legend."""
_MOST_NAMES = 60
"""Sites whose names stand on the map at once; a click tells any other."""
_PLACE_DECIMALS = 6


def render_index(
    rows: Iterable[Mapping[str, Any]], summary: Mapping[str, Any], kinds: Mapping[str, str]
) -> str:
    """The page of a batch, as text; `self_contained.fill` says what it allows itself.

    Parameters
    ----------
    rows
        A row for each site under the columns of ``sites.csv``; None where there is nothing to
        tell.
    summary
        What ``summary.json`` holds.
    kinds
        Why sites were not answered: key → words.
    """
    sites = [_site(number, row, kinds) for number, row in enumerate(rows)]
    present = {site["outcome"] for site in sites}
    return fill(
        "index.html.j2", resource("index.css"), (resource("index.js"),),
        sites=sites, outcomes={key: OUTCOMES[key] for key in OUTCOMES if key in present},
        provinces=_choices(sites, "province"), years=_choices(sites, "year"),
        grounds=_grounds(sites), placed=sum(site["lon"] is not None for site in sites),
        charts=_charts(summary, kinds), cautions=summary["cautions"], software=summary["software"],
        data={"named": _MOST_NAMES, "sites": [_on_map(site) for site in sites]},
    )  # fmt: skip


def _site(number: int, row: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    """What the page tells of one site."""
    name = row["name"] or row["id"] or row["place"]
    outcome = row["verdict"] if row["status"] == "answered" else row["status"].replace(" ", "-")
    answered = row["status"] == "answered"
    new, low, high = (row[f"new_building_ha{end}"] for end in ("", "_low", "_high"))
    return {
        **{key: row[key] for key in (
            "province", "year", "replaced", "stage", "alignment", "before_date", "after_date",
            "buildings", "largest_cluster_ha", "cropland_loss_ha", "greenhouse_loss_ha",
            "cleared_ground_ha", "lon", "lat",
        )},
        "number": number,
        "few": _format(row["aoi_ha"]),
        "name": name,
        "id": row["id"] if row["id"] != name else "",
        "outcome": outcome if outcome in OUTCOMES else "failed",
        "why": row["reason"] or row["warnings"] or "",
        "kind": kinds.get(row["kind"] or "", ""),
        "new": new, "low": low, "high": high,
        "page": f"sites/{quote(row['folder'])}/report.html" if answered and row["folder"] else "",
    }  # fmt: skip


def _format(aoi_hectares: float | None) -> str:
    """Of the hectares of a site, or of sites of which this is the largest."""
    return f"%.{hectare_decimals(aoi_hectares)}f"


def _on_map(site: Mapping[str, Any]) -> dict[str, Any]:
    """What the map knows of a site; all else it reads in the table."""
    place = None
    if site["lon"] is not None:
        place = [round(site[key], _PLACE_DECIMALS) for key in ("lat", "lon")]
    return {
        "name": site["name"], "outcome": site["outcome"], "hectares": site["new"], "place": place
    }  # fmt: skip


def _choices(sites: Iterable[Mapping[str, Any]], key: str) -> list[str]:
    return sorted({str(site[key]) for site in sites if site[key]})


def _grounds(sites: Iterable[Mapping[str, Any]]) -> list[str]:
    """Kinds of ground that were built on at any site."""
    return sorted({word for site in sites for word in (site["replaced"] or "").split(", ") if word})


def _charts(summary: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    """The roll-up as bars, each with where it lies on a scale of 100."""
    whole, words = summary["all"], summary["words"]
    totals = [
        {"words": TOTAL_WORDS[key], "meaning": TOTAL_MEANINGS[key], "total": whole["totals"][key]}
        for key in TOTAL_WORDS if key in whole["totals"]
    ]  # fmt: skip
    groups = [
        {"words": ", ".join(filter(None, (group["year"], group["province"]))) or "not said",
         "counts": group["sites"], "total": group["totals"]["new_building"],
         "few": _format(group["largest_aoi_hectares"])}
        for group in summary["by_year_and_province"]
    ]  # fmt: skip
    for rows in (totals, groups):
        most = max([row["total"]["high"] or 0.0 for row in rows], default=0.0) or 1.0
        for row in rows:
            row["bar"] = _bar(row["total"], most)
    return {
        "counts": _outcome_bar(whole["sites"]),
        "listed": whole["sites"]["listed"],
        "answered": whole["sites"]["answered"],
        "few": _format(whole["largest_aoi_hectares"]),
        "totals": totals,
        "groups": groups,
        "grounds": _counted({words[key]: n for key, n in whole["sites_by_ground"].items()}),
        "reasons": _counted({kinds.get(key, key): n for key, n in summary["reasons"].items()}),
        "buildings": whole["buildings"],
        "clusters": whole["clusters"],
        "median_cluster_hectares": whole["median_cluster_hectares"],
    }


def _bar(total: Mapping[str, float | None], most: float) -> dict[str, float] | None:
    """Where value, low and high lie on a bar of 100; None where no site was answered."""
    value, low, high = total["hectares"], total["low"], total["high"]
    if value is None or low is None or high is None:
        return None
    return {"value": 100 * value / most, "low": 100 * low / most, "high": 100 * high / most}


def _outcome_bar(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Segments of one bar of 100, left to right, for outcomes that there are."""
    cautious = counts["answered_with_caution"]
    by_key = {
        "ok": counts["answered"] - cautious, "caution": cautious, "refused": counts["refused"],
        "failed": counts["failed"], "not-run": counts["not run"],
    }  # fmt: skip
    scale = 100 / max(counts["listed"], 1)
    segments, left = [], 0.0
    for key, count in by_key.items():
        if count:
            segments.append(
                {"key": key, "words": OUTCOMES[key], "count": count, "at": left,
                 "wide": count * scale}
            )  # fmt: skip
        left += count * scale
    return segments


def _counted(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    most = max(counts.values(), default=0) or 1
    return [{"words": w, "count": n, "wide": 100 * n / most} for w, n in counts.items()]
