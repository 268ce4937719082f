"""What stands on both dates though the pictures differ."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from landshift.change_map import TOTALS
from landshift.landcover import Evidence
from landshift.raster import Raster
from landshift.sensor import Sensor
from landshift.settings import TransitionSettings
from landshift.standing import gradient_agreement, keep_frames, keep_leaning_roofs
from landshift.transition import find_transitions
from posteriors import PRIOR, RGB, Aligned, evidence_of, kinds_of, land_cover, utm_grid
from test_transition import C, G, ploughed, striped, transitions, without_film

SETTINGS = replace(TransitionSettings(), smoothing_sweeps=0)
STAYS, GAINED, LOST, REPLACED = 33, 13, 31, 133


@pytest.mark.parametrize("least_px", [100, 101])
def test_a_frame_of_few_pixels_is_left_and_a_larger_one_keeps_its_probability(least_px):
    grid, rng = utm_grid(30, 30, 1.0), np.random.default_rng(2)
    bands = rng.normal(100, 20, (3, *grid.shape)).astype(np.float32)
    one = Raster(bands, np.ones(grid.shape, bool), grid, Sensor(RGB, 1.0), None)
    codes, kinds = np.full(grid.shape, 22, np.uint8), np.zeros((4, *grid.shape), np.float32)
    codes[10:20, 10:20] = 21
    # grown, built on, torn down: what no film explains, however well the dates agree
    codes[0:9, 0:14], codes[0:9, 15:29], codes[21:, :15], codes[21:, 16:] = 14, 23, 32, 133
    kinds[0], kinds[3, 10:20, 10:20], kinds[0, 10:20, 10:20] = 1.0, 0.7, 0.3
    wanted = codes.copy()
    if least_px == 100:
        wanted[10:20, 10:20] = 22
    keep_frames(codes, kinds, (one, one), replace(SETTINGS, frame_least_px=least_px))
    np.testing.assert_array_equal(codes, wanted)
    inside = kinds[:, 10:20, 10:20].mean(axis=(1, 2))
    assert inside == pytest.approx([1, 0, 0, 0] if least_px == 100 else [0.3, 0, 0, 0.7])
    assert kinds.sum(axis=0) == pytest.approx(np.ones(grid.shape))


@pytest.mark.parametrize("roofed", [21, 22, 23])
@pytest.mark.parametrize("roof", [23, 32])
def test_a_hole_in_a_roof_gained_or_lost_is_no_frame(roof, roofed):
    grid, rng = utm_grid(30, 30, 1.0), np.random.default_rng(2)
    bands = rng.normal(100, 20, (3, *grid.shape)).astype(np.float32)
    one = Raster(bands, np.ones(grid.shape, bool), grid, Sensor(RGB, 1.0), None)
    codes, kinds = np.full(grid.shape, 22, np.uint8), np.ones((4, *grid.shape), np.float32)
    codes[10:20, 10:20] = 21
    rim = [(9, col) for col in range(9, 21)] + [(row, 20) for row in range(10, 21)]  # 23 of 44
    for place in rim[:roofed]:
        codes[place] = roof
    keep_frames(codes, kinds, (one, one), replace(SETTINGS, frame_least_px=100))
    assert (codes[10:20, 10:20] == (21 if roofed > 22 else 22)).all()


def kept(codes, gsd_m=1.0, **changed):
    codes = codes.copy()
    keep_leaning_roofs(codes, gsd_m, replace(SETTINGS, **changed))
    return codes


def roof_with_strip(width, code=GAINED):
    """A roof of 50 × 20 px that stands, and a strip of that width along its longer side."""
    codes = np.full((60, 60), 11, np.uint8)
    codes[20:40, 5:55] = STAYS
    codes[40 : 40 + width, 5:55] = code
    return codes


@pytest.mark.parametrize("code", [GAINED, LOST])
@pytest.mark.parametrize(("width", "gsd_m", "stays"), [
    (5, 1.0, True), (6, 1.0, True), (7, 1.0, False), (8, 1.0, False),  # 5, 5, 7 and 7 m across
    (11, 0.5, True), (13, 0.5, False), (3, 2.0, True), (5, 2.0, False),
])  # fmt: skip
def test_a_strip_along_a_roof_that_stands_is_that_roof_up_to_its_width(width, gsd_m, stays, code):
    codes = roof_with_strip(width, code)
    wanted = np.where(codes == code, np.uint8(STAYS), codes) if stays else codes
    np.testing.assert_array_equal(kept(codes, gsd_m, lean_contact=0.3), wanted)


@pytest.mark.parametrize("contact", [0.43, 0.44])
def test_of_a_strip_s_rim_enough_must_be_a_roof_that_stands(contact):
    codes = roof_with_strip(5)  # 50 of the 114 pixels around it are: 0.439
    assert (kept(codes, lean_contact=contact) == codes).all() == (contact > 50 / 114)
    alone = np.where(codes == STAYS, np.uint8(11), codes)
    for least in (0.0, 0.4):
        np.testing.assert_array_equal(kept(alone, lean_contact=least), alone)


def test_a_roof_that_gave_way_to_another_neither_leans_nor_stands():
    codes = roof_with_strip(5, REPLACED)
    np.testing.assert_array_equal(kept(codes), codes)
    beside = np.where(roof_with_strip(5) == STAYS, np.uint8(REPLACED), roof_with_strip(5))
    np.testing.assert_array_equal(kept(beside), beside)


def plain_lean(codes, gsd_m, settings):
    """Pixel by pixel, with a square's worth of neighbours and every distance by itself."""
    result = codes.copy()
    before, after = codes // 10, codes % 10
    rows, cols = codes.shape
    for moved in ((after == 3) & (before != 3) & (codes < 100), (before == 3) & (after != 3)):
        labels, count = ndimage.label(moved, np.ones((3, 3)))
        for number in range(1, count + 1):
            own = {(r, c) for r, c in np.argwhere(labels == number).tolist()}
            near = {(r + i, c + k) for r, c in own for i in (-1, 0, 1) for k in (-1, 0, 1)}
            rim = [(r, c) for r, c in near - own if 0 <= r < rows and 0 <= c < cols]
            beside = sum(codes[place] == 33 for place in rim)
            if beside == 0 or beside < settings.lean_contact * len(rim):
                continue
            ring = [(r, c) for r in range(-1, rows + 1) for c in range(-1, cols + 1)
                    if (r, c) not in own]  # fmt: skip
            depth = max(min(np.hypot(r - y, c - x) for y, x in ring) for r, c in own)
            if (2 * depth - 1) * gsd_m <= settings.lean_m:
                for place in own:
                    result[place] = 33
    return result


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 7)),
           elements=st.sampled_from([0, 11, GAINED, LOST, STAYS, STAYS, REPLACED])),
    st.sampled_from([0.5, 1.0, 3.0]), st.sampled_from([0.0, 0.25, 0.5]),
)  # fmt: skip
def test_leaning_roofs_are_those_of_the_plain_twin_whichever_date_is_first(codes, gsd_m, contact):
    settings = replace(SETTINGS, lean_m=3.0, lean_contact=contact)
    found = kept(codes, gsd_m, lean_m=3.0, lean_contact=contact)
    np.testing.assert_array_equal(found, plain_lean(codes, gsd_m, settings))
    swap = {GAINED: LOST, LOST: GAINED}
    mirrored = np.vectorize(lambda code: swap.get(code, code), otypes=[np.uint8])(codes)
    back = kept(mirrored, gsd_m, lean_m=3.0, lean_contact=contact)
    np.testing.assert_array_equal(
        back, np.vectorize(lambda code: swap.get(code, code), otypes=[np.uint8])(found)
    )


