"""A ChangeMap and the after picture → a list of buildings, and the clusters that they form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from shapely import STRtree
from shapely.geometry import MultiPolygon, Polygon
from skimage import measure

from landshift.buildings import outlines
from landshift.buildings.completing import complete_roofs
from landshift.buildings.masks import disc
from landshift.buildings.roofs import part_regions
from landshift.change_map import ChangeMap
from landshift.grid import Grid
from landshift.legend import COVERS, NOT_SEEN, Cover, transition_code
from landshift.raster import Raster
from landshift.settings import BuildingSettings, is_up_to

Mask = NDArray[np.bool_]
Stage = Literal["roofed", "frame or foundation"]

_SQUARE_METRES_PER_HECTARE = 10_000.0
_STAYED_BUILDING = transition_code(Cover.BUILDING, Cover.BUILDING)
_HECTARE_DECIMALS = 4
"""One square metre; else what is printed of a cluster and of the files of many sites may differ."""
_GROUND_PX = 3, 8
"""From where to where, pixels from a building, the ground beside it is looked at: past the blur of
its outline."""


@dataclass(frozen=True)
class Building:
    """One new building as seen from above; outlines are roofs, displaced where the view leans."""

    outline: Polygon
    """In the grid's CRS; a courtyard of more than `hole_share` is a hole in it."""
    hectares: float
    """Geodesic, of the whole building, beyond the aoi as well where it stands astride; without
    courtyards."""
    length_m: float
    """Longer side of the minimum rotated rectangle, metres on the ground."""
    width_m: float
    """Shorter side, metres."""
    azimuth_deg: float | None
    """Direction of the longer side, clockwise from grid north; tenths, from 0 to below 180. None
    where too few pixels tell it."""
    rectangularity: float
    """Area of the region over that of its minimum rotated rectangle, 0-1."""
    was: Cover
    """What covered most of its ground before."""
    stage: Stage | None
    """Whether it carries a roof yet; None where pixels are too large or too few to tell."""
    probability: float
    """Mean probability of a new building over its pixels, 0-1."""
    replaced: bool
    """True where it took the place of another building."""
    part_unseen: bool
    """True where it reaches ground that was not seen on both dates, under a cloud or beyond the
    pictures' edge: outline and size are of the part that was seen."""


@dataclass(frozen=True)
class Cluster:
    """Buildings that stand near one another and share an azimuth; of unknown azimuth none."""

    buildings: tuple[int, ...]
    """Places in the list of buildings, at least two."""
    built_hectares: float
    """Sum over its buildings."""
    hull_hectares: float
    """Area of the convex hull around them."""
    azimuth_deg: float
    """Shared azimuth modulo 90, clockwise from grid north; tenths, from 0 to below 90."""


def outline_buildings(
    changes: ChangeMap, picture: Raster, settings: BuildingSettings
) -> tuple[tuple[Building, ...], tuple[Cluster, ...]]:
    """New buildings, largest first, and the clusters that they form.

    None at pixels of `coarsest_gsd_m` and more: there hectares stand for them.

    Parameters
    ----------
    changes
        Where buildings were gained or replaced.
    picture
        The after picture; roofs are told from frames by it.
    settings
        Smallest sizes, when to split, merge, straighten.
    """
    if picture.grid != changes.grid:
        raise ValueError("picture and changes lie on different grids")
    gsd_m = changes.grid.gsd_m
    if is_up_to(settings.coarsest_gsd_m, gsd_m) or not changes.new_building.any():
        return (), ()
    regions = part_regions(
        changes.new_building, changes.new_building_probability, gsd_m, settings
    )
    if is_up_to(gsd_m, settings.roof_coarsest_gsd_m):
        standing = (changes.codes == _STAYED_BUILDING) & ~changes.replaced
        regions = complete_roofs(
            regions, changes.new_building_probability, standing, picture, settings
        )
    shapes = []
    for number, window in enumerate(ndimage.find_objects(regions), start=1):
        if window is not None:
            shape = _shape(changes, regions, number, window, settings)
            if shape is not None:
                shapes.append(shape)
    pooled = outlines.pooled_azimuth([shape.steady_rectangle for shape in shapes])
    told = is_up_to(gsd_m, settings.stage_coarsest_gsd_m)
    steps = _brightness_steps(picture) if told else None
    # beyond the aoi no code tells what the before picture hides
    seen = (changes.codes != NOT_SEEN) & picture.valid
    found = [_building(changes, shape, pooled, steps, seen, settings) for shape in shapes]
    found = [building for building in found if _is_believed(building, settings)]
    found.sort(key=lambda building: (-building.hectares, building.outline.bounds))
    buildings = tuple(found)
    return buildings, find_clusters(buildings, changes.grid, settings)


