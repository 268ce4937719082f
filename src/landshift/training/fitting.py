"""The training loop: examples → network → averaged weights → calibrated model file."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from landshift.errors import SettingsError
from landshift.features import reads_gsd
from landshift.legend import Cover
from landshift.model import HALVINGS, load_model, save_model, widths_of
from landshift.sensor import FAMILY_BANDS
from landshift.training.calibration import fit_scaling
from landshift.training.folder import read_folder
from landshift.training.material import (
    CHANGE_RIGHT,
    IGNORED,
    Cutter,
    Example,
    Tile,
    read_tiles,
)
from landshift.training.network import Answers, Network, Shares, begin_from, exported
from landshift.training.recipe import Recipe
from landshift.training.scenes import simulated_tiles

Layers = dict[str, NDArray[np.float32]]
"""``layer.weight`` and ``layer.bias`` of a model file."""

_HELD_OUT_SEED = 10_000_000
"""Simulated scenes for calibration begin here, far from those for training."""
_LEAST_DRAWS = 40
"""Of pictures, for calibration, where there are fewer scenes."""
_AVERAGING = 0.998
"""Decay of the running mean of the weights: about the last 500 steps."""
_CHANGE_WEIGHTS = (1.0, 3.0, 3.0, 1.5, 3.0, 1.0)
"""Of each key of `material.ALLOWED`. Change is rare; without weight the head learns to say 'same'.
Calibration takes it out again."""
_CLASS_WEIGHTS = (1.0, 2.0, 1.5, 1.5, 1.0, 1.0, 1.0, 1.0)
"""Greenhouse, building and bare are what the hectares hang on, and are thin on the ground."""
_CHECKPOINT_STEPS = 200
_COVER_RIGHT = np.eye(256, 8, k=-1, dtype=bool)
"""(code, class); which class a cover code of 1-8 says, none for 0."""


def train(
    recipe: Recipe,
    tiles: Path | None,
    work: Path,
    out: Path,
    report: Callable[[str], None],
    own_gsd_m: float | None = None,
) -> dict[str, Any]:
    """Train, calibrate and write one model; go on from ``work`` if a run was killed.

    Parameters
    ----------
    recipe
        All numbers of the run.
    tiles
        CSV of labelled pictures (`material.read_tiles`), a folder of them
        (`folder.read_folder`), or None for simulation alone.
    work
        Folder for simulated scenes and checkpoints.
    out
        The ``.npz`` to write.
    report
        Takes one line of progress at a time.
    own_gsd_m
        Side of a pixel of a folder's pictures where they have no CRS, metres.

    Returns
    -------
    dict
        The model file's ``meta``.
    """
    begun = _first_layers(recipe)  # what cannot be learned on from is refused before hours of work
    gsd_m = (recipe.finest_gsd_m, recipe.coarsest_gsd_m)
    labelled = _labelled(tiles, FAMILY_BANDS[recipe.family], gsd_m, own_gsd_m)
    make = (recipe.simulated_px, gsd_m, work / "scenes", report)
    seeds = range(recipe.first_pair, recipe.first_pair + recipe.simulated_pairs)
    scenes = simulated_tiles(recipe.family, seeds, *make)
    held = range(_HELD_OUT_SEED, _HELD_OUT_SEED + recipe.held_out_pairs)
    held_scenes = simulated_tiles(recipe.family, held, *make)
    taught = [tile for split, tile in labelled if split == "train"]
    kept = [tile for split, tile in labelled if split == "held-out"]
    report(f"{len(scenes)} simulated pairs, {len(taught)} labelled pictures to learn from; "
           f"{len(held_scenes)} and {len(kept)} held out")  # fmt: skip
    network = _fit(recipe, begun, scenes, taught, work, report)
    if recipe.blend < 1.0:
        network = _blended(recipe, begun, network, scenes, taught)
    calibration = _calibrate(recipe, network, held_scenes, kept)
    meta = {
        "name": recipe.name, "family": recipe.family,
        "bands": list(FAMILY_BANDS[recipe.family]), "finest_gsd_m": recipe.finest_gsd_m,
        "coarsest_gsd_m": recipe.coarsest_gsd_m, "reference_gsd_m": recipe.reference_gsd_m,
        "symmetric": True, "second_look": list(recipe.second_look), "third_look": recipe.third_look,
        "turns": recipe.turns,
        "licence": recipe.licence,
        **calibration,
        "training": asdict(recipe) | _begun(recipe) | {
            "labelled": sorted(t.name for t in taught),
            "labelled_held_out": sorted(t.name for t in kept),
        },
    }  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(".part.npz")
    save_model(part, meta, exported(network))
    part.replace(out)
    return meta


def _begun(recipe: Recipe) -> dict[str, str]:
    """Which files the weights were learned on from, if any."""
    return {
        f"{field}_sha256": load_model(source, recipe.family).sha256
        for field, source in (("start", recipe.start), ("also", recipe.also)) if source
    }  # fmt: skip


def _labelled(
    tiles: Path | None, bands: tuple[str, ...], gsd_m: tuple[float, float],
    own_gsd_m: float | None,
) -> list[tuple[str, Tile]]:  # fmt: skip
    if tiles is None:
        return []
    if tiles.is_dir():
        return read_folder(tiles, bands, gsd_m, own_gsd_m)
    return read_tiles(tiles, bands, gsd_m)


def _fit(
    recipe: Recipe, begun: Layers, scenes: list[Tile], taught: list[Tile], work: Path,
    report: Callable[[str], None],
) -> Network:  # fmt: skip
    torch.manual_seed(recipe.seed)
    network = Network(len(FAMILY_BANDS[recipe.family]), recipe.widths, recipe.context)
    network = network.to(memory_format=torch.channels_last)
    if recipe.start:
        begin_from(network, begun, _first_pictures(recipe, scenes, taught))
        sources = " and ".join(filter(None, (recipe.start, recipe.also)))
        report(f"beginning from the weights of {sources}")
    teacher = None
    if recipe.classes_as_begun > 0.0:
        teacher = deepcopy(network).eval().requires_grad_(False)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(_AVERAGING),
        use_buffers=True,
    )  # fmt: skip
    if recipe.change_alone:
        network.requires_grad_(False)
        for layer in network.change_layers():
            layer.requires_grad_(True)
    learning = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learning, weight_decay=1e-2, lr=recipe.learning_rate)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=max(1, recipe.steps), pct_start=0.1
    )
    state = {"network": network, "average": average, "optimiser": optimiser, "rate": rate}
    checkpoint = work / f"{recipe.name}-{recipe.family}.pt"
    first = _resumed(checkpoint, state)
    if first:
        report(f"going on from step {first} of {checkpoint}")
    began, losses = time.monotonic(), []
    batches = _ahead(_batches(recipe, scenes, taught, first))
    for step, batch in zip(range(first, recipe.steps), batches, strict=False):
        network.train(not (recipe.change_alone or recipe.context))
        if recipe.change_alone:
            for layer in network.change_layers():
                layer.train()
        network.mixes_styles = bool(torch.rand(()) < recipe.style_mixing)
        losses.append(_step(recipe, network, optimiser, batch, teacher))
        average.update_parameters(network)
        rate.step()
        if (step + 1) % _CHECKPOINT_STEPS == 0:
            report(f"step {step + 1} of {recipe.steps}: loss {np.mean(losses[-200:]):.4f}, "
                   f"{time.monotonic() - began:.0f} s")  # fmt: skip
            _kept(checkpoint, state, step + 1)
    finished: Network = average.module.to(memory_format=torch.contiguous_format).eval()
    return finished


def _blended(
    recipe: Recipe, begun: Layers, network: Network, scenes: list[Tile], taught: list[Tile]
) -> Network:
    """A network of ``recipe.blend`` of what was learned, and for the rest of what it began from."""
    between = {
        name: (first := begun.get(name, np.zeros(learned.shape, np.float32)))
        + np.float32(recipe.blend) * (learned.astype(np.float32) - first)
        for name, learned in exported(network).items()
    }
    blended = Network(len(FAMILY_BANDS[recipe.family]), recipe.widths, recipe.context)
    begin_from(blended, between, _first_pictures(recipe, scenes, taught))
    return blended


def _first_layers(recipe: Recipe) -> Layers:
    """Weights of the model that is learned on from, or the mean of two; none without a start."""
    sources = filter(None, (recipe.start, recipe.also))
    models = [load_model(source, recipe.family).layers for source in sources]
    if not models:
        return {}
    own = asdict(recipe.widths)
    for model in models:
        known = asdict(widths_of(model))
        if recipe.blend < 1.0 and known != own:
            raise SettingsError(f"cannot blend {recipe.start} with a network of other widths")
        if wider := [name for name in own if known[name] > own[name]]:
            raise SettingsError(f"{recipe.start} is wider than the network of the recipe: {wider}")
    if any(widths_of(model) != widths_of(models[0]) for model in models):
        raise SettingsError(f"{recipe.start} and {recipe.also} are of different widths: no mean")
    return {
        layer: np.mean([model[layer] for model in models], axis=0, dtype=np.float32)
        for layer in models[0]
    }


def _first_pictures(recipe: Recipe, scenes: list[Tile], taught: list[Tile]) -> Tensor:
    """What the first step sees before, (n, bands + 1, row, col)."""
    return next(_batches(replace(recipe, steps=1), scenes, taught, 0))["before"]


def _resumed(checkpoint: Path, state: dict[str, Any]) -> int:
    if not checkpoint.exists():
        return 0
    saved = torch.load(checkpoint, weights_only=True)
    for name, part in state.items():
        part.load_state_dict(saved[name])
    torch.set_rng_state(saved["random"])
    return int(saved["step"])


def _kept(checkpoint: Path, state: dict[str, Any], step: int) -> None:
    part = checkpoint.with_suffix(".part")
    saved = {name: p.state_dict() for name, p in state.items()}
    torch.save(saved | {"step": step, "random": torch.get_rng_state()}, part)
    part.replace(checkpoint)


def _step(
    recipe: Recipe, network: Network, optimiser: torch.optim.Optimizer, batch: dict[str, Tensor],
    teacher: Network | None = None,
) -> float:  # fmt: skip
    """One step, and its loss; classes are learned from the ``teacher``'s where there is one."""
    optimiser.zero_grad()
    before, after = (
        batch[name].contiguous(memory_format=torch.channels_last) for name in ("before", "after")
    )
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=_half_precision()):
        shares = _shares(recipe, before) if recipe.context else None
        *classes, change = network(before, after, shares)
        if teacher is not None:
            with torch.no_grad():
                *taught, _ = teacher(before, after, shares)
    loss = change_loss(change.float(), batch["kind"])
    for date, logits in enumerate(classes):
        cover = batch["cover_after" if date else "cover_before"]
        if teacher is not None:
            told = redrawn(cover, taught[date], recipe.classes_redrawn)
            apart = distillation_loss(logits.float(), taught[date].float(), ~told)
            wrong = class_loss(logits.float(), cover * told) * told.float().mean()
            loss = loss + recipe.classes_as_begun * (apart + wrong)
        else:
            loss = loss + 0.7 * class_loss(logits.float(), cover)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    return float(loss.detach())


