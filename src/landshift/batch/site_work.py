"""One site's work, as a worker does it: compare, write the folder, return a small dict."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from landshift.batch.digest import digest_of
from landshift.batch.fetching import pictures_at_hand, without_query
from landshift.batch.listed_site import ListedSite
from landshift.batch.naming import plain
from landshift.errors import ComparisonError, FetchError, InputError, LandshiftError, OutputError
from landshift.report import ImageRecord, SiteReport
from landshift.settings import Settings
from landshift.site import Site
from landshift.writing import write_report

COMPARE = "landshift.comparison:compare_site"
"""What answers a site, as module:function."""


@dataclass(frozen=True)
class SiteJob:
    """All that a worker needs to know of a site."""

    key: str
    """Of its work, see `landshift.batch.fingerprint`."""
    listed: ListedSite
    model: str
    """A packaged model's name or the absolute path of a file."""
    settings: Settings
    folder: Path
    """Absolute path of the folder to write."""
    figure_formats: tuple[str, ...]
    """Of the figures to draw: png, svg, pdf."""
    compare: str = COMPARE
    """What answers it, as module:function."""


def answer_site(job: SiteJob) -> dict[str, Any]:
    """Answer one site and write its folder; whatever goes wrong becomes an outcome.

    Returns
    -------
    dict
        status, kind, reason, detail and digest of `landshift.batch.outcome.Outcome`.
    """
    site = job.listed.site
    try:
        compare = _function(job.compare)
        with pictures_at_hand(job.listed) as site:
            site = _at_gsd(site, job.settings.grid.gsd_m)
            report = compare(site, job.model, job.settings, _say_nothing, 1)
        report = _as_listed(report, job.listed)
        write_report(report, job.folder, True, job.figure_formats)
        return _told("answered", digest=digest_of(report))
    except ComparisonError as error:
        return _told("refused", "pair", _reason(error, job, site))
    except FetchError as error:
        return _told("failed", "fetch", _reason(error, job, site))
    except InputError as error:
        return _told("failed", "input", _reason(error, job, site))
    except OutputError as error:
        return _told("failed", "output", _reason(error, job, site))
    except MemoryError:
        return _told("failed", "memory", "out of memory; a smaller aoi or a larger gsd needs less")
    except Exception as error:  # a mistake of ours at one site must not cost the others
        if isinstance(error, LandshiftError):
            return _told("failed", "input", _reason(error, job, site))
        reason = f"{type(error).__name__}: {_reason(error, job, site)}"
        return _told("failed", "error", reason, detail=traceback.format_exc()[-4000:])


def _told(
    status: str, kind: str = "", reason: str = "", detail: str = "", digest: Any = None
) -> dict[str, Any]:
    return {
        "status": status, "kind": kind, "reason": reason, "detail": detail, "digest": digest
    }  # fmt: skip


def _function(name: str) -> Callable[..., SiteReport]:
    module, _, function = name.partition(":")
    found: Callable[..., SiteReport] = getattr(importlib.import_module(module), function)
    return found


def _at_gsd(site: Site, gsd_m: float | None) -> Site:
    """The site with the pixel of pictures that have no CRS, which the list may leave to --gsd."""
    before, after = (replace(image, gsd_m=gsd_m) for image in (site.before, site.after))
    return replace(site, before=before, after=after)


def _say_nothing(stage: str) -> None:
    pass


def _as_listed(report: SiteReport, listed: ListedSite) -> SiteReport:
    """The report with pictures named as the list names them: the same on every machine.

    Of addresses without their queries, which may be signatures.
    """
    return replace(
        report,
        before=_named(report.before, listed.before, listed.before_mask),
        after=_named(report.after, listed.after, listed.after_mask),
    )


def _named(record: ImageRecord, path: str, mask_path: str) -> ImageRecord:
    mask = None if record.mask is None else replace(record.mask, path=without_query(mask_path))
    return replace(record, path=without_query(path), mask=mask)


def _reason(error: BaseException, job: SiteJob, site: Site | None) -> str:
    """The message without the folders of this machine, those of fetched pictures among them."""
    text = str(error) or type(error).__name__
    if isinstance(site, Site):
        listed = job.listed
        for image, name, mask in ((site.before, listed.before, listed.before_mask),
                                  (site.after, listed.after, listed.after_mask)):  # fmt: skip
            files = [(image.path, name), *([(image.mask.path, mask)] if image.mask else [])]
            for file, listed_name in reversed(files):
                if file.is_absolute():  # of what was not fetched yet there is but a name
                    text = text.replace(str(file), without_query(listed_name))
    text = text.replace(str(job.folder), f"sites/{job.folder.name}")
    return plain(text)