def _is_believed(building: Building, settings: BuildingSettings) -> bool:
    """Whether chance or shape speaks for a building; the ragged edge of a yard has neither."""
    likely = building.probability >= settings.doubtful_probability
    return likely or building.rectangularity >= settings.doubtful_rectangularity


@dataclass(frozen=True, eq=False)
class Shape:
    """A region that is large enough to be a building."""

    row: int
    """First row and column of its window, which has a rim of one pixel where the grid has."""
    col: int
    mask: Mask
    """(row, col) of the window."""
    outline: Polygon
    """At sub-pixel precision, in the grid's CRS, without holes."""
    courtyards: tuple[Polygon, ...]
    """What it stands around, drawn likewise."""
    rectangle: outlines.Rectangle
    """Its minimum rotated rectangle, metres of the CRS."""

    @property
    def steady_rectangle(self) -> outlines.Rectangle:
        """The same, turned as its area lies."""
        azimuth = outlines.steady_azimuth(self.outline, self.rectangle)
        return replace(self.rectangle, azimuth_deg=azimuth)


def _shape(
    changes: ChangeMap,
    regions: NDArray[np.int32],
    number: int,
    window: tuple[slice, slice],
    settings: BuildingSettings,
) -> Shape | None:
    """Outline and rectangle of one region, None where it is no building to be listed."""
    rows, cols = changes.grid.shape
    top, left = max(window[0].start - 1, 0), max(window[1].start - 1, 0)
    view = np.s_[top : min(window[0].stop + 1, rows), left : min(window[1].stop + 1, cols)]
    mask = regions[view] == number
    gsd_m = changes.grid.gsd_m
    if mask.sum() * gsd_m**2 < settings.least_m2:
        return None
    inside = changes.codes[view] != 255
    if (mask & inside).sum() < settings.least_inside_share * mask.sum():
        return None
    if (changes.codes[view][mask & inside] == NOT_SEEN).all():
        return None  # a roof completed from a part beyond the aoi into what nobody saw
    probability = changes.new_building_probability[view]
    outline = trace_outline(mask, probability, changes.grid, top, left)
    if outline is None:
        return None
    yards = tuple(
        yard for hole in courtyards(mask, settings.hole_share)
        if (yard := trace_outline(hole, 1.0 - probability, changes.grid, top, left)) is not None
    )
    rectangle = outlines.minimum_rectangle(outline)
    if rectangle.width * changes.grid.metres_per_unit < settings.least_side_px * gsd_m:
        return None
    return Shape(top, left, mask, outline, yards, rectangle)


def courtyards(mask: Mask, hole_share: float) -> list[Mask]:
    """Holes of one region that are too large a share of it, with all its holes, to be roof.

    What has no roof is no part of a building, and what stands in a courtyard is one of its own.
    """
    filled = ndimage.binary_fill_holes(mask)
    holes, count = ndimage.label(filled & ~mask)
    sizes = np.bincount(holes.ravel(), minlength=count + 1)
    least = hole_share * np.count_nonzero(filled)
    return [holes == number for number in range(1, count + 1) if sizes[number] > least]


