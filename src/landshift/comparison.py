"""The whole story of one site on one page."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landshift.alignment import Alignment
from landshift.area import Hectares, measure_area, measure_balance
from landshift.buildings import outline_buildings
from landshift.clouds import without_clouds
from landshift.errors import ImageError, UnfitPairError
from landshift.fitness import Fitness, judge_fitness
from landshift.landcover import classify_pair, shares_of_place
from landshift.model import Model, load_model
from landshift.mosaic import Shared, align_apart
from landshift.preview import make_preview
from landshift.raster import Raster
from landshift.reading import (
    PictureInfo,
    describe_image,
    doubts_of_gsd,
    inside,
    notes_of_gsd,
    plan_grid,
    project_aoi,
    read_raster,
    working_gsd_m,
)
from landshift.report import ImageRecord, MaskRecord, SiteReport
from landshift.sensor import FAMILY_BANDS, Family, Sensor
from landshift.settings import Settings
from landshift.site import Site
from landshift.transition import find_transitions, settings_of_place
from landshift.wording import mask_words, model_words

_LIBRARIES = ("numpy", "numba", "rasterio", "scikit-image", "scipy", "shapely", "pyproj")


def compare_site(
    site: Site,
    model_name: str,
    settings: Settings,
    progress: Callable[[str], None],
    threads: int | None = None,
) -> SiteReport:
    """Find what changed inside one site between its two pictures.

    Parameters
    ----------
    site
        The two pictures and the outline; without an outline their overlap is the site.
    model_name
        A packaged model's name, or the path of a model file.
    settings
        Every threshold.
    progress
        Told the name of each stage as it begins.
    threads
        Blocks classified at a time, all cores by default; the answer does not depend on it.

    Raises
    ------
    InputError
        When a picture, the outline or the model cannot be used.
    ComparisonError
        When no answer can be trusted.
    """
    most = settings.grid.most_pixels
    pictures = describe_image(site.before, most), describe_image(site.after, most)
    model = model_for(*pictures, model_name, settings)
    grid = plan_grid(*pictures, site.aoi, settings.grid, model.finest_gsd_m)
    outline = project_aoi(site.aoi, grid.crs) if site.aoi else None
    progress("reading")
    # what was built is measured where it is seen
    after = read_raster(site.after, grid, most_pixels=most)
    progress("registering")
    alignment, shared = align_pictures(after, pictures, settings)
    # warped once, from the source's own pixels
    before = read_raster(site.before, grid, alignment, most)
    aoi = inside(outline, grid) if outline else before.shown & after.shown
    shown = before, after
    before, after, clouds = without_clouds(before, after, settings.clouds)
    doubts = tuple(doubt for one in pictures
                   for doubt in (*one.doubts, *doubts_of_gsd(one, settings.grid)))  # fmt: skip
    doubts += shared.doubts(aoi, settings.fitness.caution_same_share)
    fitness = judge_fitness(
        before, shared.masked(after), alignment, aoi, settings.fitness, clouds, doubts
    )
    _refuse_unfit(site, fitness)
    progress("classifying")
    cover_before, cover_after, evidence = classify_pair(before, after, model, threads)
    evidence = shared.taken_from(evidence)
    progress("measuring")
    shares = shares_of_place((cover_before, cover_after), model, settings.cover)
    changes = find_transitions(
        cover_before, cover_after, evidence, alignment, aoi, (before, after),
        settings_of_place(settings.transition, shares),
    )  # fmt: skip
    buildings, clusters = outline_buildings(changes, after, settings.buildings)
    transitions, totals = measure_area(changes, alignment, settings.area)
    records = tuple(_record(*each, aoi) for each in zip(pictures, shown, strict=True))
    return SiteReport(
        site=site, before=records[0], after=records[1],
        fitness=fitness, alignment=alignment, changes=changes, transitions=transitions,
        totals=totals, buildings=buildings, clusters=clusters,
        # two sums of the same pixels may differ in their last digit
        seen_share=min(float(changes.seen_hectares.sum() / changes.aoi_hectares), 1.0),
        outline=outline, before_picture=make_preview(shown[0], settings.preview),
        after_picture=make_preview(shown[1], settings.preview),
        warnings=_warnings(pictures, records, fitness, alignment, model, settings, totals),
        settings=settings.as_dict(), software=_software(model),
        balance=measure_balance(changes, alignment, settings.area),
    )  # fmt: skip


def model_for(
    before: PictureInfo, after: PictureInfo, model_name: str, settings: Settings
) -> Model:
    """The model of the richest family of bands that both pictures can feed.

    Raises
    ------
    ImageError
        When there is no such family.
    """
    shared = tuple(role for role in before.sensor.bands if role and role in after.sensor.bands)
    gsd_m = working_gsd_m(before, after, settings.grid)
    family: Family | None = Sensor(shared, gsd_m).family(gsd_m)
    if family is None:
        allowed = "; ".join(f"{name}: {' '.join(bands)}" for name, bands in FAMILY_BANDS.items())
        notes = dict.fromkeys(before.empty_bands + after.empty_bands)  # one picture may be both
        why = "".join(f" ({note})" for note in notes)
        raise ImageError(
            "no model reads the bands that both pictures have: found "
            f"{' '.join(shared) or 'none'}{why}"
            f"; allowed {allowed}; --bands names them where the files do not"
        )
    return load_model(model_name, family)


def align_pictures(
    after: Raster, pictures: tuple[PictureInfo, PictureInfo], settings: Settings
) -> tuple[Alignment, Shared]:
    """The alignment of the before picture, and what both show of one and the same picture.

    There is nothing to find where both are one file.

    Outlines are drawn, and buildings measured, on the picture that shows what was built; so that
    one stays as it is, and the other is moved onto it. Windows of the before picture are sought in
    the after picture all the same, and what was found is read from the other side: all that is
    known of the verdict's thresholds was measured so.

    Parameters
    ----------
    after
        The after picture on the grid of the comparison.
    pictures
        What both pictures say of themselves.
    settings
        Of the alignment.
    """
    if pictures[0].sha256 == pictures[1].sha256:
        return Alignment.identity(after.grid), Shared.none(after.grid.shape)
    most = settings.grid.most_pixels
    before = read_raster(pictures[0].image, after.grid, most_pixels=most)
    found, shared = align_apart(before, after, settings.alignment, settings.fitness)
    if found.verdict == "failed" and _are_framed_alike(*pictures):
        return taken_as_framed(found, settings), shared
    return found.reversed(), shared


def _are_framed_alike(one: PictureInfo, other: PictureInfo) -> bool:
    """Whether two pictures without CRS may be crops of one view, and nothing says otherwise."""
    places = one.placement, other.placement
    apart = places[0] and places[1] and not places[0].has_corner_of(places[1])
    return one.grid.crs is None and one.grid.shape == other.grid.shape and not apart


def taken_as_framed(failed: Alignment, settings: Settings) -> Alignment:
    """Pictures of one frame that could not be registered, left as they came.

    Crops of one view without CRS carry their user's word that they begin at the same corner. The
    verdict stays *failed*, and a residual shift is assumed that every interval is widened by.
    """
    return replace(
        Alignment.identity(failed.grid), verdict="failed", reason=failed.reason,
        residual_rms_m=settings.alignment.unproven_residual_m,
    )  # fmt: skip


def _refuse_unfit(site: Site, fitness: Fitness) -> None:
    if fitness.verdict == "refuse":
        reasons = "; ".join(fitness.reasons)
        raise UnfitPairError(
            f"no answer for {site.before.path.name} and {site.after.path.name}: {reasons}"
        )


def _record(picture: PictureInfo, shown: Raster, aoi: NDArray[np.bool_]) -> ImageRecord:
    mask = None
    if picture.mask is not None and shown.hidden is not None:
        hidden = float(shown.hidden[aoi].mean())
        given = str(picture.mask.path)
        mask = MaskRecord(given, picture.mask.kind, picture.mask.sha256, hidden)
    return ImageRecord(
        path=str(picture.image.path), sha256=picture.sha256,
        date=picture.date.isoformat() if picture.date else None,
        sensor=f"{picture.sensor.name} ({' '.join(b or '-' for b in picture.sensor.bands)})",
        gsd_m=picture.sensor.gsd_m, bands=picture.image.bands,
        mask=mask,
    )  # fmt: skip


def _warnings(
    pictures: tuple[PictureInfo, PictureInfo], records: tuple[ImageRecord, ...], fitness: Fitness,
    alignment: Alignment, model: Model, settings: Settings, totals: Mapping[str, Hectares],
) -> tuple[str, ...]:  # fmt: skip
    found = list(fitness.reasons)
    if pictures[0].sha256 == pictures[1].sha256:
        found.append("both pictures are the same file: nothing can have changed between them")
    for when, one in zip(("before", "after"), records, strict=True):
        if one.mask is not None:
            whole = f"the site in the {when} picture"
            found.append(mask_words(Path(one.mask.path).name, one.mask.hidden_share, whole))
    found += [note for picture in pictures for note in picture.notes]
    found += notes_of_gsd(*pictures, settings.grid)
    undated = any(one.date is None for one in pictures)  # one day alone orders nothing
    if undated and totals["removed_building"].low > totals["new_building"].high:
        found.append("more buildings went than came, and no date tells which picture is the older: "
                     "perhaps they were given the wrong way round")  # fmt: skip
    if alignment.verdict == "doubtful" and alignment.reason not in " ".join(found):
        found.append(f"the alignment is doubtful: {alignment.reason}")
    if model.research_only:
        found.append(f"the model {model.name} may be used for {model.licence}")
    return tuple(found)


def _software(model: Model) -> dict[str, str]:
    versions = {name: metadata.version(name) for name in ("landshift", *_LIBRARIES)}
    told = {"model_licence": model.licence} if model.research_only else {}
    return versions | {
        "python": platform.python_version(),
        "model": f"{model.name}-{model.family}",
        "model_sha256": model.sha256,
        "model_about": model_words(model),
    } | told
