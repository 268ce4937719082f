"""What a model learns from: simulated pairs and labelled pictures, cut, paired and disturbed."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from landshift.errors import ImageError, InputError
from landshift.features import normalise_bands
from landshift.legend import Cover
from landshift.reading import describe_image, read_drawing
from landshift.site import Image
from landshift.training.pictures import read_pixels
from landshift.training.recipe import Recipe

_Value = TypeVar("_Value", bound=np.generic)

SAME, GAINED, LOST, OTHER, IGNORED = 0, 1, 2, 3, 255
"""Kinds of change that the siamese head tells apart, and the label that it is not taught."""
BUILT, NOT_BUILT = 4, 5
"""What a mask of changed buildings says: gained or lost, nobody wrote which; neither of the two."""
ALLOWED = {
    SAME: (SAME,), GAINED: (GAINED,), LOST: (LOST,), OTHER: (OTHER,),
    BUILT: (GAINED, LOST), NOT_BUILT: (SAME, OTHER),
}  # fmt: skip
"""Which answers are right for each label."""
CHANGE_RIGHT = np.array([[k in ALLOWED.get(label, ()) for k in range(4)] for label in range(256)])
"""(label, kind); the same as a table, none where a label is `IGNORED`."""
_ONE_WAY = SAME, GAINED, LOST, OTHER
"""Labels that allow one answer alone."""
_SWAPPED = np.arange(256, dtype=np.uint8)
_SWAPPED[[GAINED, LOST]] = LOST, GAINED

_LIKE_SIDE = 1.3
"""Factor within which the pixels of a picture are as large as those that its objects are put among;
with others a house would be of a size that the gsd channel denies."""
_SLIVER_M = 2.0
"""Differences between two labels that are thinner than this are lean and sampling, not change."""


@dataclass(frozen=True, eq=False)
class Tile:
    """A pair of pictures of one place, or one picture (then ``dates`` is 1), with its labels."""

    name: str
    bands: NDArray[np.float16]
    """(dates, band, row, col); display values or reflectance, in the order of the family."""
    covers: NDArray[np.uint8]
    """(dates, row, col); codes of `legend.Cover`, 0 where nobody knows."""
    gsd_m: float
    """Side of a pixel, metres."""
    quiet: bool = False
    """Whether nothing lasting is known to have changed between its dates, on all of the ground;
    a picture of one date is quiet by nature."""
    kinds: NDArray[np.uint8] | None = None
    """(row, col); keys of `ALLOWED` and IGNORED, where change was drawn apart from the covers."""
    simulated: bool = False
    """Whether its pixels already have a random side; pictures are brought to one."""
    seen: NDArray[np.bool_] | None = None
    """(dates, row, col); False where a picture shows nothing; None where each shows all."""


@dataclass(frozen=True, eq=False)
class Example:
    """One crop as the network sees it."""

    before: NDArray[np.float32]
    """(band + 1, row, col)."""
    after: NDArray[np.float32]
    cover_before: NDArray[np.uint8]
    """(row, col); 0 is not taught."""
    cover_after: NDArray[np.uint8]
    kind: NDArray[np.uint8]
    """(row, col); a key of `ALLOWED`, or IGNORED."""


def read_tiles(
    table: Path, bands: tuple[str, ...], gsd_m: tuple[float, float]
) -> list[tuple[str, Tile]]:
    """Labelled pictures listed in a CSV, each with the word in its ``split`` column.

    Columns: image, label (raster of cover codes), gsd_m, bands (role of each band, joined by
    spaces), split (``train`` or ``held-out``); paths are relative to the table. Pictures that lack
    one of ``bands``, or whose pixels cannot be brought within ``gsd_m``, are left out.
    More columns may be there. ``second``, ``second_label``: a picture of the same ground on the
    same grid. ``change``: empty when nothing lasting changed between the two; ``labels`` when what
    changed is what the labels say; or a raster, above 127 where a building was gained or lost,
    which is believed where a label is missing. ``classes``: the cover code that each value of the
    labels means, joined by spaces. Any label may be missing where nobody drew one.
    """
    found = []
    with table.open(newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines), start=2):
            try:
                roles = row["bands"].split()
                side_m = float(row["gsd_m"])
                if not fits_family(roles, side_m, bands, gsd_m):
                    continue
                dates = [(row["image"], row.get("label") or "")]
                if row.get("second"):
                    dates.append((row["second"], row.get("second_label") or ""))
                meaning = [int(code) for code in (row.get("classes") or "").split()]
                told = [
                    _read_date(Image(table.parent / image, side_m, tuple(roles)),
                               table.parent / label if label else None, bands, meaning)
                    for image, label in dates
                ]  # fmt: skip
                shapes = (cover.shape for _, _, cover in told)
                rows, cols = (min(sides) for sides in zip(*shapes, strict=True))
                pictures, seen, covers = (
                    np.stack([each[..., :rows, :cols] for each in every])
                    for every in zip(*told, strict=True)
                )
                name = " and ".join(Path(image).name for image, _ in dates)
                change = row.get("change") or ""
                kind = _read_kinds(table.parent, change, covers, side_m) if change else None
                tile = Tile(name, pictures, covers, side_m, not change, kind, seen=seen)
                found.append((row["split"], tile))
            except (KeyError, ValueError, ImageError) as error:
                raise InputError(f"line {number} of {table}: {error}") from error
    return found


def _read_date(
    image: Image, label: Path | None, bands: tuple[str, ...], meaning: list[int]
) -> tuple[NDArray[np.float16], NDArray[np.bool_], NDArray[np.uint8]]:
    """One picture's bands, (band, row, col), where it was seen and its cover codes, (row, col)."""
    picture, seen = read_pixels(describe_image(image), bands)
    if label is None:
        return picture, seen, np.zeros(seen.shape, np.uint8)
    cover = read_drawing(label)
    if meaning:
        cover = np.array(meaning + [0] * (256 - len(meaning)), np.uint8)[cover]
    rows, cols = (min(a, b) for a, b in zip(seen.shape, cover.shape, strict=True))
    picture, seen, cover = picture[:, :rows, :cols], seen[:rows, :cols], cover[:rows, :cols]
    known = seen & (cover <= len(Cover))
    return picture, seen, np.where(known, cover, 0).astype(np.uint8)


