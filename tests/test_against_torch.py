"""The kernels against PyTorch running the same network, and what training exports."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from landshift.features import network_input
from landshift.landcover import classify, classify_pair
from landshift.model import Widths, load_model, save_model
from networks import META, random_model, random_raster

torch = pytest.importorskip("torch", reason="PyTorch comes with the extra 'train'")

pytestmark = pytest.mark.jit

WIDER = Widths(c0=16, c1=36, c2=56, c3=96, c4=128, d2=52, d1=28, f=20, h=24)
SHAPES = [(1, 1), (16, 16), (37, 81), (150, 130), (600, 545)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


def network_of(model):
    """The network of `landshift.training` with the weights of ``model`` and idle batch norms."""
    from landshift.training.network import Block, Network

    network = Network(len(model.bands), model.widths, model.context).eval()
    for name, layer in network.named_children():
        weight = torch.tensor(model.layers[f"{name}.weight"])
        bias = model.layers.get(f"{name}.bias")
        conv = layer.conv if isinstance(layer, Block) else layer
        conv.weight.data = weight.reshape(conv.weight.shape)
        if isinstance(layer, Block):
            layer.norm.running_var.fill_(1 - layer.norm.eps)
            layer.norm.bias.data = torch.tensor(bias)
        elif bias is not None:
            conv.bias.data = torch.tensor(bias)
    return network


def input_of(raster, model):
    """(1, band, row, col), mirrored below and to the right up to multiples of 16."""
    picture = network_input(raster, model)
    rows, cols = picture.shape[1:]
    edges = (0, 0), (0, -rows % 16), (0, -cols % 16)
    return torch.tensor(np.pad(picture, edges, mode="reflect"))[None]


def probability_of(logits, calibration, valid):
    rows, cols = valid.shape
    scale, offset = (
        torch.tensor(v)[:, None, None] for v in (calibration.scale, calibration.offset)
    )
    calibrated = logits[0, :, :rows, :cols] * scale + offset
    return torch.softmax(calibrated, 0).numpy() * valid


def answers_of(network, model, before, after):
    """Probabilities of class before, class after, change."""
    pictures = [input_of(raster, model) for raster in (before, after)]
    with torch.inference_mode():
        found = []
        for turn in range(model.turns):
            pair = [torch.rot90(picture, -turn, (2, 3)) for picture in pictures]
            if max(model.second_look) > 0:
                shares = (*model.second_look, model.third_look)
                looks = network.answer(*pair, tuple(torch.tensor([s]) for s in shares))
            elif model.symmetric:
                looks = network.answer(*pair)
            else:
                looks = network(*pair)
            found.append([torch.rot90(one, turn, (2, 3)) for one in looks])
        cover_before, cover_after, change = (
            torch.stack(each).mean(0) for each in zip(*found, strict=True)
        )
        return (
            probability_of(cover_before, model.cover, before.valid),
            probability_of(cover_after, model.cover, after.valid),
            probability_of(change, model.change, before.valid & after.valid),
        )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("symmetric", [False, True])
def test_a_pair_is_answered_as_torch_answers_it(folder, shape, symmetric):
    model = random_model(folder, seed=3, symmetric=symmetric)
    before, after = random_raster(shape, seed=1, seen=0.95), random_raster(shape, seed=2)
    wanted = answers_of(network_of(model), model, before, after)
    for mine, theirs in zip(classify_pair(before, after, model), wanted, strict=True):
        np.testing.assert_allclose(mine.probability, theirs, atol=1e-4)


@pytest.mark.parametrize("shape", [(32, 32), (64, 96), (608, 544)])
def test_two_looks_are_answered_as_torch_answers_them(folder, shape):
    model = random_model(folder, seed=6, symmetric=True, second_look=[0.35, 0.2])
    before, after = random_raster(shape, seed=1, seen=0.95), random_raster(shape, seed=2)
    wanted = answers_of(network_of(model), model, before, after)
    for mine, theirs in zip(classify_pair(before, after, model), wanted, strict=True):
        np.testing.assert_allclose(mine.probability, theirs, atol=1e-4)


@pytest.mark.parametrize("second_look", [[0.0, 0.0], [0.35, 0.2]])
@pytest.mark.parametrize("shape", [(64, 64), (128, 192), (1216, 1088)])
def test_what_coarser_pixels_tell_is_answered_as_torch_answers_it(folder, shape, second_look):
    model = random_model(folder, seed=8, symmetric=True, context=True, second_look=second_look)
    assert model.context
    before, after = random_raster(shape, seed=1, seen=0.95), random_raster(shape, seed=2)
    wanted = answers_of(network_of(model), model, before, after)
    for mine, theirs in zip(classify_pair(before, after, model), wanted, strict=True):
        np.testing.assert_allclose(mine.probability, theirs, atol=1e-4)


@pytest.mark.parametrize("context", [False, True])
@pytest.mark.parametrize("shape", [(64, 64), (128, 192)])
def test_three_looks_are_answered_as_torch_answers_them(folder, shape, context):
    model = random_model(
        folder, seed=11, symmetric=True, context=context, second_look=[0.35, 0.2], third_look=0.3
    )
    before, after = (
        random_raster(shape, seed=seed, gsd_m=0.3, seen=0.95) for seed in (1, 2)
    )  # fmt: skip
    wanted = answers_of(network_of(model), model, before, after)
    for mine, theirs in zip(classify_pair(before, after, model), wanted, strict=True):
        np.testing.assert_allclose(mine.probability, theirs, atol=1e-4)
    alone = classify(before, model).probability
    np.testing.assert_allclose(alone, wanted[0], atol=1e-4)
    twice = classify(before, dataclasses.replace(model, third_look=0.0)).probability
    assert np.abs(alone - twice).max() > 0.01


@pytest.mark.parametrize("second_look", [[0.0, 0.0], [0.3, 0.2]])
@pytest.mark.parametrize("turns", [2, 4])
def test_turned_looks_are_answered_as_torch_answers_them(folder, turns, second_look):
    model = random_model(folder, seed=9, symmetric=True, turns=turns, second_look=second_look)
    before, after = random_raster((96, 64), seed=1, seen=0.95), random_raster((96, 64), seed=2)
    wanted = answers_of(network_of(model), model, before, after)
    for mine, theirs in zip(classify_pair(before, after, model), wanted, strict=True):
        np.testing.assert_allclose(mine.probability, theirs, atol=1e-4)


def test_four_bands_are_answered_as_torch_answers_them(folder):
    model = random_model(folder, "rgbn", seed=4, coarsest_gsd_m=5.0, reference_gsd_m=2.0)
    raster = random_raster((40, 50), seed=5, gsd_m=3.0, bands=4)
    wanted = answers_of(network_of(model), model, raster, raster)[0]
    np.testing.assert_allclose(classify(raster, model).probability, wanted, atol=1e-4)


def test_a_wider_network_is_answered_as_torch_answers_it(folder):
    model = random_model(folder, seed=8, widths=WIDER, symmetric=True, second_look=[0.35, 0.2])
    before, after = random_raster((608, 96), seed=1, seen=0.95), random_raster((608, 96), seed=2)
    wanted = answers_of(network_of(model), model, before, after)
    for mine, theirs in zip(classify_pair(before, after, model), wanted, strict=True):
        np.testing.assert_allclose(mine.probability, theirs, atol=1e-4)


def test_what_training_exports_answers_like_the_network_that_was_trained(folder):
    from landshift.training.network import Network, exported

    torch.manual_seed(0)
    network = Network(3, Widths())
    with torch.no_grad():  # running means and variances that are not idle
        network.train()(torch.randn(4, 4, 64, 64), torch.randn(4, 4, 64, 64))
    path = folder / "trained.npz"
    save_model(path, {**META, "symmetric": True}, exported(network.eval()))
    model = load_model(path, "rgb")
    before, after = random_raster((64, 80), seed=6), random_raster((64, 80), seed=7)
    wanted = answers_of(network, model, before, after)
    for mine, theirs in zip(classify_pair(before, after, model), wanted, strict=True):
        # weights are stored as float16: three digits
        np.testing.assert_allclose(mine.probability, theirs, atol=5e-3)


@pytest.mark.parametrize("widths", [Widths(), WIDER])
@pytest.mark.parametrize(("own", "context"), [(False, False), (False, True), (True, True)])
def test_learning_goes_on_from_where_a_model_stands(folder, widths, own, context):
    from landshift.training.network import Network, begin_from, exported

    model = random_model(folder, seed=5, context=own)
    before, after = random_raster((128, 64), seed=2), random_raster((128, 64), seed=3)
    network = Network(len(model.bands), widths, context)
    begin_from(network, model.layers, input_of(before, model))
    wanted = answers_of(network_of(model), model, before, after)
    for mine, theirs in zip(answers_of(network.eval(), model, before, after), wanted, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-4)
    for name, weight in exported(network).items():
        if name not in model.layers:
            assert (name, own) == ("chgc.weight", False)
            assert not weight.any()
        elif weight.shape == model.layers[name].shape:
            np.testing.assert_allclose(weight, model.layers[name], atol=4e-3)


def test_every_channel_that_a_wider_network_adds_learns(folder):
    from landshift.training.network import Network, begin_from

    model = random_model(folder, seed=5)
    before, after = (input_of(random_raster((96, 96), seed=s), model) for s in (2, 3))
    network = Network(len(model.bands), WIDER)
    begin_from(network, model.layers, before)
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-2)
    for _ in range(2):  # the first step makes the old channels listen, the second teaches the new
        optimiser.zero_grad()
        sum(answer.square().mean() for answer in network.train().answer(before, after)).backward()
        optimiser.step()
    for name, weights in network.named_parameters():
        if name.endswith("conv.weight"):
            # a ReLU may be shut for the little that is shown here, but not many of them
            assert (weights.grad.abs().amax((1, 2, 3)) > 0).double().mean() > 0.8, name
