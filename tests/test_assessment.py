import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from landshift.assessment import assess, error_matrix, thinned

LABELS = ("deforestation", "forest gain", "stable forest", "stable non-forest")
# Olofsson et al. 2014, section 5, tables 8 and 9: pixels of 30 m, 0.09 ha each.
MATRIX = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
MAPPED = np.array([200_000, 150_000, 3_200_000, 6_450_000]) * 0.09


def test_the_worked_example_of_the_paper():
    found = assess(MATRIX, MAPPED, LABELS, 0.95)
    assert found.overall_accuracy == pytest.approx(0.95, abs=0.005)
    assert found.overall_low < 0.95 - 0.01 < 0.95 + 0.005 < found.overall_high
    users = [score.users_accuracy for score in found.classes]
    assert users == pytest.approx([0.88, 0.73, 0.93, 0.96], abs=0.005)
    producers = [score.producers_accuracy for score in found.classes]
    assert producers == pytest.approx([0.75, 0.85, 0.93, 0.96], abs=0.005)
    lost = found.classes[0]
    assert lost.hectares == pytest.approx(21_158, abs=1)
    assert 1.96 * lost.standard_error == pytest.approx(6_158, abs=5)
    gained = found.classes[1]
    assert gained.hectares == pytest.approx(11_686, abs=1)
    assert 1.96 * gained.standard_error == pytest.approx(3_756, abs=5)


def test_a_perfect_sample_corrects_nothing_and_proves_little():
    found = assess(np.diag([10, 20, 30, 40]), MAPPED, LABELS, 0.9)
    assert [s.hectares for s in found.classes] == pytest.approx(MAPPED.tolist())
    assert all(s.standard_error == 0.0 for s in found.classes)
    assert all(s.low < s.hectares < s.high <= MAPPED.sum() for s in found.classes)
    assert found.overall_low < 0.97 < found.overall_high == 1.0
    assert [s.f1 for s in found.classes] == [1.0] * 4


def test_a_mapped_class_without_reference_is_not_guessed():
    matrix = MATRIX.copy()
    matrix[1] = 0
    found = assess(matrix, MAPPED, LABELS, 0.9)
    assert found.unassessed_hectares == pytest.approx(MAPPED[1])
    assert np.isnan(found.classes[1].users_accuracy)
    told = found.classes[1]
    assert np.isnan([told.hectares, told.standard_error, told.low, told.high]).all()
    assert "cannot be told" in found._repr_html_()
    missed = MATRIX[[0, 2, 3], 1] / MATRIX[[0, 2, 3]].sum(axis=1) @ MAPPED[[0, 2, 3]]
    others = sum(s.hectares for s in found.classes if s.label != told.label)
    assert others == pytest.approx(MAPPED.sum() - MAPPED[1] - missed)
    with pytest.raises(ValueError, match="no class of the map"):
        assess(np.zeros((4, 4), int), MAPPED, LABELS, 0.9)


@pytest.mark.parametrize("units", [2, 5, 10, 20, 50, 200])
def test_intervals_hold_the_truth_as_often_as_they_say(units):
    """Estimate ± z standard errors held it in 11 to 86 of 100 cases."""
    rng = np.random.default_rng(units)
    errors = np.array([[0.90, 0.05, 0.05], [0.08, 0.90, 0.02], [0.02, 0.01, 0.97]])
    mapped = np.array([10.0, 3.0, 87.0])
    truth = mapped @ errors
    rightly = mapped @ np.diagonal(errors) / mapped.sum()
    held, drawn = np.zeros(4), 400
    for _ in range(drawn):
        matrix = np.stack([rng.multinomial(units, row) for row in errors])
        found = assess(matrix, mapped, ("a", "b", "c"), 0.9)
        held[:3] += [s.low <= t <= s.high for s, t in zip(found.classes, truth, strict=True)]
        held[3] += found.overall_low <= rightly <= found.overall_high
    assert (held / drawn > 0.84).all()


def test_a_class_that_is_not_on_the_map_has_no_number_that_json_lacks():
    found = assess(np.array([[9, 1], [0, 0]]), np.array([4.0, 0.0]), ("a", "b"), 0.9)
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert told["classes"][1]["users_accuracy"] is None
    assert told["classes"][1]["hectares"] == pytest.approx(0.4)


codes = hnp.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6)),
                   elements=st.integers(0, 3))  # fmt: skip


@given(codes)
def test_the_matrix_counts_every_known_pair_once(reference):
    mapped = np.rot90(reference, 2)
    slow = np.zeros((3, 3), int)
    for m, r in zip(mapped.ravel(), reference.ravel(), strict=True):
        if m and r:
            slow[m - 1, r - 1] += 1
    assert np.array_equal(error_matrix(mapped, reference, 3), slow)


@given(codes, st.integers(1, 4))
def test_thinning_keeps_codes_where_they_were_and_one_unit_of_every_piece(reference, spacing):
    sample = thinned(reference, spacing)
    kept = sample > 0
    assert np.array_equal(sample[kept], reference[kept])
    pieces, count = ndimage.label(reference > 0, np.ones((3, 3)))
    lattice = np.zeros_like(kept)
    lattice[spacing // 2 :: spacing, spacing // 2 :: spacing] = True
    for piece in range(1, count + 1):
        there = pieces == piece
        assert (kept & there).sum() == max(1, (lattice & there).sum())


def test_sampled_points_are_units_each():
    points = np.zeros((200, 200), np.uint8)
    points[7::20, 11::20] = 3  # no row and column of the lattice meets them
    assert np.array_equal(thinned(points, 20), points)


@given(st.floats(0.5, 0.99))
def test_areas_add_up_to_the_map_and_intervals_hold_their_value(confidence):
    found = assess(MATRIX, MAPPED, LABELS, confidence)
    assert sum(s.hectares for s in found.classes) == pytest.approx(MAPPED.sum())
    assert all(s.low <= s.hectares <= s.high for s in found.classes)


def test_what_has_nothing_to_divide_by_is_null_in_json():
    found = assess(np.array([[0, 5], [0, 0]]), np.array([3.0, 1.0]), ("a", "b"), 0.9)
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert told["classes"][1]["users_accuracy"] is None
    assert told["classes"][0]["users_accuracy"] == 0.0