def trace_outline(
    mask: Mask, probability: NDArray[np.float32], grid: Grid, row: int, col: int
) -> Polygon | None:
    """Outline of ``mask``, drawn between pixels where the probability says so, in the CRS.

    The mean of mask and probability crosses one half on the mask's rim; where along the step from
    pixel to pixel it does so, the probability decides.
    """
    inside = 0.5 + 0.5 * np.maximum(probability, 0.5)
    outside = np.minimum(0.5 * probability, 0.49)
    surface = np.pad(np.where(mask, inside, outside), 1)
    lines = measure.find_contours(surface, 0.5)  # type: ignore[no-untyped-call]
    if not lines:
        return None
    longest = max(lines, key=lambda line: abs(_shoelace(line)))
    if len(longest) < 4:
        return None
    x, y = grid.xy(longest[:, 0] - 1 + row, longest[:, 1] - 1 + col)
    outline = Polygon(np.column_stack([x, y]))
    if not outline.is_valid:
        outline = outline.buffer(0)
        if isinstance(outline, MultiPolygon):
            outline = max(outline.geoms, key=lambda part: part.area)
    return outline if outline.area > 0 else None


def _shoelace(line: NDArray[np.float64]) -> float:
    return float(np.sum(line[:-1, 0] * line[1:, 1] - line[1:, 0] * line[:-1, 1]) / 2)


def _building(
    changes: ChangeMap,
    shape: Shape,
    pooled_deg: float | None,
    steps: NDArray[np.float32] | None,
    seen: Mask,
    settings: BuildingSettings,
) -> Building:
    rows, cols = shape.mask.shape
    view = np.s_[shape.row : shape.row + rows, shape.col : shape.col + cols]
    grid = changes.grid
    scale = grid.metres_per_unit
    outline, rectangle = outlines.regularise(
        shape.outline, shape.rectangle, pooled_deg, grid.gsd_m / scale, settings
    )
    for yard in shape.courtyards:
        around = outline.difference(yard.simplify(0.5 * grid.gsd_m / scale))
        if around.is_empty:
            continue
        # where a side is so thin that its straight line leaves none of it, the rest is the building
        outline = max(getattr(around, "geoms", [around]), key=lambda part: part.area)
    yards = sum(yard.area for yard in shape.courtyards)
    # What was built anew tells what stood there, closed cracks do not; where a part beyond the aoi
    # was completed into it, all of the roof that has a code.
    counts = _covers_before(changes.codes[view][shape.mask & changes.new_building[view]])
    if not counts.any():
        counts = _covers_before(changes.codes[view][shape.mask])
    was = COVERS[int(counts.argmax())]
    pixel = float(grid.pixel_hectares[shape.row : shape.row + rows] @ shape.mask.mean(axis=1))
    pixel /= float(shape.mask.mean(axis=1).sum())
    told = rectangle.width * scale >= settings.least_azimuth_px * grid.gsd_m
    return Building(
        outline=outline,
        hectares=outline.area / abs(grid.transform.determinant) * pixel,
        length_m=rectangle.length * scale,
        width_m=rectangle.width * scale,
        azimuth_deg=round(rectangle.azimuth_deg, 1) % 180.0 if told else None,
        rectangularity=min((shape.outline.area - yards) / shape.rectangle.area, 1.0),
        was=was,
        stage=None if steps is None else _stage(steps, shape, settings),
        probability=float(changes.new_building_probability[view][shape.mask].mean()),
        replaced=was is Cover.BUILDING,
        part_unseen=_reaches_unseen(seen, shape, settings.rim_px),
    )