def _read_kinds(
    folder: Path, change: str, covers: NDArray[np.uint8], gsd_m: float
) -> NDArray[np.uint8]:
    """Kinds of change that two labels tell, and where they don't, those that a mask tells."""
    kind = kinds(covers[0], covers[-1], gsd_m)
    kind[(covers[0] == 0) | (covers[-1] == 0)] = IGNORED
    if change == "labels":
        return kind
    mask = read_drawing(folder / change)[: kind.shape[0], : kind.shape[1]] > 127
    agrees = (kind != IGNORED) & (mask == np.isin(kind, (GAINED, LOST)))
    return np.where(agrees, kind, np.where(mask, BUILT, NOT_BUILT)).astype(np.uint8)


def fits_family(
    roles: Iterable[str | None], side_m: float, bands: tuple[str, ...], gsd_m: tuple[float, float]
) -> bool:
    """Whether a picture has the bands, and pixels that can be brought within ``gsd_m``.

    Finer ones are averaged, up to the four pixels a side beyond which little of a crop is left;
    coarser ones are drawn up to half again as large.
    """
    return set(bands) <= set(roles) and gsd_m[0] / 4 <= side_m <= gsd_m[1] * 1.5


def kinds(before: NDArray[np.uint8], after: NDArray[np.uint8], gsd_m: float) -> NDArray[np.uint8]:
    """What kind of change leads from one label to the other; slivers and the unknown are ignored.

    Parameters
    ----------
    before, after
        (row, col); codes of `legend.Cover`, 0 unknown.
    gsd_m
        Side of a pixel, metres.
    """
    kind = fate(before, after)
    side = round(_SLIVER_M / gsd_m)
    if side >= 2:
        for changed in (GAINED, LOST, OTHER):
            region = kind == changed
            if region.any():
                solid = ndimage.binary_opening(region, np.ones((side, side)))
                solid = ndimage.binary_propagation(solid, mask=region)
                kind[region & ~solid] = IGNORED
    kind[((before == 0) | (after == 0)) & (before != after)] = IGNORED
    return kind


