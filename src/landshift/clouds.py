"""Two pictures of one ground → where cloud or snow hides it in one of them.

The classes know no cloud, and it looks like what is asked about: white, smooth, new. So it is taken
out before anything is classified, and counts as not seen.

A cloud is bright, colourless, brighter than the same ground on the other date, wide, and of ragged
outline. New roofs and yards of concrete are all of that but the last: their outlines run straight.
It lies anywhere; what was among the brightest ground before is that ground, exposed more.
Where one cloud is sure, what looks like it around it is taken for its rims and shreds. Thin cloud
is not found, nor what is as bright on both dates, nor shadows of clouds, which the models take for
what they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure

from landshift.colour import full_scale
from landshift.raster import Raster, block_means
from landshift.settings import CloudSettings

Mask = NDArray[np.bool_]
Cells = NDArray[np.float32]

_VISIBLE = ("red", "green", "blue")
_LEAST_SPAN = 1e-6
"""Keeps a picture of one colour finite."""
_BRIGHT_FROM = 0.8
"""Share of a picture's cells that are darker than its bright ones."""
_LEAST_OUTLINED_CELLS = 9
"""Regions of fewer cells have no outline to speak of."""
_OUTLINE_ERROR_CELLS = 1.0
"""Most that a simplified outline may lie off: a straight edge is a staircase of cells."""


def without_clouds(
    before: Raster, after: Raster, settings: CloudSettings
) -> tuple[Raster, Raster, tuple[Mask, Mask]]:
    """Both pictures, each without its clouds: what they hide is not valid; and their clouds.

    Parameters
    ----------
    before, after
        Both dates on one grid.
    settings
        What is taken for cloud.
    """
    clouds = find_clouds(before, after, settings)
    return _uncovered(before, clouds[0]), _uncovered(after, clouds[1]), clouds


def _uncovered(picture: Raster, hidden: Mask) -> Raster:
    if not hidden.any():
        return picture
    bands = np.where(hidden, np.float32(0.0), picture.bands)
    return replace(picture, bands=bands, valid=picture.valid & ~hidden)


def find_clouds(before: Raster, after: Raster, settings: CloudSettings) -> tuple[Mask, Mask]:
    """Where cloud or snow hides the ground in one picture and not in the other.

    Parameters
    ----------
    before, after
        Both dates on one grid.
    settings
        What is taken for cloud.

    Returns
    -------
    ndarray of bool, shape (row, col)
        In the picture before; nowhere where one of both has no red, green and blue.
    ndarray of bool, shape (row, col)
        In the picture after.
    """
    shape = before.grid.shape
    nowhere = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    if not all(set(_VISIBLE) <= set(picture.sensor.bands) for picture in (before, after)):
        return nowhere
    factor = max(1, round(settings.cell_m / before.grid.gsd_m))
    cell_m = before.grid.gsd_m * factor
    seen = before.valid & after.valid
    cells = [block_means(_without_glints(one), seen, factor) for one in (before, after)]
    held = cells[0][1]
    if not held.any():
        return nowhere
    extremes = [(means.min(axis=0), means.max(axis=0)) for means, _ in cells]
    found = []
    for place, (picture, other) in enumerate(((before, after), (after, before))):
        # what a mask beside the picture hides is no margin of it
        alone = (other.valid & ~picture.shown).astype(np.float32)
        blank = block_means(alone[None], np.ones(shape, np.bool_), factor)[0][0] > 0.5
        white, least_white = 1.0, settings.reflectance
        if picture.sensor.scale is None:
            white, least_white = full_scale(picture), settings.display
        own, others = extremes[place], extremes[1 - place][0]
        light = _Light.of(*own, others, held, blank, white, settings.glint_cells)
        sure = _sure(light, cell_m, least_white, settings)
        if not sure.any():
            found.append(nowhere[place])
            continue
        hidden = _spread(sure, light, cell_m, settings)
        whole = np.repeat(np.repeat(hidden, factor, axis=0), factor, axis=1)
        found.append(whole[: shape[0], : shape[1]])
    return found[0], found[1]


