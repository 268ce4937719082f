"""Simulated estates: both dates agree, and the truth is what was drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shapely import union_all
from shapely.affinity import rotate, translate
from shapely.geometry import box

from landshift.simulation import estates, simulate_pair
from landshift.simulation.canvas import Canvas
from landshift.simulation.estate_plan import plan_estate
from landshift.simulation.estates import blocks_beside, paint_estate, state
from landshift.simulation.layout import Block, whole_plan
from landshift.simulation.seasons import season_of
from landshift.simulation.settlements import lay
from landshift.simulation.stage import Zone, draw_plan, set_stage
from landshift.simulation.surfaces import BUILDING
from landshift.simulation.truth import building_ring

PIXEL_M = 0.25
SIDE = 640
HOUSES = ("frame", "fresh", "done")


def settlement(village, levels, seed=4, **changes):
    """A settlement painted on both dates on grass, and the stage with its two canvases."""
    rng = np.random.default_rng([seed, 5])
    season = season_of(rng, 180)
    canvas = Canvas.blank((SIDE, SIDE), PIXEL_M)
    stage = set_stage(rng, canvas, draw_plan(rng, 200.0), (season, season), not village)
    lay(stage, whole_plan(stage), stage.grass())
    estate = replace(plan_estate(stage, village, True), levels=levels, **changes)
    paint_estate(stage, estate, 0)
    before, stage.canvas = stage.canvas, stage.canvas.copy()
    if levels[0] != levels[1]:
        paint_estate(stage, estate, 1)
    return estate, stage, (before, stage.canvas)


def footprints(estate, level):
    """Outlines of all houses up at a level, from their wings alone, within the canvas."""
    whole = box(0, 0, SIDE * PIXEL_M, SIDE * PIXEL_M)
    houses = []
    for lot in estate.lots:
        if lot.house is None or state(level, lot.turn) not in HOUSES:
            continue
        wings = union_all([
            box(w.along - w.length / 2, w.across - w.depth / 2,
                w.along + w.length / 2, w.across + w.depth / 2) for w in lot.house.wings
        ])  # fmt: skip
        turned = rotate(wings, lot.heading, origin=(0, 0), use_radians=True)
        houses.append(translate(turned, lot.x, lot.y).intersection(whole))
    return houses


def built(stage, canvas):
    return stage.table.cover_codes()[canvas.surface] == BUILDING


@pytest.mark.parametrize(("village", "seed"), [(False, 1), (False, 2), (False, 4), (True, 4)])
def test_new_buildings_have_the_hectares_of_their_plans(village, seed, monkeypatch):
    monkeypatch.setattr(estates, "_garden", lambda *_: None)  # trees hide roofs, sheds add to them
    estate, stage, canvases = settlement(village, (0.4, 1.3), seed)
    for level, canvas in zip(estate.levels, canvases, strict=True):
        drawn = footprints(estate, level)
        assert len(drawn) > 5 or level < 1
        area = built(stage, canvas).sum() * PIXEL_M**2
        assert area == pytest.approx(union_all(drawn).area, rel=0.01)
        # no house covers part of another
        assert area == pytest.approx(sum(house.area for house in drawn), rel=0.01)


@pytest.mark.parametrize("village", [False, True])
def test_each_house_up_has_one_record_that_lies_on_it(village):
    estate, stage, canvases = settlement(village, (0.5, 1.3), trees=0.0)
    up = [lot for lot in estate.lots
          if lot.house is not None and state(1.3, lot.turn) in HOUSES]  # fmt: skip
    assert sorted((r.x, r.y) for r in stage.buildings) == sorted((lot.x, lot.y) for lot in up)
    roofs = built(stage, canvases[1])
    for record in stage.buildings:
        row, col = int(record.y / PIXEL_M), int(record.x / PIXEL_M)
        if 0 <= row < SIDE and 0 <= col < SIDE:
            assert roofs[row, col]
        (west, north), (east, south) = (building_ring(record) / PIXEL_M).min(0), (
            building_ring(record) / PIXEL_M).max(0)  # fmt: skip
        if west > 0 and north > 0 and east < SIDE and south < SIDE:
            area = roofs[int(north) : int(south) + 1, int(west) : int(east) + 1].sum()
            assert area * PIXEL_M**2 > 0.5 * record.length_m * record.width_m


@pytest.mark.parametrize("village", [False, True])
def test_what_stands_stays_and_nothing_changes_outside(village):
    estate, stage, (before, after) = settlement(village, (0.6, 1.3), early=True, graded=True)
    ground = estate.ground
    changed = (before.surface != after.surface)[ground.rows, ground.cols]
    outside = np.ones(before.surface.shape, bool)
    outside[ground.rows, ground.cols] = ground.off > 45
    assert changed.any()
    assert not (before.surface != after.surface)[outside].any()
    roofs = built(stage, before), built(stage, after)
    # New trees and sheds may stand over a roof; no house that stood is drawn otherwise.
    lost = roofs[0] & ~roofs[1]
    assert lost.sum() < 0.02 * roofs[0].sum()


def test_building_never_goes_back():
    order = ["raw", "graded", "slab", "frame", "fresh", "done"]
    stages = [order.index(state(level, 0.5)) for level in np.linspace(-1, 1.4, 300)]
    assert stages == sorted(stages)
    assert set(stages) == set(range(6))


def test_a_block_is_left_alone_only_where_no_lot_lies():
    estate, stage, _ = settlement(False, (0.5, 1.0))
    lot = next(one for one in estate.lots if one.house is not None)
    u, v = stage.plan.to_plan(lot.x, lot.y)
    on = Block(Zone(u - 10, u + 10, v - 10, v + 10), "grass")
    off = Block(Zone(u + 3000, u + 3050, v, v + 50), "grass")
    assert blocks_beside(stage, estate, [on, off]) == [off]


def test_an_estate_that_stands_is_no_change(monkeypatch):
    monkeypatch.setattr(estates, "ESTATE_SHARE", 1.0)
    for seed in range(4):
        pair = simulate_pair("rgb", seed, (96, 96), 0.7, unchanged=True)
        assert pair.events == ()
        np.testing.assert_array_equal(pair.plan_before, pair.plan_after)


def test_new_estates_show_in_the_truth_and_come_again(monkeypatch):
    monkeypatch.setattr(estates, "ESTATE_SHARE", 1.0)
    gained = 0
    for seed in range(6):
        first, again = (simulate_pair("rgb", seed, (96, 96), 1.0, False) for _ in range(2))
        np.testing.assert_array_equal(first.after, again.after)
        np.testing.assert_array_equal(first.plan_after, again.plan_after)
        assert first.events == again.events
        new = (first.plan_after == BUILDING) & (first.plan_before != BUILDING)
        kinds = {event.kind for event in first.events}
        gained += bool(kinds & {"estate", "settlement"}) and new.mean() > 0.02
    assert gained >= 2


def test_pairs_without_an_estate_are_as_they_were(monkeypatch):
    def pairs():
        return [simulate_pair("rgb", seed, (32, 32), 1.0) for seed in range(12)]

    usual = pairs()
    monkeypatch.setattr(estates, "ESTATE_SHARE", 0.0)
    plain = pairs()
    same = [np.array_equal(a.after, b.after) for a, b in zip(usual, plain, strict=True)]
    assert 6 <= sum(same) < 12
    for seed, alike in enumerate(same):
        drawn = np.random.default_rng([seed, 22]).random() < 0.17
        assert alike or drawn