def _shares(recipe: Recipe, pictures: Tensor) -> Shares:
    """Of the coarser looks; none where their pixels are too coarse."""
    gsd_m = recipe.reference_gsd_m * 2 ** pictures[:, -1].amax((1, 2))
    twice, four_times = (
        torch.tensor([
            reads_gsd(float(side), recipe.finest_gsd_m, recipe.coarsest_gsd_m)
            for side in factor * gsd_m
        ])
        for factor in (2, 4)
    )  # fmt: skip
    classes, change = recipe.second_look
    return twice * classes, twice * change, four_times * recipe.third_look


def _half_precision() -> bool:
    """Whether this processor multiplies bfloat16 itself; where it only pretends to, a step takes
    eight times as long. A PyTorch that does not tell is taken to pretend."""
    told = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return bool(told())


def redrawn(cover: Tensor, taught: Tensor, names: tuple[str, ...]) -> Tensor:
    """Where labels and a teacher both say one of the classes of ``names``, (n, row, col)."""
    codes = torch.tensor([Cover[name.upper()] for name in names], dtype=torch.uint8)
    named = taught.argmax(1).to(torch.uint8) + 1
    return torch.isin(cover, codes) & torch.isin(named, codes)


def class_loss(logits: Tensor, cover: Tensor) -> Tensor:
    """Cross entropy over the pixels whose cover is known; cover 1-8, 0 is ignored."""
    known = torch.where(cover == 0, -100, cover.long() - 1)
    weights = torch.tensor(_CLASS_WEIGHTS)
    total = functional.cross_entropy(
        logits, known, weights, ignore_index=-100, label_smoothing=0.03, reduction="sum"
    )
    return total / (known >= 0).sum().clamp(min=1)


