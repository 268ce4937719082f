"""Polygons of buildings: their rectangle, their azimuth, and straight sides where they fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely import affinity, intersection
from shapely.geometry import Polygon

from landshift.settings import BuildingSettings

_TRIED_TURNS_DEG = np.arange(-6.0, 6.01, 0.5)
"""Turns from the minimum rectangle that are tried; a pixel's step at the end of a side of 20
pixels turns that rectangle by 3°."""
_AT_A_TIME = 256
"""Buildings compared with all others at once: all with all took gigabytes in a large town."""


@dataclass(frozen=True)
class Rectangle:
    """A rectangle in the plane of a CRS."""

    x: float
    """Of its centre, CRS units."""
    y: float
    length: float
    """Longer side, CRS units."""
    width: float
    azimuth_deg: float
    """Of the longer side, 0-180 clockwise from the CRS's north."""

    @property
    def area(self) -> float:
        """Square CRS units."""
        return self.length * self.width

    @property
    def polygon(self) -> Polygon:
        """Its four corners."""
        half_w, half_l = self.width / 2, self.length / 2
        upright = Polygon(
            [(-half_w, -half_l), (half_w, -half_l), (half_w, half_l), (-half_w, half_l)]
        )
        turned = affinity.rotate(upright, -self.azimuth_deg, origin=(0, 0))
        return affinity.translate(turned, self.x, self.y)


def turn_deg(one_deg: float, two_deg: float) -> float:
    """Angle between two azimuths modulo 90, 0-45."""
    apart = abs(one_deg - two_deg) % 90.0
    return min(apart, 90.0 - apart)


def mean_azimuth(azimuths_deg: Sequence[float], weights: Sequence[float]) -> float:
    """Weighted circular mean modulo 90, 0-90."""
    turned = np.exp(4j * np.radians(np.asarray(azimuths_deg))) * np.asarray(weights)
    return float(np.degrees(np.angle(turned.sum())) / 4 % 90.0)


def pooled_azimuth(rectangles: Sequence[Rectangle]) -> float | None:
    """Azimuth modulo 90 that most of the buildings' lengths share, None without buildings.

    The mean of those within 10° of the densest azimuth, so that a few that stand askew do not
    pull it.
    """
    if not rectangles:
        return None
    azimuths = np.array([one.azimuth_deg for one in rectangles])
    lengths = np.array([one.length for one in rectangles])
    parts = np.split(azimuths, range(_AT_A_TIME, len(azimuths), _AT_A_TIME))
    density = np.concatenate([_near(part, azimuths) @ lengths for part in parts])
    chosen = _near(azimuths[int(density.argmax())], azimuths)
    return mean_azimuth(azimuths[chosen].tolist(), lengths[chosen].tolist())


