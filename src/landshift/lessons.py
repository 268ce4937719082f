"""What people know of the ground: a model taught by it, a map judged by it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landshift.assessment import Assessment, assess, error_matrix, thinned
from landshift.comparison import model_for
from landshift.errors import InputError, SettingsError
from landshift.grid import Grid
from landshift.legend import Cover, code_label
from landshift.model import save_model
from landshift.placing import check_file, new_files
from landshift.reading import (
    describe_image,
    plan_own_grid,
    read_covers,
    read_raster,
    read_reference,
    reference_gsd_m,
    unmet_features,
)
from landshift.settings import UTM_SLACK, AssessmentSettings, Settings, TeachingSettings
from landshift.site import Image
from landshift.teaching import Lesson, model_meta, teach


def teach_model(
    image: Image, polygons: Path, out: Path, model_name: str, settings: Settings, overwrite: bool,
    progress: Callable[[str], None],
) -> Lesson:  # fmt: skip
    """Refit the classes of a model to what was drawn on ``image``, and write it to ``out``.

    Raises
    ------
    InputError
        When the picture, the polygons or the model cannot be used, or too little was drawn.
    OutputError
        When the file exists or cannot be made.
    """
    check_file(out, overwrite, inputs=[image.path, polygons, Path(model_name)])
    most = settings.grid.most_pixels
    info = describe_image(image, most)
    old = model_for(info, info, model_name, settings)
    grid = plan_own_grid(info, settings.grid, old.finest_gsd_m)
    progress("reading")
    raster = read_raster(image, grid, most_pixels=most)
    drawn = read_covers(polygons, grid, info.grid)
    progress("learning")
    new, lesson = teach(raster, drawn, old, TeachingSettings())
    with new_files(out) as (fresh,):
        save_model(fresh, model_meta(new), new.layers)
    return replace(lesson, unmet=unmet_features(polygons, grid, raster.valid))


def assess_map(
    mapped: NDArray[np.uint8],
    grid: Grid,
    reference: Path,
    confidence: float,
    spacing_m: float = AssessmentSettings.spacing_m,
) -> Assessment:
    """Compare codes (row, col) on ``grid`` with a reference, thinned to units that err separately.

    Units lie ``spacing_m`` apart, and no nearer than the pixels of a raster reference.

    Raises
    ------
    InputError
        When the reference cannot be used, or nothing of it lies on the map.
    SettingsError
        When ``confidence`` is no share.
    """
    if not 0.0 < confidence < 1.0:  # 90 for 0.9, and nan
        raise SettingsError(f"confidence is {confidence:g}; allowed is more than 0, less than 1")
    known = read_reference(reference, grid)
    _refuse_other_legend(mapped, known, reference)
    # rounded down, two units would lie in one pixel of the reference
    least = math.ceil(reference_gsd_m(reference, grid) / grid.gsd_m * (1.0 - UTM_SLACK))
    step_px = max(1, least, round(spacing_m / grid.gsd_m))
    # of what lies in part outside of the map, a unit is looked for where there is map
    sample = thinned(np.where(mapped > 0, known, np.uint8(0)), step_px)
    codes = np.union1d(mapped[mapped > 0], sample[sample > 0])
    number = np.zeros(256, np.uint8)
    number[codes] = np.arange(1, len(codes) + 1)
    hectares = [float((mapped == code).sum(axis=1) @ grid.pixel_hectares) for code in codes]
    labels = tuple(code_label(int(code)) for code in codes)
    matrix = error_matrix(number[mapped], number[sample], len(codes))
    if not matrix.any():
        raise InputError(f"{reference}: no unit of it lies on the map; nothing can be compared")
    try:
        found = assess(matrix, np.array(hectares), labels, confidence)
    except ValueError as error:
        raise InputError(f"{reference}: {error}") from error
    unmet = unmet_features(reference, grid, mapped > 0)
    return replace(found, unmet=unmet, spacing_m=step_px * grid.gsd_m)


def _refuse_other_legend(
    mapped: NDArray[np.uint8], known: NDArray[np.uint8], reference: Path
) -> None:
    kinds = ["changes" if codes.max(initial=0) > max(Cover) else "land cover"
             for codes in (mapped, known)]  # fmt: skip
    if known.any() and mapped.any() and kinds[0] != kinds[1]:
        raise InputError(f"{reference}: holds {kinds[1]}; the map holds {kinds[0]}, and so must it")