def distillation_loss(logits: Tensor, taught: Tensor, held: Tensor) -> Tensor:
    """Kullback-Leibler divergence from a teacher's classes, nats, of (n, class, row, col).

    The sum over the pixels that are ``held`` (n, row, col) to them, divided by all.
    """
    own, true = torch.log_softmax(logits, 1), torch.log_softmax(taught, 1)
    apart = functional.kl_div(own, true, log_target=True, reduction="none").sum(1)
    return (apart * held).mean()


def change_loss(logits: Tensor, kind: Tensor) -> Tensor:
    """Weighted cross entropy, plus the Dice loss of gained, lost and all changed buildings.

    Where a label allows several answers, their probabilities are added up (Petit et al. 2018,
    "Handling Missing Annotations for Semantic Segmentation", arXiv:1807.00639, do so per class).
    Dice after Milletari et al. 2016 (doi:10.1109/3DV.2016.79): it looks at the overlap of the rare
    classes and so is not swamped by the unchanged pixels.
    """
    label = torch.where(kind == IGNORED, 0, kind).long()
    known = kind != IGNORED
    right = torch.from_numpy(CHANGE_RIGHT)[label].permute(0, 3, 1, 2)
    weight = torch.tensor(_CHANGE_WEIGHTS)[label] * known
    chosen = torch.where(right, logits, -torch.inf).logsumexp(1)
    entropy = ((logits.logsumexp(1) - chosen) * weight).sum() / weight.sum().clamp(min=1)
    p = torch.softmax(logits, 1)
    one_way = known & (right.sum(1) == 1)
    built = right[:, 1] | right[:, 2]
    dice = _dice(p[:, 1] + p[:, 2], built, known)
    for k in (1, 2):
        dice = dice + _dice(p[:, k], right[:, k], one_way)
    return entropy + 0.25 * dice


