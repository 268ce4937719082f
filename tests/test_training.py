"""A whole training run in small: it learns, goes on after a kill, and repeats."""

import dataclasses
from copy import deepcopy
from importlib import resources

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch: pip install '.[train]'")

from landshift.errors import SettingsError  # noqa: E402
from landshift.landcover import classify  # noqa: E402
from landshift.model import Calibration, Widths, load_model  # noqa: E402
from landshift.training import fitting  # noqa: E402
from landshift.training.material import BUILT, IGNORED, Tile  # noqa: E402
from landshift.training.network import Block, Network, styles_mixed  # noqa: E402
from landshift.training.recipe import read_recipe  # noqa: E402
from networks import random_raster  # noqa: E402


@pytest.fixture(scope="module")
def recipe():
    return dataclasses.replace(
        read_recipe("open-rgb-first"), simulated_pairs=3, held_out_pairs=2, simulated_px=64,
        crop_px=48, batch=2, steps=6,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(recipe, folder, out):
    lines = []
    fitting.train(recipe, None, folder, out, lines.append)
    return load_model(out, "rgb"), lines


def test_a_killed_run_goes_on_and_ends_where_an_undisturbed_one_does(
    recipe, tmp_path, monkeypatch
):
    monkeypatch.setattr(fitting, "_CHECKPOINT_STEPS", 3)
    recipe = dataclasses.replace(recipe, style_mixing=0.5)
    whole, _ = trained(recipe, tmp_path / "a", tmp_path / "whole.npz")
    step, calls = fitting._step, []

    def killed(*args):
        calls.append(1)
        if len(calls) > 4:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(fitting, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(recipe, tmp_path / "b", tmp_path / "killed.npz")
    assert not (tmp_path / "killed.npz").exists()
    monkeypatch.setattr(fitting, "_step", step)
    again, lines = trained(recipe, tmp_path / "b", tmp_path / "again.npz")
    assert any("going on from step 3" in line for line in lines)
    for name, weight in whole.layers.items():
        np.testing.assert_allclose(again.layers[name], weight, atol=1e-3)


def test_a_run_that_learns_on_can_begin_with_other_scenes(recipe, tmp_path):
    later = dataclasses.replace(recipe, first_pair=8, steps=1)
    trained(later, tmp_path, tmp_path / "model.npz")
    seeds = {int(scene.stem.split("-")[-1]) for scene in (tmp_path / "scenes").glob("*.npz")}
    assert {seed for seed in seeds if seed < fitting._HELD_OUT_SEED} == {8, 9, 10}


def test_the_loss_falls_on_one_batch(recipe):
    torch.manual_seed(0)
    network = Network(3, Widths())
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    truth = torch.zeros(1, 32, 32, dtype=torch.uint8)
    truth[:, 8:24, 8:24] = 1
    picture = torch.randn(1, 4, 32, 32) * 0.1
    changed = picture + 2.0 * truth[:, None]
    batch = {
        "before": picture, "after": changed, "cover_before": truth * 0 + 1,
        "cover_after": 1 + 2 * truth, "kind": truth,
    }  # fmt: skip
    losses = [fitting._step(recipe, network.train(), optimiser, batch) for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]


def test_swapping_the_dates_mirrors_the_answer():
    torch.manual_seed(1)
    network = Network(3, Widths()).eval()
    before, after = torch.randn(1, 4, 32, 32), torch.randn(1, 4, 32, 32)
    with torch.no_grad():
        *_, forth = network.answer(before, after)
        *_, back = network.answer(after, before)
    np.testing.assert_allclose(forth.numpy(), back.numpy()[:, [0, 2, 1, 3]], atol=1e-5)


def test_a_run_of_no_steps_keeps_the_weights_it_began_from_and_says_whose(recipe, tmp_path):
    whole, _ = trained(recipe, tmp_path / "a", tmp_path / "whole.npz")
    begun = dataclasses.replace(
        recipe, start=str(tmp_path / "whole.npz"), steps=0, crop_px=64,
        second_look=(0.3, 0.2), turns=2,
    )
    again, lines = trained(begun, tmp_path / "b", tmp_path / "again.npz")
    assert any("beginning from the weights of" in line for line in lines)
    for name, weight in whole.layers.items():
        np.testing.assert_allclose(again.layers[name], weight, atol=2e-3, rtol=2e-3)
    assert (again.second_look, again.turns) == ((0.3, 0.2), 2)
    assert again.training["start_sha256"] == whole.sha256
    assert again.change != whole.change


def test_blended_weights_lie_between_those_begun_from_and_those_learned(recipe, tmp_path):
    first, _ = trained(recipe, tmp_path / "a", tmp_path / "first.npz")
    on = dataclasses.replace(recipe, start=str(tmp_path / "first.npz"), seed=recipe.seed + 1)
    learned, _ = trained(on, tmp_path / "b", tmp_path / "learned.npz")
    half = dataclasses.replace(on, blend=0.25)
    between, _ = trained(half, tmp_path / "c", tmp_path / "between.npz")
    moved = 0.0
    for name, weight in between.layers.items():
        expected = 0.75 * first.layers[name] + 0.25 * learned.layers[name]
        np.testing.assert_allclose(weight, expected, atol=3e-3, rtol=3e-3)
        moved = max(moved, float(np.abs(learned.layers[name] - first.layers[name]).max()))
    assert moved > 0.02  # else the three could not be told apart


def test_a_run_may_begin_at_the_mean_of_two_models(recipe, tmp_path):
    one, _ = trained(recipe, tmp_path / "a", tmp_path / "one.npz")
    again = dataclasses.replace(recipe, seed=recipe.seed + 1)
    other, _ = trained(again, tmp_path / "b", tmp_path / "other.npz")
    mean = dataclasses.replace(
        recipe, start=str(tmp_path / "one.npz"), also=str(tmp_path / "other.npz"), steps=0
    )
    both, _ = trained(mean, tmp_path / "c", tmp_path / "both.npz")
    for name, weight in both.layers.items():
        expected = (one.layers[name] + other.layers[name]) / 2
        np.testing.assert_allclose(weight, expected, atol=3e-3, rtol=3e-3)
    assert both.training["start_sha256"] == one.sha256
    assert both.training["also_sha256"] == other.sha256
    with pytest.raises(SettingsError, match="also is"):
        dataclasses.replace(mean, start="")


def test_where_change_alone_learns_features_and_classes_stay(recipe, tmp_path):
    first, _ = trained(recipe, tmp_path / "a", tmp_path / "first.npz")
    on = dataclasses.replace(recipe, start=str(tmp_path / "first.npz"), change_alone=True)
    learned, _ = trained(on, tmp_path / "b", tmp_path / "learned.npz")
    moved = {
        name: float(np.abs(learned.layers[name] - weight).max())
        for name, weight in first.layers.items()
    }
    assert max(far for name, far in moved.items() if not name.startswith("chg")) < 3e-3
    assert max(far for name, far in moved.items() if name.startswith("chg")) > 0.02
    with pytest.raises(SettingsError, match="change_alone is"):
        dataclasses.replace(on, start="")


def test_classes_may_be_kept_while_features_learn_for_change(recipe, tmp_path):
    first, _ = trained(recipe, tmp_path / "a", tmp_path / "first.npz")
    on = dataclasses.replace(recipe, start=str(tmp_path / "first.npz"), steps=40)
    picture = random_raster((96, 96), 1)
    begun = np.log(classify(picture, plainly(first)).probability + 1e-6)
    moved = {}
    for weight in (0.0, 3.0):
        kept = dataclasses.replace(on, classes_as_begun=weight)
        learned, _ = trained(kept, tmp_path / f"b{weight}", tmp_path / f"learned{weight}.npz")
        now = np.log(classify(picture, plainly(learned)).probability + 1e-6)
        assert np.abs(learned.layers["enc1a.weight"] - first.layers["enc1a.weight"]).max() > 1e-3
        assert np.abs(learned.layers["chg0.weight"] - first.layers["chg0.weight"]).max() > 1e-3
        moved[weight] = float(np.abs(now - begun).mean())
    assert moved[3.0] < 0.5 * moved[0.0]
    for wrong in ({"start": ""}, {"change_alone": True}, {"classes_as_begun": -1.0}):
        with pytest.raises(SettingsError, match="classes_as_begun is"):
            dataclasses.replace(on, **{"classes_as_begun": 3.0} | wrong)


def test_the_line_between_two_classes_may_be_redrawn_while_the_others_stay(recipe):
    """The teacher calls everything cropland on the left and bare on the right; labels call the
    upper half of both woody. Only what it called cropland follows them."""
    torch.manual_seed(0)
    on = dataclasses.replace(
        recipe, start="open-rgb.npz", classes_as_begun=10.0, classes_redrawn=("cropland", "woody")
    )
    network = Network(3, Widths()).eval()
    picture = torch.randn(1, 4, 64, 64) * 0.1
    picture[:, 0, :, 32:] += 2.0
    picture[:, 1, :32] += 2.0
    cover = torch.ones(1, 64, 64, dtype=torch.uint8)
    cover[:, :32] = 6
    batch = {
        "before": picture, "after": picture, "cover_before": cover, "cover_after": cover,
        "kind": cover * 0,
    }  # fmt: skip
    begun = batch | {date: torch.where(torch.arange(64) < 32, 1, 4).expand(1, 64, 64).byte()
                     for date in ("cover_before", "cover_after")}  # fmt: skip
    teacher = learned(recipe, network, begun)
    assert named(teacher, picture) == [[1, 4], [1, 4]]
    assert named(learned(on, network, batch, teacher), picture) == [[6, 4], [1, 4]]
    kept = dataclasses.replace(on, classes_redrawn=())
    assert named(learned(kept, network, batch, teacher), picture) == [[1, 4], [1, 4]]
    for wrong in (("orchard", "woody"), ("woody",)):
        with pytest.raises(SettingsError, match="classes_redrawn "):
            dataclasses.replace(on, classes_redrawn=wrong)
    with pytest.raises(SettingsError, match="classes_redrawn is"):
        dataclasses.replace(on, classes_as_begun=0.0)


def learned(recipe, begun, batch, teacher=None):
    """A copy of a network after some steps on one batch."""
    network = deepcopy(begun if teacher is None else teacher).requires_grad_(True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(40):
        fitting._step(recipe, network, optimiser, batch, teacher)
    return network.requires_grad_(False)


def named(network, picture):
    """The commonest class of each quarter of a picture: rows, then columns."""
    codes = network(picture, picture)[0].argmax(1)[0] + 1
    return [
        [int(torch.bincount(codes[row : row + 32, col : col + 32].ravel()).argmax())
         for col in (0, 32)]
        for row in (0, 32)
    ]  # fmt: skip


def plainly(model):
    """The model without its calibration, which is fitted anew at the end of each run."""
    plain = Calibration((1.0,) * 8, (0.0,) * 8)
    return dataclasses.replace(model, cover=plain)


def test_distillation_is_the_divergence_from_the_teacher():
    torch.manual_seed(0)
    logits = torch.randn(2, 8, 5, 6)
    everywhere = torch.ones(2, 5, 6, dtype=torch.bool)
    assert float(fitting.distillation_loss(logits, logits, everywhere)) == pytest.approx(
        0.0, abs=1e-6
    )
    other = torch.randn(2, 8, 5, 6)
    p = torch.softmax(other, 1).double().numpy()
    q = torch.softmax(logits, 1).double().numpy()
    apart = (p * np.log(p / q)).sum(1)
    assert float(fitting.distillation_loss(logits, other, everywhere)) == pytest.approx(
        float(apart.mean()), rel=1e-5
    )
    held = torch.rand(2, 5, 6) < 0.5
    assert float(fitting.distillation_loss(logits, other, held)) == pytest.approx(
        float((apart * held.numpy()).mean()), rel=1e-5
    )


def test_a_run_may_begin_to_listen_to_coarser_pixels(recipe, tmp_path):
    first, _ = trained(recipe, tmp_path / "a", tmp_path / "first.npz")
    assert not first.context
    on = dataclasses.replace(
        recipe, start=str(tmp_path / "first.npz"), context=True, crop_px=64,
        second_look=(0.35, 0.2), learning_rate=1e-3,
    )  # fmt: skip
    learned, _ = trained(on, tmp_path / "b", tmp_path / "learned.npz")
    assert learned.context
    assert 1e-4 < np.abs(learned.layers["chgc.weight"]).max() < 0.1
    half, _ = trained(
        dataclasses.replace(on, blend=0.5), tmp_path / "b2", tmp_path / "half.npz"
    )
    for name, weight in learned.layers.items():
        begun = first.layers.get(name, np.zeros(weight.shape, np.float32))
        np.testing.assert_allclose(half.layers[name], (begun + weight) / 2, atol=2e-3)
    with pytest.raises(SettingsError, match="context is true; allowed only with a start"):
        dataclasses.replace(on, start="")
    with pytest.raises(SettingsError, match="multiples of 64"):
        dataclasses.replace(on, crop_px=96)


def test_a_second_look_is_learned_where_its_pixels_are_read(recipe):
    on = dataclasses.replace(recipe, second_look=(0.35, 0.2), crop_px=64)
    fine, coarse = (np.log2(side / on.reference_gsd_m) for side in (0.5, 1.5))
    pictures = torch.zeros(2, 4, 64, 64)
    pictures[0, -1], pictures[1, -1] = float(fine), float(coarse)
    classes, change, third = fitting._shares(on, pictures)
    assert classes.tolist() == pytest.approx([0.35, 0])
    assert change.tolist() == pytest.approx([0.2, 0])
    assert third.tolist() == [0, 0]  # four times 0.5 m is more than is read
    thrice = dataclasses.replace(on, third_look=0.3, coarsest_gsd_m=2.0)
    assert fitting._shares(thrice, pictures)[2].tolist() == pytest.approx([0.3, 0])
    with pytest.raises(SettingsError, match="third_look is"):
        dataclasses.replace(thrice, second_look=(0.0, 0.2))


@pytest.mark.parametrize("wrong", [{"blend": 0.5}, {"blend": 1.5, "start": "a.npz"}])
def test_a_blend_needs_something_to_begin_from(recipe, wrong):
    with pytest.raises(SettingsError, match="blend is"):
        dataclasses.replace(recipe, **wrong)


def test_a_run_may_begin_from_a_narrower_network_but_not_end_between_the_two(recipe, tmp_path):
    first, _ = trained(recipe, tmp_path / "a", tmp_path / "first.npz")
    wide = dataclasses.replace(
        recipe, start=str(tmp_path / "first.npz"), widths=Widths(c3=80, c4=96), steps=1
    )
    model, _ = trained(wide, tmp_path / "b", tmp_path / "wide.npz")
    assert (first.widths, model.widths) == (Widths(), Widths(c3=80, c4=96))
    with pytest.raises(SettingsError, match="cannot blend"):
        trained(dataclasses.replace(wide, blend=0.5), tmp_path / "c", tmp_path / "none.npz")
    narrow = dataclasses.replace(wide, widths=Widths(c3=48))
    with pytest.raises(SettingsError, match="wider than"):
        trained(narrow, tmp_path / "d", tmp_path / "none.npz")
    mean = dataclasses.replace(wide, also=str(tmp_path / "wide.npz"))
    with pytest.raises(SettingsError, match="different widths: no mean"):
        trained(mean, tmp_path / "e", tmp_path / "none.npz")
    assert not list(tmp_path.glob("[cde]"))  # told before any scene is simulated
    assert not (tmp_path / "none.npz").exists()


@pytest.mark.parametrize("widths", ["c3 = 70", "c3 = 4096", "c9 = 64", "c3 = 'many'"])
def test_widths_that_cannot_be_are_refused(tmp_path, widths):
    plain = resources.files("landshift").joinpath("recipes", "open-rgb-first.toml").read_text()
    path = tmp_path / "wrong.toml"
    path.write_text(f"{plain}\n[widths]\n{widths}\n")
    with pytest.raises(SettingsError, match="widths: "):
        read_recipe(str(path))


def test_where_a_label_allows_two_answers_either_is_as_good():
    logits = torch.zeros(1, 4, 2, 2, requires_grad=True)
    built = torch.full((1, 2, 2), BUILT)
    sure = torch.tensor([0.0, 9.0, 0.0, 0.0])[None, :, None, None].expand(1, 4, 2, 2)
    swapped = sure[:, [0, 2, 1, 3]]
    loss = fitting.change_loss(sure, built)
    assert loss == pytest.approx(float(fitting.change_loss(swapped, built)), abs=1e-6)
    assert loss < 0.1 < fitting.change_loss(logits, built)
    ignored = torch.full((1, 2, 2), IGNORED)
    assert torch.isfinite(fitting.change_loss(sure, ignored))
    fitting.change_loss(logits, built).backward()
    slope = logits.grad[0, :, 0, 0]
    assert slope[1] == pytest.approx(float(slope[2]))
    assert slope[1] < 0 < slope[0]


def test_mixed_styles_are_between_two_pictures_and_leave_what_they_show():
    torch.manual_seed(0)
    level = torch.arange(6.0)[:, None, None, None] * torch.tensor([1.0, -2.0, 3.0])[:, None, None]
    features = torch.randn(6, 3, 20, 20) * (1 + level.abs()) + level
    features.requires_grad_()
    mixed = styles_mixed(features)

    def style(x):
        return x.detach().mean((2, 3)), x.detach().std((2, 3))

    for own, new in zip(style(features), style(mixed), strict=True):
        assert not torch.allclose(own, new, rtol=0.05)
        # on the way from the own style to that of one of the others, all channels as far
        ways = [[torch.linalg.lstsq((b - a)[:, None], (n - a)[:, None]) for b in own]
                for a, n in zip(own, new, strict=True)]  # fmt: skip
        misses = [min(
            float(((b - a) * way.solution[0, 0] - (n - a)).abs().max())
            for b, way in zip(own, found, strict=True)
        ) for a, n, found in zip(own, new, ways, strict=True)]  # fmt: skip
        assert max(misses) < 0.05
    # what a picture shows, less its style, is what it showed
    for a, b in zip(features.detach().flatten(2), mixed.detach().flatten(2), strict=True):
        for one, other in zip(a, b, strict=True):
            assert float(torch.corrcoef(torch.stack([one, other]))[0, 1]) > 0.9999
    mixed.sum().backward()
    assert torch.isfinite(features.grad).all()


def test_one_picture_alone_keeps_its_style():
    features = torch.randn(1, 4, 12, 12)
    torch.testing.assert_close(styles_mixed(features), features, rtol=1e-4, atol=1e-5)


def test_styles_are_mixed_in_learning_alone(recipe, tmp_path):
    """With the same seed and no mixing in any step the weights are others; answers never mix."""
    some = dataclasses.replace(recipe, steps=2, style_mixing=1.0)
    none = dataclasses.replace(recipe, steps=2, style_mixing=0.0)
    mixed, _ = trained(some, tmp_path / "a", tmp_path / "mixed.npz")
    plain, _ = trained(none, tmp_path / "a2", tmp_path / "plain.npz")
    assert any(
        not np.array_equal(weight, plain.layers[name]) for name, weight in mixed.layers.items()
    )
    network = Network(3, recipe.widths).eval()
    before, after = torch.randn(2, 2, 4, 32, 32)
    for one, other in zip(
        network.answer(before, after), network.answer(before, after), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("dates", [1, 2])
def test_quiet_ground_says_nothing_of_how_often_something_changes(recipe, dates):
    """Unless there is nothing else to learn it from."""
    torch.manual_seed(2)
    network = Network(3, recipe.widths).eval()
    rng = np.random.default_rng(2)

    def tile(name, dates, quiet, changed):
        kinds = np.where(rng.random((64, 64)) < changed, 3, 0).astype(np.uint8)
        covers = rng.integers(1, 9, (1, 64, 64)).astype(np.uint8).repeat(dates, axis=0)
        bands = rng.random((dates, 3, 64, 64)).astype(np.float16)
        return Tile(name, bands, covers, 0.5, quiet, None if dates == 1 else kinds)

    scenes, quiet = [tile("scene", 2, False, 0.3)], tile("quiet", dates, True, 0.0)
    alone = fitting._calibrate(recipe, network, scenes, [])
    both = fitting._calibrate(recipe, network, scenes, [quiet])
    assert both["change_prior"][3] == pytest.approx(alone["change_prior"][3], abs=0.05)
    assert both["change_prior"][3] > 0.2
    assert fitting._calibrate(recipe, network, [], [quiet])["change_prior"][3] < 0.01


def test_calibration_sees_scenes_whole(recipe, monkeypatch, tmp_path):
    sides = []
    cutter = fitting.Cutter
    monkeypatch.setattr(
        fitting, "Cutter", lambda tiles, how: sides.append(how.crop_px) or cutter(tiles, how)
    )
    wide = dataclasses.replace(recipe, simulated_px=70)
    trained(wide, tmp_path, tmp_path / "model.npz")
    assert sides[0] == recipe.crop_px  # what is learned from
    assert sides[-1] == 64


def test_a_norm_at_rest_is_part_of_its_convolution():
    """It answers, and learns, as the norm after the convolution would."""
    torch.manual_seed(4)
    block = Block(3, 5).eval()
    torch.nn.init.normal_(block.norm.running_mean)
    for values in (block.norm.running_var, block.norm.weight, block.norm.bias):
        torch.nn.init.uniform_(values, 0.5, 2.0)
    x = torch.randn(2, 3, 8, 9)
    told, slopes = [], []
    for answer in (block(x), torch.relu(block.norm(block.conv(x)))):
        told.append(answer)
        slopes.append(torch.autograd.grad(answer.square().sum(), list(block.parameters())))
    torch.testing.assert_close(*told)
    for own, plain in zip(*slopes, strict=True):
        torch.testing.assert_close(own, plain, rtol=1e-4, atol=1e-3)
    assert not torch.allclose(block.train()(x), told[0])  # norms that learn are not at rest
