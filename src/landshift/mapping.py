"""The land cover of one picture, on its own pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landshift.comparison import model_for
from landshift.encoding import data_uri, png_bytes
from landshift.grid import Grid
from landshift.landcover import classify, shares_of_place, weighed_by_shares
from landshift.legend import COLOURS, COVERS, NOT_SEEN
from landshift.reading import (
    describe_image,
    nearest_codes,
    notes_of_gsd,
    plan_own_grid,
    read_whole,
)
from landshift.settings import Settings
from landshift.site import Image
from landshift.wording import mask_words

_THUMBNAIL_PX = 500
"""Longer side of the map in a notebook."""


@dataclass(frozen=True, eq=False)
class CoverMap:
    """One land-cover code per pixel of a picture."""

    codes: NDArray[np.uint8]
    """(row, col) of the picture's own grid; codes of `legend.Cover`, 0 not seen."""
    hectares: Mapping[str, float]
    """Geodesic, by label of the class; a count of codes."""
    seen_share: float
    """Share of the picture that it shows, 0-1."""
    grid: Grid
    """The picture's own."""
    warnings: tuple[str, ...]

    def _repr_html_(self) -> str:
        """What a notebook shows: the map, and hectares by class beside their colours."""
        colours = np.zeros((len(COVERS) + 1, 4), np.uint8)
        for kind in COVERS:
            colours[kind] = (*COLOURS[kind], 255)
        step = -(-max(self.codes.shape) // _THUMBNAIL_PX)
        uri = data_uri(png_bytes(colours[self.codes[::step, ::step]]), "image/png")
        rows = "".join(
            f"<tr><td style='background:rgb{COLOURS[kind]}'>&emsp;</td><th>{kind.label}</th>"
            f"<td>{self.hectares[kind.label]:.2f} ha</td></tr>"
            for kind in COVERS if self.hectares[kind.label] > 0
        )  # fmt: skip
        return f"<img src='{uri}' alt='land cover'><table>{rows}</table>"


def map_cover(
    image: Image, model_name: str, settings: Settings, progress: Callable[[str], None]
) -> CoverMap:
    """Classify ``image`` at the model's scale and bring the classes back to its own pixels.

    Raises
    ------
    InputError
        When the picture or the model cannot be used.
    NoOverlapError
        When the picture shows nothing.
    """
    picture = describe_image(image, settings.grid.most_pixels)
    model = model_for(picture, picture, model_name, settings)
    grid = plan_own_grid(picture, settings.grid, model.finest_gsd_m)
    progress("reading")
    raster, seen = read_whole(image, grid, settings.grid.most_pixels)
    progress("classifying")
    found = classify(raster, model)
    cover = weighed_by_shares(found, shares_of_place([found], model, settings.cover))
    codes = np.array([int(kind) for kind in COVERS], np.uint8)[cover.probability.argmax(axis=0)]
    codes[~cover.valid] = NOT_SEEN
    own = nearest_codes(codes, grid, picture.grid)
    own[~seen] = NOT_SEEN  # pixels narrower than the grid's, lost among seen ones
    by_row = picture.grid.pixel_hectares
    hectares = {
        kind.label: float(np.count_nonzero(own == kind, axis=1) @ by_row) for kind in COVERS
    }
    share = float(np.count_nonzero(own != NOT_SEEN) / own.size)
    notes = picture.notes + notes_of_gsd(picture, picture, settings.grid)
    if picture.mask is not None and raster.hidden is not None:
        hidden = float(raster.hidden.mean())
        notes = (mask_words(picture.mask.path.name, hidden, "the picture"), *notes)
    return CoverMap(own, hectares, share, picture.grid, notes)