def _dice(p: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    p, t = p * known, truth & known
    return 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)


def _batches(
    recipe: Recipe, scenes: list[Tile], taught: list[Tile], first: int
) -> Iterator[dict[str, Tensor]]:
    cutter = Cutter(scenes + taught, recipe)
    known = np.array([_known(tile) for tile in taught])
    weights = np.sqrt(known) / np.sqrt(known).sum()
    for step in range(first, recipe.steps):
        rng = np.random.default_rng([recipe.seed, step])
        examples = []
        for _ in range(recipe.batch):
            if not taught or rng.random() < recipe.simulated_share:
                tile = scenes[rng.integers(len(scenes))]
            else:
                tile = taught[rng.choice(len(taught), p=weights)]
            examples.append(cutter.example(tile, rng))
        yield stacked(examples)


def _known(tile: Tile) -> float:
    """Pixels that a tile teaches something on.

    Ground that nobody labelled teaches only that nothing changed: an eighth of the rest.
    """
    drawn = 0 if tile.kinds is None else np.count_nonzero(tile.kinds != IGNORED)
    return float(max(np.count_nonzero(tile.covers), drawn, tile.covers.size / 8))


def stacked(examples: list[Example]) -> dict[str, Tensor]:
    """One tensor a field, (batch, …)."""
    return {
        name: torch.from_numpy(np.stack([getattr(e, name) for e in examples]))
        for name in Example.__dataclass_fields__
    }