def _without_glints(picture: Raster) -> NDArray[np.float32]:
    """Visible bands, no value above white: one hot pixel would be all that is bright."""
    bands = picture.select(_VISIBLE)
    if picture.sensor.scale is None:
        np.minimum(bands, np.float32(full_scale(picture)), out=bands)
    return bands


@dataclass(frozen=True, eq=False)
class _Light:
    """What the light of a picture says, cell by cell, each (row, col)."""

    darkest: Cells
    """Its darkest visible band, over white; 1 where blank."""
    level: Cells
    """The same; 0 the median of the picture, 1 its brightest cell that is no glint."""
    above_ground: Cells
    """The same, in distances of the picture's dark end (5th percentile) from its median."""
    lift: Cells
    """Its level less the other picture's."""
    colourless: Cells
    """Darkest over brightest visible band, 0-1."""
    bright_already: Mask
    """Whether the other picture's level is among its own highest fifth."""
    held: Mask
    """Whether both pictures show it."""
    blank: Mask
    """Whether the other picture alone shows it: burnt-out cloud is read as a blank margin."""

    @staticmethod
    def of(
        darkest: Cells, brightest: Cells, darkest_other: Cells, held: Mask, blank: Mask,
        white: float, glints: int,
    ) -> _Light:  # fmt: skip
        """Of darkest and brightest visible bands; cells that are not ``held`` count as dark."""
        level, above = _levels(darkest, held, glints)
        lift = level - _levels(darkest_other, held, glints)[0]
        for part in (level, above, lift):
            part[~held] = -1.0
        return _Light(
            np.where(blank, np.float32(1.0), darkest / np.float32(white)), level, above, lift,
            np.asarray(darkest / np.maximum(brightest, _LEAST_SPAN), np.float32),
            darkest_other > np.quantile(darkest_other[held], _BRIGHT_FROM), held, blank,
        )  # fmt: skip

    def over(self, level: float, above: float, lift: float, colourless: float) -> Mask:
        """Cells that reach all four."""
        return np.asarray(
            (self.level >= level) & (self.above_ground >= above)
            & (self.lift >= lift) & (self.colourless >= colourless)
        )  # fmt: skip


def _levels(darkest: Cells, held: Mask, glints: int) -> tuple[Cells, Cells]:
    """Levels over the median, in spans to the brightest cell but some and to the dark end."""
    own = darkest[held]
    last = max(own.size - 1 - glints, own.size // 2)
    brightest = np.partition(own, last)[last]
    dark, median = np.quantile(own, (0.05, 0.5))
    over = darkest - np.float32(median)
    white = max(float(brightest - median), _LEAST_SPAN)
    span = max(float(median - dark), _LEAST_SPAN)
    return np.asarray(over / white, np.float32), np.asarray(over / span, np.float32)


def _sure(light: _Light, cell_m: float, least_white: float, settings: CloudSettings) -> Mask:
    """Cells of wide ragged regions that look like cloud, with blank ground that they go over to."""
    bright = light.over(
        settings.level, settings.above_ground, settings.lift, settings.colourless
    )
    core = bright | _burnt_out(light, bright, settings)
    radius = max(settings.least_radius_m / cell_m, settings.least_radius_px)
    rim = int(radius) + 1  # what goes on beyond the picture may be as wide as it likes
    wide = ndimage.binary_opening(np.pad(core, rim, mode="edge"), _disc(radius))[rim:-rim, rim:-rim]
    names, count = ndimage.label(core)
    holds_circle = np.zeros(count + 1, np.bool_)
    holds_circle[names[wide & core]] = True
    sure = np.zeros(core.shape, np.bool_)
    for name, place in enumerate(ndimage.find_objects(names), 1):
        region = names[place] == name
        shown = region & bright[place]
        if (
            holds_circle[name]
            and shown.any()
            and float(np.median(light.darkest[place][region])) >= least_white
            and light.bright_already[place][shown].mean() <= settings.most_bright_already
            and _straight_share(region, place, core.shape) <= settings.most_straight
        ):
            sure[place] |= region
    return sure


def _burnt_out(light: _Light, bright: Mask, settings: CloudSettings) -> Mask:
    """Blank ground that bright cloud goes over to; a hole in a picture has ground around it."""
    names, count = ndimage.label(light.blank)
    burnt = np.zeros(count + 1, np.bool_)
    for name, place in enumerate(ndimage.find_objects(names), 1):
        around = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in place)
        region = names[around] == name
        rim = ndimage.binary_dilation(region) & light.held[around]
        burnt[name] = np.count_nonzero(rim & bright[around]) > (
            settings.blank_rim * np.count_nonzero(rim)
        )
    return np.asarray(burnt[names])