def _near(
    some: NDArray[np.float64] | np.float64, azimuths: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which of ``azimuths`` lie within 10° of each of some, modulo 90."""
    apart = np.abs(np.asarray(some)[..., None] - azimuths) % 90.0
    return np.asarray(np.minimum(apart, 90.0 - apart) <= 10.0)


def minimum_rectangle(outline: Polygon) -> Rectangle:
    """The rectangle of least area, at any azimuth, that holds ``outline``."""
    smallest = outline.minimum_rotated_rectangle
    if not isinstance(smallest, Polygon):
        raise ValueError(f"an outline without width has no rectangle: {outline.wkt}")
    corners = np.array(smallest.exterior.coords)
    sides = np.diff(corners[:3], axis=0)
    lengths = np.hypot(*sides.T)
    longer = int(lengths.argmax())
    azimuth = float(np.degrees(np.arctan2(sides[longer, 0], sides[longer, 1])) % 180.0)
    x, y = corners[:4].mean(axis=0)
    return Rectangle(float(x), float(y), float(lengths.max()), float(lengths.min()), azimuth)


def overlap(one: Polygon, two: Polygon) -> float:
    """Intersection over union.

    On a grid of a micrometre: without one, GEOS 3.14 finds an empty intersection for some
    rectangles that differ by rounding alone.
    """
    common = intersection(one, two, grid_size=1e-6).area
    return float(common / (one.area + two.area - common))


def fitted_rectangle(outline: Polygon, azimuth_deg: float) -> Rectangle:
    """The rectangle of this azimuth with the area and second moments of ``outline``.

    Sides in the proportion of the standard deviations along and across, which an outline's bumps
    hardly move, scaled to the area.
    """
    # Rotating by the azimuth brings the long side upright: x is then across, y along.
    turned = affinity.rotate(outline, azimuth_deg, origin=(0, 0))
    across, along = _deviations(np.array(turned.exterior.coords))
    ratio = along / across
    centre = outline.centroid
    length, width = np.sqrt(outline.area * ratio), np.sqrt(outline.area / ratio)
    azimuth = azimuth_deg
    if width > length:
        length, width, azimuth = width, length, azimuth_deg + 90.0
    return Rectangle(centre.x, centre.y, float(length), float(width), azimuth % 180.0)


def _deviations(ring: NDArray[np.float64]) -> tuple[float, float]:
    """Standard deviations of x and y over the area inside a closed ring (point, 2)."""
    square = _covariance(ring)
    return tuple(np.sqrt(np.maximum(np.diagonal(square), 1e-12)).tolist())


def _covariance(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance (2, 2) of x and y over the area inside a closed ring (point, 2)."""
    ring = ring - ring[0]
    one, two = ring[:-1], ring[1:]
    cross = one[:, 0] * two[:, 1] - two[:, 0] * one[:, 1]
    area = cross.sum() / 2
    mean = (cross[:, None] * (one + two)).sum(axis=0) / (6 * area)
    # Green's theorem: the integrals of x², xy and y² over the triangles to the origin
    both = one + two
    terms = one[:, :, None] * one[:, None] + two[:, :, None] * two[:, None]
    terms = terms + both[:, :, None] * both[:, None]
    return np.asarray((cross[:, None, None] * terms).sum(axis=0) / (24 * area)) - np.outer(
        mean, mean
    )


def principal_azimuth(outline: Polygon) -> float:
    """Direction of the longest spread of ``outline``'s area, 0-180 clockwise from north.

    Steps of pixels along the sides hardly turn it, as they do the minimum rectangle.
    """
    spread = _covariance(np.array(outline.exterior.coords))
    east_north = 2.0 * spread[0, 1]
    return float(np.degrees(np.arctan2(east_north, spread[1, 1] - spread[0, 0])) / 2 % 180.0)


def steady_azimuth(outline: Polygon, rectangle: Rectangle) -> float:
    """Azimuth of ``outline`` by its area, or by its minimum ``rectangle`` where the two disagree.

    They do where it is no rectangle, or nearly a square.
    """
    axis = principal_azimuth(outline)
    agrees = turn_deg(axis, rectangle.azimuth_deg) <= float(_TRIED_TURNS_DEG.max())
    return axis if agrees else rectangle.azimuth_deg


def best_rectangle(
    outline: Polygon, start: Rectangle, pooled_deg: float | None, settings: BuildingSettings
) -> tuple[Rectangle, float]:
    """The rectangle that overlaps ``outline`` most, and its overlap; the site's azimuth preferred.

    The principal axis is taken where it costs no more than half of `pooled_loss`: over a few
    degrees overlap hardly changes, and steps of pixels decide.
    The pooled azimuth is taken within `pooled_azimuth_deg` where it costs no more than
    `pooled_loss` of overlap: a cluster's shared azimuth is better known than a building's own.
    """
    tried = [fitted_rectangle(outline, start.azimuth_deg + turn) for turn in _TRIED_TURNS_DEG]
    overlaps = [overlap(outline, one.polygon) for one in tried]
    place = int(np.argmax(overlaps))
    best, most = tried[place], overlaps[place]
    axis = fitted_rectangle(outline, principal_azimuth(outline))
    reached = overlap(outline, axis.polygon)
    if reached >= most - settings.pooled_loss / 2:
        best, most = axis, reached
    if pooled_deg is not None and turn_deg(best.azimuth_deg, pooled_deg) <= (
        settings.pooled_azimuth_deg
    ):
        shared = fitted_rectangle(outline, pooled_deg)
        reached = overlap(outline, shared.polygon)
        if reached >= most - settings.pooled_loss:
            return shared, reached
    return best, most


def regularise(
    outline: Polygon,
    rectangle: Rectangle,
    pooled_deg: float | None,
    gsd: float,
    settings: BuildingSettings,
) -> tuple[Polygon, Rectangle]:
    """A rectangle, else a right-angled polygon, else the outline; all of the outline's area.

    Parameters
    ----------
    outline
        Of the region, CRS units.
    rectangle
        Its minimum rotated rectangle.
    pooled_deg
        Azimuth of the site, modulo 90, if any.
    gsd
        Side of a pixel, CRS units.
    settings
        Where each of the three stands.

    Returns
    -------
    polygon, rectangle
        The rectangle is the fitted one, or for other shapes the smallest around the polygon.
    """
    best, reached = best_rectangle(outline, rectangle, pooled_deg, settings)
    if reached >= settings.rectangle_overlap:
        return best.polygon, best
    square = right_angled(outline, best.azimuth_deg, gsd)
    if square is not None and overlap(outline, square) >= settings.polygon_overlap:
        return square, minimum_rectangle(square)
    simple = outline.simplify(0.5 * gsd)
    if not isinstance(simple, Polygon) or not simple.is_valid:
        simple = outline
    simple = _with_area(simple, outline.area)
    return simple, minimum_rectangle(simple)


def _with_area(polygon: Polygon, area: float) -> Polygon:
    factor = float(np.sqrt(area / polygon.area))
    return affinity.scale(polygon, factor, factor, origin="centroid")


def right_angled(outline: Polygon, azimuth_deg: float, gsd: float) -> Polygon | None:
    """``outline`` with every side along or across ``azimuth_deg``, None where that fails.

    Sides of the simplified outline are drawn to the nearer of the two directions, runs of one
    direction joined at their length-weighted mean, corners set where they cross.
    """
    turned = affinity.rotate(outline, azimuth_deg, origin=(0, 0)).simplify(1.5 * gsd)
    if not isinstance(turned, Polygon):
        return None
    ring = np.array(turned.exterior.coords)
    sides = np.diff(ring, axis=0)
    lengths = np.hypot(*sides.T)
    upright = np.abs(sides[:, 1]) >= np.abs(sides[:, 0])
    middle = (ring[:-1] + ring[1:]) / 2
    # Begin at a change of direction, so that no run is cut by the ring's own start.
    breaks = np.flatnonzero(upright != np.roll(upright, 1))
    if breaks.size < 4:
        return None
    order = np.roll(np.arange(len(sides)), -int(breaks[0]))
    runs = np.split(order, np.flatnonzero(np.diff(upright[order])) + 1)
    places = [
        (
            bool(upright[run[0]]),
            float(np.average(middle[run, 0 if upright[run[0]] else 1], weights=lengths[run])),
        )
        for run in runs
    ]
    corners = []
    for (is_upright, place), (_, following) in zip(places, places[1:] + places[:1], strict=True):
        corners.append((place, following) if is_upright else (following, place))
    square = Polygon(corners)
    if not square.is_valid or square.area <= 0:
        return None
    return affinity.rotate(_with_area(square, outline.area), -azimuth_deg, origin=(0, 0))