def _covers_before(codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Pixels of each cover that ``codes`` tell of before; not seen and outside tell none."""
    return np.bincount(codes // 10, minlength=10)[1 : len(COVERS) + 1]


def _reaches_unseen(seen: Mask, shape: Shape, rim_px: float) -> bool:
    """Whether a region comes as close to what was not seen as the rim that it may have lost.

    What lies beyond the grid was not ``seen`` (row, col) either.
    """
    reach = int(np.ceil(rim_px)) + 1
    mask = np.pad(shape.mask, reach)
    top, left = shape.row - reach, shape.col - reach
    view = seen[max(top, 0) : top + mask.shape[0], max(left, 0) : left + mask.shape[1]]
    around = np.zeros_like(mask)
    row, col = max(-top, 0), max(-left, 0)
    around[row : row + view.shape[0], col : col + view.shape[1]] = view
    beside = ndimage.binary_dilation(mask, disc(rim_px + 1))
    return bool((beside & ~around).any())


def _brightness_steps(picture: Raster) -> NDArray[np.float32]:
    """Steps of brightness (row, col), NaN where one leads to what the picture does not show."""
    brightness = picture.bands.mean(axis=0, dtype=np.float32)
    down, right = np.gradient(brightness) if min(brightness.shape) > 1 else (brightness * 0,) * 2
    steps = np.asarray(np.hypot(down, right), np.float32)
    steps[~ndimage.binary_erosion(picture.valid, border_value=1)] = np.nan
    return steps


def _stage(steps: NDArray[np.float32], shape: Shape, settings: BuildingSettings) -> Stage | None:
    """A roof is even inside and ends at a sharp line; a frame is rough, inside as at its rim."""
    reach = _GROUND_PX[1] + 1
    rows, cols = shape.mask.shape
    top, left = max(shape.row - reach, 0), max(shape.col - reach, 0)
    view = steps[top : shape.row + rows + reach, left : shape.col + cols + reach]
    mask = np.zeros(view.shape, np.bool_)
    mask[shape.row - top : shape.row - top + rows, shape.col - left : shape.col - left + cols] = (
        shape.mask
    )
    told = ~np.isnan(view)
    core = ndimage.binary_erosion(mask, iterations=2) & told
    rim = (mask & ~ndimage.binary_erosion(mask) | ndimage.binary_dilation(mask) & ~mask) & told
    if np.count_nonzero(core) < settings.least_stage_px or not rim.any():
        return None
    near, far = (ndimage.binary_dilation(mask, iterations=count) for count in _GROUND_PX)
    ground = far & ~near & told
    inside, around = float(np.median(view[core])), float(np.median(view[rim]))
    beside = float(np.median(view[ground])) if ground.any() else 0.0
    rough = inside > settings.frame_texture * around and inside > settings.frame_roughness * beside
    return "frame or foundation" if rough else "roofed"


def find_clusters(
    buildings: tuple[Building, ...], grid: Grid, settings: BuildingSettings
) -> tuple[Cluster, ...]:
    """Groups of buildings linked by nearness and a shared azimuth, largest built area first."""
    if len(buildings) < 2:
        return ()
    scale = grid.metres_per_unit
    group = list(range(len(buildings)))

    def root(place: int) -> int:
        while group[place] != place:
            place = group[place]
        return place

    shapes = [building.outline for building in buildings]
    near = STRtree(shapes).query(
        shapes, predicate="dwithin", distance=settings.cluster_gap_m / scale
    )
    for one, two in near.T.tolist():
        mine, theirs = buildings[one].azimuth_deg, buildings[two].azimuth_deg
        if one >= two or mine is None or theirs is None:
            continue
        if outlines.turn_deg(mine, theirs) <= settings.cluster_azimuth_deg:
            high, low = sorted((root(one), root(two)), reverse=True)
            group[high] = low
    members: dict[int, list[int]] = {}
    for place in range(len(buildings)):
        members.setdefault(root(place), []).append(place)
    clusters = [
        _cluster(buildings, tuple(places), grid) for places in members.values() if len(places) > 1
    ]
    return tuple(sorted(clusters, key=lambda cluster: (-cluster.built_hectares, cluster.buildings)))


def _cluster(buildings: tuple[Building, ...], places: tuple[int, ...], grid: Grid) -> Cluster:
    members = [buildings[place] for place in places]
    hull = MultiPolygon([member.outline for member in members]).convex_hull
    told = [(one.azimuth_deg, one.length_m) for one in members if one.azimuth_deg is not None]
    azimuth = outlines.mean_azimuth(*zip(*told, strict=True))
    return Cluster(
        buildings=places,
        built_hectares=round(sum(member.hectares for member in members), _HECTARE_DECIMALS),
        hull_hectares=hull.area * grid.metres_per_unit ** 2 / _SQUARE_METRES_PER_HECTARE,
        azimuth_deg=round(azimuth, 1) % 90.0,
    )