def test_what_a_leaning_roof_covers_is_not_built_but_not_ruled_out_either():
    grid, rng = utm_grid(60, 60, 1.0), np.random.default_rng(4)
    codes = roof_with_strip(5)
    before, after = (land_cover(cover, grid, rng) for cover in (codes // 10, codes % 10))
    kinds = np.zeros((4, *grid.shape), np.float32)
    kinds[1] = np.where(codes == GAINED, 0.8, 0.0)
    kinds[0] = 1.0 - kinds[1]
    evidence = Evidence(kinds, np.ones(grid.shape, bool), grid, PRIOR)

    def built(settings):
        found = find_transitions(before, after, evidence, Aligned(), np.ones(grid.shape, bool),
                                 (), settings)  # fmt: skip
        pairs = [(code // 10 - 1, code % 10 - 1) for code in TOTALS["new_building"]]
        return [sum(table[pair] for pair in pairs)
                for table in (found.expected_hectares.sum(axis=(0, 1)), found.faint_hectares)]

    counted, faint = built(SETTINGS)
    taken, taken_faint = built(replace(SETTINGS, lean_m=0.0))
    assert taken == pytest.approx(0.8 * 250e-4, rel=0.02)
    assert taken_faint == pytest.approx(0.0, abs=1e-6)
    assert counted == pytest.approx(0.0, abs=1e-6)
    assert faint == pytest.approx(taken, rel=1e-3)


def test_gradients_agree_with_themselves_alone():
    rng = np.random.default_rng(3)
    one, other = (np.array([1.0, 1.0j]) @ rng.standard_normal((2, 5000)) for _ in range(2))
    assert gradient_agreement(one, one) == pytest.approx(1.0)
    assert gradient_agreement(one, -one) == pytest.approx(-1.0)
    assert abs(gradient_agreement(one, other)) < 0.05
    assert gradient_agreement(one + 9.0, other + 9.0) < 0.05  # one direction in common
    assert gradient_agreement(one, np.ones_like(one)) == 0.0


@pytest.mark.parametrize("unseen", [np.s_[:, 26:], np.s_[16:22, :]], ids=["edge", "cloud"])
@pytest.mark.parametrize(("picture_after", "lost"), [(ploughed, 1.0), (without_film, 0.0)])
def test_a_line_where_both_pictures_end_is_no_frame_that_stands(unseen, picture_after, lost):
    grid, rng = utm_grid(40, 42, 1.0), np.random.default_rng(5)
    before, after = np.full(grid.shape, G), np.full(grid.shape, G)
    after[8:32, 8:34] = C
    valid = np.ones(grid.shape, bool)
    valid[unseen] = False
    pictures = tuple(
        Raster(one.bands * valid, valid.copy(), grid, one.sensor, None)
        for one in (striped(grid, rng, 220.0), picture_after(grid, rng))
    )
    changes = transitions(
        land_cover(before, grid, rng, valid=valid), land_cover(after, grid, rng, valid=valid),
        evidence_of(kinds_of(before, after), grid, rng, valid=valid), pictures=pictures,
    )  # fmt: skip
    codes = changes.codes[8:32, 8:34]
    assert (codes[codes > 0] == 21).mean() == lost