def _disc(radius: float) -> Mask:
    reach = int(radius)
    down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.asarray(down**2 + right**2 <= radius**2)


def _straight_share(
    region: Mask, place: tuple[slice, slice], shape: tuple[int, ...]
) -> float:
    """Share of the outline of ``region`` in long straight runs.

    Long is 0.4 of the root of its area: all of a rectangle's sides up to 6 to 1. The rim of the
    picture is no outline.

    Parameters
    ----------
    region
        (row, col) of a window.
    place
        Where the window lies in the picture.
    shape
        Rows and columns of the picture.
    """
    least = 0.4 * np.sqrt(np.count_nonzero(region))
    straight = total = 0.0
    padded = np.pad(region, 1).astype(np.float32)
    for line in measure.find_contours(padded, 0.5):  # type: ignore[no-untyped-call]
        corners = measure.approximate_polygon(  # type: ignore[no-untyped-call]
            line, _OUTLINE_ERROR_CELLS
        )
        corners += [place[0].start - 1, place[1].start - 1]
        ends = np.array(shape) - 1
        rim = ((corners[1:] <= 0) & (corners[:-1] <= 0)) | (
            (corners[1:] >= ends) & (corners[:-1] >= ends)
        )
        runs = np.hypot(*np.diff(corners, axis=0).T)[~rim.any(axis=1)]
        straight += float(runs[runs >= least].sum())
        total += float(runs.sum())
    return straight / total if total else 0.0


def _spread(sure: Mask, light: _Light, cell_m: float, settings: CloudSettings) -> Mask:
    """``sure`` with its rims, and ragged shreds as bright as it, and a margin."""
    level = settings.shred_level * float(np.median(light.level[sure & ~light.blank]))
    shreds = light.over(level, settings.above_ground, settings.lift, settings.colourless)
    names, _ = ndimage.label(shreds | sure)
    cloud = np.zeros(sure.shape, np.bool_)
    for name, place in enumerate(ndimage.find_objects(names), 1):
        region = names[place] == name
        if sure[place][region].any() or (
            light.bright_already[place][region].mean() <= settings.most_bright_already
            and (
                np.count_nonzero(region) < _LEAST_OUTLINED_CELLS
                or _straight_share(region, place, sure.shape) <= settings.most_straight
            )
        ):
            cloud[place] |= region
    rims = light.over(
        0.0, settings.rim_share * settings.above_ground,
        settings.rim_share * settings.lift, settings.colourless,
    )  # fmt: skip
    rims &= ~light.bright_already
    near = _within(cloud, max(1, round(settings.rim_m / cell_m)))
    found = ndimage.binary_propagation(cloud, mask=(rims & near) | cloud)
    margin = max(1, round(settings.margin_m / cell_m))
    return np.asarray(ndimage.binary_fill_holes(_within(found, margin)))


def _within(mask: Mask, cells: int) -> Mask:
    """Where ``mask`` lies no farther than so many cells away, (row, col); not for an empty one.

    Dilation by a disc is the same and costs the disc's area for every cell: at 2 m a pixel, with 60
    m around clouds, thirty times more.
    """
    return np.asarray(ndimage.distance_transform_edt(~mask) <= cells)
