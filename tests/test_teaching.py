import dataclasses

import numpy as np
import pytest
from scipy import optimize, special

from landshift import teaching
from landshift.errors import SettingsError
from landshift.landcover import classify, learned_features
from landshift.legend import Cover
from landshift.model import load_model, save_model
from landshift.raster import Raster
from landshift.settings import TeachingSettings
from landshift.teaching import model_meta, teach
from networks import random_model, random_raster

CHOSEN = TeachingSettings(pulls=(0.1, 10.0), folds=4)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return random_model(tmp_path_factory.mktemp("models"), seed=3)


@pytest.fixture(scope="module")
def patches():
    """Sixteen patches in two colours, and their classes; the gaps were not drawn."""
    noise = random_raster((128, 128), seed=5)
    drawn = np.zeros((128, 128), np.uint8)
    bands = 0.05 * noise.bands
    for number in range(16):
        row, col = 32 * (number // 4), 32 * (number % 4)
        tall = (number // 4 + number) % 2
        bands[tall, row : row + 32, col : col + 32] += 1.0
        code = Cover.GREENHOUSE if tall else Cover.CROPLAND
        drawn[row + 6 : row + 26, col + 6 : col + 26] = code
    return Raster(bands, np.ones((128, 128), bool), noise.grid, noise.sensor), drawn


def right(raster, drawn, model):
    named = classify(raster, model, 1).probability.argmax(axis=0) + 1
    return (named == drawn)[drawn > 0].mean()


def test_drawn_regions_are_learned_and_the_old_network_kept(model, patches):
    raster, drawn = patches
    taught, lesson = teach(raster, drawn, model, CHOSEN)
    assert lesson.regions == 16
    assert lesson.accuracy_left_out > 0.7
    was, now = (classify(raster, m, 1).probability.argmax(axis=0) for m in (model, taught))
    assert lesson.renamed == pytest.approx((was != now)[drawn == 0].mean(), abs=1e-3)
    assert right(raster, drawn, taught) > 0.7 > right(raster, drawn, model)
    for name, weight in model.layers.items():
        if not name.startswith("cls"):
            assert np.array_equal(taught.layers[name], weight)


def test_a_hard_pull_changes_nothing(model, patches):
    raster, drawn = patches
    held = dataclasses.replace(CHOSEN, pulls=(1e9,))
    taught, _ = teach(raster, drawn, model, held)
    before, after = (classify(raster, m, 1).probability for m in (model, taught))
    np.testing.assert_allclose(before, after, atol=2e-3)


def test_a_taught_model_goes_through_a_file(model, patches, tmp_path):
    raster, drawn = patches
    taught, _ = teach(raster, drawn, model, CHOSEN)
    save_model(tmp_path / "taught.npz", model_meta(taught), taught.layers)
    again = load_model(tmp_path / "taught.npz", "rgb")
    assert again.training["taught_from_sha256"] == model.sha256
    np.testing.assert_array_equal(
        classify(raster, again, 1).probability, classify(raster, taught, 1).probability
    )


def test_too_little_is_refused(model, patches):
    raster, drawn = patches
    with pytest.raises(SettingsError, match="0 regions"):
        teach(raster, np.zeros_like(drawn), model, CHOSEN)
    with pytest.raises(SettingsError, match="of 1 classes"):
        teach(raster, np.minimum(drawn, 1), model, CHOSEN)


def test_features_do_not_depend_on_threads(model):
    raster = random_raster((70, 530), seed=2)
    np.testing.assert_array_equal(
        learned_features(raster, model, 1), learned_features(raster, model, 2)
    )


@pytest.mark.parametrize("context", [False, True])
@pytest.mark.parametrize(
    ("second", "third"), [([0.35, 0.2], 0.0), ([0.0, 0.0], 0.0), ([0.35, 0.2], 0.3)]
)
def test_the_classifier_reads_what_classify_means_in_all_looks(second, third, context, tmp_path):
    model = random_model(
        tmp_path, seed=4, turns=4, second_look=second, third_look=third, context=context
    )
    raster = random_raster((96, 80), seed=6, gsd_m=0.3)
    features = learned_features(raster, model, 1)
    logits = np.tensordot(model.layers["cls.weight"].reshape(8, -1), features, 1)
    logits += model.layers["cls.bias"][:, None, None]
    scale, offset = (np.array(of)[:, None, None] for of in (model.cover.scale, model.cover.offset))
    told = special.softmax(logits * scale + offset, axis=0)
    np.testing.assert_allclose(told, classify(raster, model, 1).probability, atol=2e-5)


def test_a_class_of_which_nothing_was_drawn_is_kept(model, patches):
    """Water is known before; cropland and greenhouse, drawn later, have changed their names."""
    raster, drawn = patches
    bands = raster.bands.copy()
    bands[2, :64] += 2.0  # the upper half is another ground altogether
    whole = drawn.copy()
    whole[:64] = np.where(drawn[:64] > 0, Cover.WATER, 0)
    picture = Raster(bands, raster.valid.copy(), raster.grid, raster.sensor)
    knowing, _ = teach(picture, whole, model, CHOSEN)
    later = np.where(np.arange(128)[:, None] < 64, 0, whole)
    swapped = np.array([0, Cover.GREENHOUSE, Cover.CROPLAND, *range(3, 9)], np.uint8)[later]
    taught, lesson = teach(picture, swapped, knowing, CHOSEN)
    assert "water" in lesson.kept
    assert right(picture, swapped, taught) > 0.7 > right(picture, swapped, knowing)
    wet = np.where(whole == Cover.WATER, whole, 0)
    assert right(picture, wet, knowing) > 0.8
    assert right(picture, wet, taught) > 0.5  # 0.0 where only what was drawn is learned from


def test_it_is_said_when_teaching_did_not_help(model, patches):
    raster, drawn = patches
    taught, lesson = teach(raster, drawn, model, CHOSEN)
    assert lesson.helped
    named = classify(raster, taught, 1).probability.argmax(axis=0).astype(np.uint8) + 1
    told = np.where(drawn > 0, named, 0).astype(np.uint8)
    _, again = teach(raster, told, taught, dataclasses.replace(CHOSEN, pulls=(10.0,)))
    assert again.accuracy_before == pytest.approx(1.0)
    assert not again.helped


def test_a_fit_is_that_of_the_plain_formula():
    """Cross entropy of the soft-max and a Gaussian prior; pixels of weight 0 teach nothing."""
    rng = np.random.default_rng(8)
    x = np.column_stack([rng.normal(size=(90, 3)), np.ones(90)])
    truth, weight = rng.integers(8, size=90), rng.integers(0, 3, 90) * 0.5
    old, pull = rng.normal(size=(8, 4)), 0.7
    lesson = teaching._Drawn(x, truth, np.zeros(90, np.intp), weight)

    def loss(theta):
        told = special.log_softmax(x @ theta.reshape(old.shape).T, axis=1)
        entropy = -(weight * told[np.arange(90), truth]).sum()
        return entropy + pull / 2 * ((theta.reshape(old.shape) - old) ** 2).sum()

    plain = optimize.minimize(loss, old.ravel(), tol=1e-9)
    np.testing.assert_allclose(
        teaching._fitted(lesson, weight, old, pull), plain.x.reshape(old.shape), atol=2e-3
    )
    assert np.abs(plain.x - old.ravel()).max() > 0.1
