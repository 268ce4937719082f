"""Houses on lots in one stroke, for pixels too coarse to show each for itself."""

from __future__ import annotations

import numpy as np

from landshift.simulation.houses import draw_roof
from landshift.simulation.stage import Stage, Zone


def paint_lots(
    stage: Stage,
    zone: Zone,
    lot: tuple[float, float],
    house: tuple[float, float],
    kinds: str,
    grounds: list[int],
    built: float,
    lane: tuple[int, float, int],
) -> None:
    """Fill a zone with equal lots, a house on most of them.

    Parameters
    ----------
    stage, zone
        Where.
    lot, house
        Size of a lot and of the house in its middle along u and v, metres.
    kinds
        Which roofs, as in `draw_roof`.
    grounds
        Surfaces of the open part of the lots.
    built
        Share of lots with a house.
    lane
        Surface and width of the lane after every so many rows: (surface, metres, rows).
    """
    window = stage.window(zone)
    if window is None:
        return
    rng = stage.rng
    surface_lane, lane_m, every = lane
    row_m = lot[1] + lane_m / every
    count_u, count_v = int(zone.size[0] / lot[0]) + 2, int(zone.size[1] / row_m) + 2
    column = np.clip(window.u / np.float32(lot[0]), 0, count_u - 1).astype(np.intp)
    line = np.clip(window.v / np.float32(row_m), 0, count_v - 1).astype(np.intp)
    stay = rng.normal(0, 0.06, (2, count_v, count_u)).astype(np.float32)
    size = np.exp(rng.normal(0, 0.18, (2, count_v, count_u))).astype(np.float32)
    a = window.u / np.float32(lot[0]) - column - 0.5 + stay[0][line, column]
    b = window.v / np.float32(row_m) - line - 0.5 + stay[1][line, column]
    ground = rng.choice(grounds, (count_v, count_u)).astype(np.int32)[line, column]
    canvas, rows, cols = stage.canvas, window.rows, window.cols
    canvas.flat(rows, cols, window.inside, ground)
    street = (line % every == every - 1) & (b > 0.5 - lane_m / row_m)
    canvas.flat(rows, cols, window.inside & street, surface_lane)
    roofs = [draw_roof(stage, kinds).cover for _ in range(10)]
    roof = rng.choice(roofs, (count_v, count_u)).astype(np.int32)[line, column]
    stands = (rng.random((count_v, count_u)) < built)[line, column]
    half_u = np.float32(house[0] / lot[0] / 2) * size[0][line, column]
    half_v = np.float32(house[1] / row_m / 2) * size[1][line, column]
    where = window.inside & stands & ~street & (np.abs(a) < half_u) & (np.abs(b) < half_v)
    canvas.flat(rows, cols, where, roof, 3.5)