def fate(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The kind of change from one cover of a thing to the other, (row, col)."""
    kind = np.full(before.shape, OTHER, np.uint8)
    kind[before == after] = SAME
    kind[(before != Cover.BUILDING) & (after == Cover.BUILDING)] = GAINED
    kind[(before == Cover.BUILDING) & (after != Cover.BUILDING)] = LOST
    return kind


class Cutter:
    """Draws examples from tiles: crops, pairs of single pictures, pasted change, disturbance."""

    def __init__(self, tiles: list[Tile], recipe: Recipe) -> None:
        """Keep the tiles; objects are pasted from those whose pixels are alike."""
        self.tiles = tiles
        self.sides_m = np.array([tile.gsd_m for tile in tiles])
        self.crop_px = recipe.crop_px
        self.reference_gsd_m = recipe.reference_gsd_m
        self.gsd_m = recipe.finest_gsd_m, recipe.coarsest_gsd_m
        self.native_share = recipe.native_share

    def example(self, tile: Tile, rng: np.random.Generator, calm: bool = False) -> Example:
        """One crop of ``tile``; ``calm`` leaves out pasting and disturbance, for held-out tiles."""
        bands, seen, covers, drawn, gsd_m = self._window(tile, rng, calm)
        before, after = bands[0], bands[-1]
        seen_before, seen_after = seen[0], seen[-1]
        cover_before, cover_after = covers[0], covers[-1]
        if len(bands) == 1 and not calm:
            after, cover_after = after.copy(), cover_after.copy()
        pasted = np.zeros(cover_after.shape, bool)
        donors = np.flatnonzero(np.abs(np.log(self.sides_m / gsd_m)) < np.log(_LIKE_SIDE))
        if not calm and donors.size and rng.random() < (0.75 if tile.quiet else 0.15):
            donor = self.tiles[rng.choice(donors)]
            after, cover_after, pasted = self._pasted(after, seen_after, cover_after, donor, rng)
        kind = kinds(cover_before, cover_after, gsd_m)
        if drawn is not None:
            kind = np.where(pasted, kind, drawn)
        elif tile.quiet:
            kind[~pasted] = SAME
        kind[~(seen_before & seen_after)] = IGNORED
        if not calm and rng.random() < 0.5:
            before, after, cover_before, cover_after = after, before, cover_after, cover_before
            seen_before, seen_after = seen_after, seen_before
            kind = _SWAPPED[kind]
        if not calm:
            after, seen_after, cover_after, kind = _moved(after, seen_after, cover_after, kind, rng)
        dates = (before, seen_before), (after, seen_after)
        inputs = [self._input(*date, gsd_m, rng, calm) for date in dates]
        return self._cropped(inputs, cover_before, cover_after, kind, rng, calm)

    def _window(
        self, tile: Tile, rng: np.random.Generator, calm: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.uint8],
               NDArray[np.uint8] | None, float]:
        """A part of the tile, half again the crop at most, brought to a side the network reads."""
        rows, cols = tile.covers.shape[1:]
        zoom = self._zoom(tile, rng, calm)
        side = int(min(self.crop_px * 3 // 2 / zoom, min(rows, cols)))
        r, c = rng.integers(0, rows - side + 1), rng.integers(0, cols - side + 1)
        bands = tile.bands[:, :, r : r + side, c : c + side].astype(np.float32)
        covers = tile.covers[:, r : r + side, c : c + side]
        seen = _seen_of(tile)[:, r : r + side, c : c + side]
        drawn = None if tile.kinds is None else tile.kinds[r : r + side, c : c + side]
        if zoom != 1.0:
            size = int(side * zoom)
            zoom = size / side
            at = (np.arange(size) + 0.5) / zoom - 0.5
            if zoom < 1.0:
                bands = ndimage.gaussian_filter(bands, (0, 0, 0.45 / zoom, 0.45 / zoom))
            grid = np.meshgrid(at, at, indexing="ij")
            bands = np.stack([[ndimage.map_coordinates(b, grid, order=1, mode="nearest")
                               for b in date] for date in bands])  # fmt: skip
            near = np.clip(np.round(at), 0, side - 1).astype(int)
            covers = covers[:, near[:, None], near[None, :]]
            if not seen.all():  # what was mixed with nothing is not seen either
                reach = 2 * math.ceil(1 / zoom) - 1
                seen = ndimage.binary_erosion(seen, np.ones((1, reach, reach)), border_value=1)
            seen = seen[:, near[:, None], near[None, :]]
            drawn = None if drawn is None else drawn[near[:, None], near[None, :]]
        return bands, seen, np.where(seen, covers, np.uint8(0)), drawn, tile.gsd_m / zoom

    def _zoom(self, tile: Tile, rng: np.random.Generator, calm: bool) -> float:
        """Pixels of the example for one of the tile."""
        finest = tile.gsd_m / self.gsd_m[0]  # the zoom that gives the finest pixels
        if calm or tile.simulated:
            return min(1.0, finest)
        coarsest = tile.gsd_m / self.gsd_m[1]
        most = max(min(1.4, finest), coarsest)
        if self.native_share > 0 and rng.random() < self.native_share:
            return float(max(min(1.0, finest), coarsest))
        zoom = float(np.exp(rng.uniform(np.log(min(most, max(0.28, coarsest))), np.log(most))))
        # Small tiles are not shrunk below the crop if that can be helped: the rest would be blank.
        return float(max(zoom, min(most, self.crop_px / min(tile.covers.shape[1:]))))

    def _pasted(
        self,
        bands: NDArray[np.float32],
        seen: NDArray[np.bool_],
        cover: NDArray[np.uint8],
        donor: Tile,
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.bool_]]:
        """Some objects of another tile put into this one at the same place in the window; where.

        A pair of unlike pictures teaches change without a second date (Zheng et al. 2021,
        "Change is Everywhere", arXiv:2108.07002); here only whole objects change hands, so that
        the rest of the pair stays the same ground.
        """
        size = cover.shape[0]
        date = rng.integers(len(donor.bands))
        rows, cols = donor.covers.shape[1:]
        if min(rows, cols) < size:
            return bands, cover, np.zeros(cover.shape, bool)
        r, c = rng.integers(0, rows - size + 1), rng.integers(0, cols - size + 1)
        other = donor.bands[date, :, r : r + size, c : c + size].astype(np.float32)
        other_cover = donor.covers[date, r : r + size, c : c + size]
        other_seen = _seen_of(donor)[date, r : r + size, c : c + size]
        if not (seen.any() and other_seen.any()):
            return bands, cover, np.zeros(cover.shape, bool)
        wanted = rng.choice([Cover.BUILDING, Cover.BUILDING, Cover.GREENHOUSE, 0])
        if wanted and (other_cover == wanted).any():
            regions, count = ndimage.label(other_cover == wanted)
            kept = np.flatnonzero(rng.random(count) < rng.uniform(0.3, 1.0)) + 1
            rim = int(rng.integers(1, 5))
            mask = ndimage.binary_dilation(np.isin(regions, kept), iterations=rim)
        else:
            mask = np.zeros(cover.shape, bool)
            for _ in range(rng.integers(1, 4)):
                height, width = rng.integers(size // 12, size // 3, 2)
                top, left = rng.integers(0, size - height), rng.integers(0, size - width)
                mask[top : top + height, left : left + width] = True
        mask &= seen & other_seen
        soft = ndimage.gaussian_filter(mask.astype(np.float32), rng.uniform(0.4, 1.2))
        soft[~(seen & other_seen)] = 0.0
        own, theirs = bands[:, seen].mean(axis=1), other[:, other_seen].mean(axis=1)
        gain = rng.uniform(0, 1) * (own - theirs)
        mixed = bands * (1 - soft) + (other + gain[:, None, None]) * soft
        return mixed, np.where(mask, other_cover, cover), mask

    def _input(
        self, bands: NDArray[np.float32], seen: NDArray[np.bool_], gsd_m: float,
        rng: np.random.Generator, calm: bool,
    ) -> NDArray[np.float32]:  # fmt: skip
        if not calm:
            bands = _recoloured(bands, rng)
        x = normalise_bands(bands, seen)
        if not calm:
            x = _disturbed(x, rng)
            x[:, ~seen] = 0.0  # as at work
        level = np.full((1, *x.shape[1:]), np.log2(gsd_m / self.reference_gsd_m), np.float32)
        return np.concatenate([x.astype(np.float32), level])

    def _cropped(
        self,
        inputs: list[NDArray[np.float32]],
        cover_before: NDArray[np.uint8],
        cover_after: NDArray[np.uint8],
        kind: NDArray[np.uint8],
        rng: np.random.Generator,
        calm: bool,
    ) -> Example:
        size, room = self.crop_px, kind.shape[0] - self.crop_px
        r, c = (rng.integers(0, room + 1, 2) if room > 0 else (0, 0))
        turn, flip = (0, False) if calm else (int(rng.integers(4)), bool(rng.random() < 0.5))

        def cut(a: NDArray[_Value], beyond: int | None) -> NDArray[_Value]:
            a = a[..., r : r + size, c : c + size]
            if a.shape[-1] < size or a.shape[-2] < size:
                pad = [(0, 0)] * (a.ndim - 2) + [(0, size - s) for s in a.shape[-2:]]
                a = (np.pad(a, pad, mode="symmetric") if beyond is None
                     else np.pad(a, pad, constant_values=beyond))  # fmt: skip
            a = np.rot90(a, turn, (-2, -1))
            return np.ascontiguousarray(a[..., ::-1] if flip else a)

        # Beyond a small picture the network sees it mirrored, as at work, and is taught nothing.
        one, other = (cut(a, None) for a in inputs)
        return Example(
            one, other, cut(cover_before, 0), cut(cover_after, 0), cut(kind, IGNORED)
        )


def _seen_of(tile: Tile) -> NDArray[np.bool_]:
    """(dates, row, col)."""
    return np.ones(tile.covers.shape, bool) if tile.seen is None else tile.seen


def _moved(
    bands: NDArray[np.float32],
    seen: NDArray[np.bool_],
    cover: NDArray[np.uint8],
    kind: NDArray[np.uint8],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.uint8], NDArray[np.uint8]]:
    """The picture off by what registration may leave, its own labels with it.

    The kinds of change move as far as the picture shows them (`settled_kinds`).
    """
    if rng.random() < 0.4:
        return bands, seen, cover, kind
    rows, cols = np.clip(np.round(rng.normal(0, 1.0, 2)), -3, 3).astype(int)
    moved = _rolled(kind, rows, cols, IGNORED)
    return (
        _rolled(bands, rows, cols, 0), _rolled(seen, rows, cols, 0),
        _rolled(cover, rows, cols, 0), settled_kinds(kind, moved),
    )  # fmt: skip


def _rolled(planes: NDArray[_Value], rows: int, cols: int, blank: int) -> NDArray[_Value]:
    """``planes`` (..., row, col) moved down and right, ``blank`` where they came from."""
    moved = np.roll(planes, (rows, cols), (-2, -1))
    if rows:
        moved[..., (slice(0, rows) if rows > 0 else slice(rows, None)), :] = blank
    if cols:
        moved[..., (slice(0, cols) if cols > 0 else slice(cols, None))] = blank
    return moved


def settled_kinds(still: NDArray[np.uint8], moved: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What is taught of change where the after picture was moved.

    A building gained is seen in the after picture, so it lies where that one was moved to; a
    building lost is seen in the before picture and stays. Taught in one place whatever was moved,
    the head learned to blur every outline by the moves.

    Parameters
    ----------
    still, moved
        (row, col); the kinds where the before picture shows them, and where the after picture does.
    """
    told = np.isin(still, _ONE_WAY) & np.isin(moved, _ONE_WAY)
    gained, lost = (told & ((still == kind) | (moved == kind)) for kind in (GAINED, LOST))
    same = np.where(still == moved, still, np.uint8(IGNORED))
    return np.where(gained & ~lost, moved, np.where(lost & ~gained, still, same))


def _recoloured(bands: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Another camera, another day: tone curve, colour mixing, haze."""
    top = float(bands.max()) + 1e-6
    x = np.clip(bands / top, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.2)))
    k = len(x)
    # One in ten as if composed of other bands, or drawn by a scanner from faded film.
    mix = np.eye(k) + rng.normal(0, 0.04 if rng.random() < 0.9 else 0.25, (k, k))
    if rng.random() < 0.3:
        mix = mix * (1 - (grey := rng.uniform(0, 0.5))) + grey / k
    x = np.tensordot(mix.astype(np.float32), x, 1)
    if rng.random() < 0.15:
        ramp = ndimage.zoom(rng.random((3, 3)), x.shape[1] / 3, order=1)[: x.shape[1], : x.shape[2]]
        haze = np.pad(ramp, [(0, s - t) for s, t in zip(x.shape[1:], ramp.shape, strict=True)],
                      mode="edge") * rng.uniform(0.1, 0.5)  # fmt: skip
        x = x * (1 - haze) + haze * 0.8
    return np.asarray(x, np.float32)


def _disturbed(x: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Band gains and offsets that no normalisation takes out, blur, sharpening, noise."""
    k = len(x)
    gain = np.exp(rng.normal(0, 0.12, k) + rng.normal(0, 0.1)).astype(np.float32)
    offset = (rng.normal(0, 0.1, k) + rng.normal(0, 0.2)).astype(np.float32)
    x = x * gain[:, None, None] + offset[:, None, None]
    draw = rng.random()
    if draw < 0.2:
        x = ndimage.gaussian_filter(x, (0, *[rng.uniform(0.3, 1.3)] * 2))
    elif draw < 0.3:
        x = x + rng.uniform(0.3, 1.0) * (x - ndimage.gaussian_filter(x, (0, 1.0, 1.0)))
    if rng.random() < 0.3:
        x = x + rng.normal(0, rng.uniform(0.02, 0.15), x.shape).astype(np.float32)
    return x