def _ahead(batches: Iterator[dict[str, Tensor]], depth: int = 3) -> Iterator[dict[str, Tensor]]:
    """The same batches in the same order, made by a second thread while the network learns."""
    ready: queue.Queue[Any] = queue.Queue(depth)

    def fill() -> None:
        try:
            for batch in batches:
                ready.put(batch)
            ready.put(None)
        except BaseException as error:  # handed to the reader below
            ready.put(error)

    threading.Thread(target=fill, daemon=True).start()
    while (batch := ready.get()) is not None:
        if isinstance(batch, BaseException):
            raise batch
        yield batch


def _tells_change(tile: Tile) -> bool:
    """Whether it says how often something changed where somebody asks."""
    return len(tile.bands) > 1 and not tile.quiet


def _calibrate(
    recipe: Recipe, network: Network, scenes: list[Tile], kept: list[Tile]
) -> dict[str, Any]:
    """Vector scaling of both heads, fitted on tiles that the network never saw, one way up.

    Scenes are seen whole, as pictures are at work: in a crop, half of the pixels lie where the
    network sees beyond its edge.

    As many pictures as simulated scenes, again and again where there are fewer. Of change neither a
    single picture says anything nor ground that was chosen because nothing changed there.

    What holds for one way up holds for the mean of several: on 40 simulated RGB pairs of seeds
    41 000 000 and up, the likelihood of the right class was no better when fitted to the mean.
    """
    unit = (4 if recipe.context or recipe.third_look > 0 else 2) * 2**HALVINGS
    side = max(recipe.crop_px, recipe.simulated_px // unit * unit)
    cutter = Cutter(scenes + kept, replace(recipe, crop_px=side))
    rng = np.random.default_rng([recipe.seed, 1])
    repeats = max(1, max(len(scenes), _LEAST_DRAWS) // max(1, len(kept)))
    draws = scenes + kept * repeats
    some_tell = any(map(_tells_change, draws))
    logits: dict[str, list[NDArray[np.float32]]] = {"class": [], "change": []}
    rights: dict[str, list[NDArray[np.bool_]]] = {"class": [], "change": []}
    for tile in draws:
        example = cutter.example(tile, rng, calm=True)
        batch = stacked([example])
        with torch.no_grad():
            shares = _shares(recipe, batch["before"])
            found: Answers = network.answer(batch["before"], batch["after"], shares)
        before, after, change = found
        for name, logit, label, right in (
            ("class", before, example.cover_before, _COVER_RIGHT),
            ("class", after, example.cover_after, _COVER_RIGHT),
            ("change", change, example.kind, CHANGE_RIGHT),
        ):
            known = np.flatnonzero(right[label.ravel()].any(1))
            if len(known) and (name == "class" or _tells_change(tile) or not some_tell):
                at = rng.choice(known, min(len(known), 1500), replace=False)
                logits[name].append(logit[0].flatten(1).numpy()[:, at].T)
                rights[name].append(right[label.ravel()[at]])
    values: dict[str, Any] = {}
    for name in ("class", "change"):
        scale, offset, prior, before_ece, after_ece = fit_scaling(
            np.concatenate(logits[name]), np.concatenate(rights[name])
        )
        values |= {
            f"{name}_scale": scale, f"{name}_offset": offset, f"{name}_prior": prior,
            f"{name}_ece": {"raw": round(before_ece, 4), "calibrated": round(after_ece, 4)},
        }  # fmt: skip
    return values
