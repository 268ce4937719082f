"""landshift from Python: as small as the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from landshift.batch.child import Limits
from landshift.batch.night import BatchPlan, run_batch
from landshift.batch.site_list import read_site_list
from landshift.comparison import compare_site
from landshift.dataset import cover_as_dataset, pictures_as_array, report_as_dataset
from landshift.errors import SettingsError
from landshift.legend import OUTSIDE
from landshift.lessons import assess_map, teach_model
from landshift.mapping import CoverMap, map_cover
from landshift.patches import find_patches
from landshift.reading import read_aoi, read_codes, read_facts
from landshift.report import SiteReport
from landshift.sensor import roles_named
from landshift.settings import Settings
from landshift.site import Image, Site, mask_named, site_id
from landshift.writing import write_report

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from landshift.assessment import Assessment
    from landshift.teaching import Lesson

__all__ = [
    "as_dataset", "assess", "classify", "compare", "compare_list", "draw", "pictures", "save",
    "teach",
]  # fmt: skip


def compare(
    before: str | Path,
    after: str | Path,
    *,
    aoi: str | Path | None = None,
    name: str = "",
    gsd_m: float | None = None,
    bands: Sequence[str] | None = None,
    before_date: date | None = None,
    after_date: date | None = None,
    before_mask: str | Path | None = None,
    after_mask: str | Path | None = None,
    model: str | Path = "open",
    settings: Settings | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> SiteReport:
    """What was built between two pictures of a site, what it replaced, and how many hectares.

    Parameters
    ----------
    before, after
        Pictures: GeoTIFF, COG, JPEG 2000, PNG or JPEG.
    aoi
        GeoJSON of the site's outline; without one the pictures' overlap is the site.
    name
        What people call the site; else as the outline's file says.
    gsd_m
        Side of a pixel in metres: of the pictures where they have no CRS, else to work at, where no
        picture is coarser.
    bands
        Role of each band, in both pictures, where the files do not say it; ``"skip"`` for a band
        of no use.
    before_date, after_date
        Days of the pictures, where neither they nor the outline's file say it.
    before_mask, after_mask
        Masks beside the pictures: a file that says what it is, or ``"scl:FILE"``, ``"udm2:FILE"``,
        ``"udm:FILE"``, ``"seen:FILE"`` (what is not 0 was seen), ``"hidden:FILE"`` (was not). What
        they hide counts as not seen.
    model
        A packaged model's name, or the path of a model file.
    settings
        Thresholds; those of `landshift.settings` where none are given.
    progress
        Told the name of each stage as it begins.

    Raises
    ------
    InputError
        When a picture, the outline or the model cannot be used.
    ComparisonError
        When no answer can be trusted; the message says why.

    Examples
    --------
    >>> import landshift
    >>> report = landshift.compare(
    ...     "sample_tiles/songchon/before.tif", "sample_tiles/songchon/after.tif",
    ...     aoi="sample_tiles/songchon/site.geojson", name="Songchon (simulated)",
    ... )
    >>> report.before.date, report.after.date
    ('2024-03-20', '2024-11-04')
    >>> new = report.totals["new_building"]
    >>> 0 <= new.low <= new.value <= new.high
    True
    """
    roles = _roles(bands)
    before, after = Path(before), Path(after)
    facts = {} if aoi is None else read_facts(Path(aoi))
    days = [
        given or (date.fromisoformat(facts[key]) if key in facts else None)
        for given, key in ((before_date, "before_date"), (after_date, "after_date"))
    ]
    site = Site(
        id=site_id(facts.get("id") or name or before.stem),
        before=Image(before, gsd_m, roles, days[0], mask_named(before_mask)),
        after=Image(after, gsd_m, roles, days[1], mask_named(after_mask)),
        aoi=None if aoi is None else read_aoi(Path(aoi)),
        name=name or facts.get("name", ""),
    )
    return compare_site(site, str(model), _at(settings, gsd_m), progress)


def classify(
    image: str | Path,
    *,
    gsd_m: float | None = None,
    bands: Sequence[str] | None = None,
    day: date | None = None,
    mask: str | Path | None = None,
    model: str | Path = "open",
    settings: Settings | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> CoverMap:
    """The land cover of one picture, on its own pixels; parameters as in `compare`.

    ``mask`` is what ``before_mask`` is there.

    Raises
    ------
    InputError
        When the picture or the model cannot be used.

    Examples
    --------
    >>> import landshift
    >>> cover = landshift.classify("sample_tiles/songchon/after.tif")
    >>> sorted(cover.hectares)[:3]
    ['bare', 'building', 'cropland']
    """
    roles = _roles(bands)
    picture = Image(Path(image), gsd_m, roles, day, mask_named(mask))
    return map_cover(picture, str(model), _at(settings, gsd_m), progress)


def compare_list(
    sites: str | Path,
    out: str | Path,
    *,
    workers: int = 1,
    gsd_m: float | None = None,
    model: str | Path = "open",
    settings: Settings | None = None,
    timeout_s: float | None = 1800.0,
) -> dict[str, str]:
    """Compare every site of a list, as ``landshift batch`` does; run again, it goes on.

    Parameters
    ----------
    sites
        CSV, GeoJSON, GeoPackage or GeoParquet with columns id, before, after and more.
    out
        Folder of the sites' results, index.html, sites.csv, sites.gpkg and summary.json.
    workers
        Processes at a time.
    gsd_m, model, settings
        As in `compare`, for every site.
    timeout_s
        Seconds after which a site is given up; None for never.

    Returns
    -------
    dict
        Identifier of each site → answered, refused, failed or not run. A row that has none of its
        own stands under its place in the list, such as "line 4".

    Examples
    --------
    A site that cannot be answered takes no other with it:

    >>> import pathlib, tempfile
    >>> import landshift
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> text = "id,before,after\\nlost,gone.tif,gone.tif\\n"
    >>> written = (folder / "sites.csv").write_text(text)
    >>> landshift.compare_list(folder / "sites.csv", folder / "out")
    {'lost': 'failed'}
    >>> sorted(path.name for path in (folder / "out").glob("*.html"))
    ['index.html']
    """
    plan = BatchPlan(
        sites=read_site_list(Path(sites)), out=Path(out), model=str(model),
        settings=_at(settings, gsd_m), workers=workers, limits=Limits(timeout_s, None),
    )  # fmt: skip
    found: dict[str, str] = {}
    # a site that could be begun has an id of its own; rows that could not may repeat it
    for done in sorted(run_batch(plan), key=lambda one: not one.listed.folder):
        listed = done.listed
        own = listed.id and listed.id not in found
        found[listed.id if own else listed.place] = done.outcome.status
    return found


def teach(
    image: str | Path,
    polygons: str | Path,
    out: str | Path,
    *,
    gsd_m: float | None = None,
    bands: Sequence[str] | None = None,
    model: str | Path = "open",
    settings: Settings | None = None,
    overwrite: bool = False,
    progress: Callable[[str], None] = lambda stage: None,
) -> Lesson:
    """Refit the classes of a model to polygons drawn on a picture; the rest stays as it was.

    Parameters
    ----------
    image
        The picture that was drawn on.
    polygons
        GeoJSON with a property ``class`` (cropland, greenhouse, building, bare, paved, woody,
        herbaceous, water), or a raster of codes 1-8.
    out
        The model file to write; give it to `classify` or `compare` as ``model``.
    overwrite
        Replace ``out`` where it exists.
    gsd_m, bands, model, settings, progress
        As in `compare`; ``model`` is what is refitted.

    Returns
    -------
    Lesson
        What was drawn, and how much of it is named rightly before and after.

    Raises
    ------
    InputError
        When picture, polygons or model cannot be used, or too little was drawn.
    OutputError
        When ``out`` exists or cannot be written.
    """
    picture = Image(Path(image), gsd_m, _roles(bands))
    return teach_model(
        picture, Path(polygons), Path(out), str(model), _at(settings, gsd_m), overwrite, progress
    )


def assess(
    mapped: CoverMap | SiteReport | str | Path,
    reference: str | Path,
    *,
    gsd_m: float | None = None,
    confidence: float = 0.9,
) -> Assessment:
    """How right a map is, by a reference: error matrix, scores, hectares corrected for errors.

    Parameters
    ----------
    mapped
        What `classify` or `compare` gave, or a raster that they wrote.
    reference
        A raster of the same codes, 0 where nobody knows, or GeoJSON polygons or points with a
        property ``class``.
    gsd_m
        Side of a pixel of ``mapped`` in metres, where it is a file without CRS.
    confidence
        Of all intervals, 0-1.

    Raises
    ------
    InputError
        When a file cannot be used, or nothing of the reference lies on the map.

    References
    ----------
    Olofsson et al. 2014, Remote Sensing of Environment 148, 42-57: the reference should be a
    random sample within each class of the map.
    """
    if isinstance(mapped, CoverMap):
        codes, grid = mapped.codes, mapped.grid
    elif isinstance(mapped, SiteReport):
        changes = mapped.changes
        codes, grid = np.where(changes.codes == OUTSIDE, 0, changes.codes), changes.grid
    else:
        codes, grid = read_codes(Path(mapped), gsd_m)
    return assess_map(codes.astype(np.uint8), grid, Path(reference), confidence)


def as_dataset(result: SiteReport | CoverMap) -> xr.Dataset:
    """The maps of a comparison or a classification, with coordinates, CRS and attributes.

    The land cover of a turned picture has no x of its columns and no y of its rows; the
    ``GeoTransform`` of ``spatial_ref`` says where it lies.

    Examples
    --------
    With ``report`` and ``cover`` of `compare` and `classify`:

    >>> maps = landshift.as_dataset(report)
    >>> maps.code.dims, maps.x.attrs["units"]
    (('y', 'x'), 'm')
    >>> maps.after.attrs["flag_meanings"].split()[:4]
    ['not_seen', 'cropland', 'greenhouse', 'building']
    >>> "EPSG" in landshift.as_dataset(cover).spatial_ref.attrs["crs_wkt"]
    True
    """
    if isinstance(result, SiteReport):
        return report_as_dataset(result)
    return cover_as_dataset(result.codes, result.grid)


def pictures(report: SiteReport) -> xr.DataArray:
    """Both pictures of a comparison, aligned and stretched for display.

    Examples
    --------
    With ``report`` of `compare`:

    >>> landshift.pictures(report).sel(which="after").dims
    ('y', 'x', 'channel')
    """
    return pictures_as_array(report)


def draw(report: SiteReport) -> Figure:
    """The figure of a comparison, as matplotlib's Figure.

    Examples
    --------
    With ``report`` of `compare`:

    >>> figure = landshift.draw(report)
    >>> float(figure.get_figwidth())
    7.2
    """
    from landshift.figure import draw as draw_figure  # matplotlib takes a second to load

    return draw_figure(report, find_patches(report.changes))


def save(
    report: SiteReport, out: str | Path, *, overwrite: bool = False,
    figures: Sequence[str] = ("png",), geoparquet: bool = False,
) -> None:  # fmt: skip
    """Write the folder that ``landshift compare --out`` writes.

    Parameters
    ----------
    report
        What `compare` found.
    out
        The folder; all of it is written, or nothing.
    overwrite
        Replace an earlier result.
    figures
        Formats of the figure: any of png, svg, pdf.
    geoparquet
        Write changes.parquet too; needs the extra ``geoparquet``.

    Raises
    ------
    OutputError
        When the folder exists or cannot be written.
    SettingsError
        When ``figures`` names another format.

    Examples
    --------
    With ``report`` of `compare`, and a new folder:

    >>> landshift.save(report, folder / "songchon", figures=[])
    >>> (folder / "songchon" / "report.html").is_file()
    True
    """
    kinds = (figures,) if isinstance(figures, str) else tuple(figures)
    write_report(report, Path(out), overwrite, kinds, geoparquet)


def _roles(bands: Sequence[str] | None) -> tuple[str, ...] | None:
    if bands is None:
        return None
    try:
        return roles_named(bands)
    except ValueError as error:
        raise SettingsError(f"bands: {error}") from None


def _at(settings: Settings | None, gsd_m: float | None) -> Settings:
    """The settings, working at ``gsd_m`` where it is given."""
    settings = settings or Settings()
    if gsd_m is None:
        return settings
    return replace(settings, grid=replace(settings.grid, gsd_m=gsd_m))
