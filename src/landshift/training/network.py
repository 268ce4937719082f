"""The siamese network in torch, the twin of ``landshift.kernels.convolution``; for training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from landshift.model import CONTEXT, HALVINGS, LAYERS, Widths, widths_of

Maps = tuple[Tensor, Tensor, Tensor]
"""Features at full, half and quarter resolution."""
Answers = tuple[Tensor, Tensor, Tensor]
"""Logits of the classes before and after, (n, 8, row, col), and of change, (n, 4, row, col)."""
Shares = tuple[Tensor, Tensor, Tensor]
"""Weights (n,) of the second look in classes and in change, and of the third in classes; see
`model.Model.second_look`."""

_MIXED = torch.tensor(0.1), torch.tensor(0.1)
"""Of the Beta distribution that says how far styles are mixed; as in the paper cited below."""
_LEAST_VARIANCE = 1e-6
"""Keeps the style of a blank picture finite; as in the paper."""


class Block(nn.Module):
    """Convolution, batch norm, ReLU; a norm at rest is folded into the convolution."""

    def __init__(self, inputs: int, outputs: int, side: int = 3) -> None:
        """Channels in and out; ``side`` of the kernel, pixels."""
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, side, padding=side // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, row, col) → (n, outputs, row, col)."""
        if self.training:
            return torch.relu(self.norm(self.conv(x)))
        # Beside its convolution a norm at rest would cost a pass over memory each way.
        return functional.conv2d(x, *self.folded(), padding=self.conv.padding).relu_()

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the one convolution that equals this block at inference."""
        norm = self.norm
        if norm.running_var is None or norm.running_mean is None:
            raise ValueError("the batch norm has no running statistics to fold")
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weight = self.conv.weight * gain[:, None, None, None]
        return weight, norm.bias - norm.running_mean * gain


def doubled(x: Tensor) -> Tensor:
    """Each pixel repeated 2 × 2."""
    return functional.interpolate(x, scale_factor=2, mode="nearest")


def both(before: Tensor, after: Tensor) -> Tensor:
    """Features of both dates and their absolute difference, along the channels."""
    return torch.cat([before, after, (before - after).abs()], 1)


def styles_mixed(features: Tensor) -> Tensor:
    """Every picture's features with means and spreads on the way to another's of the batch.

    MixStyle (Zhou et al. 2021, arXiv:2104.02008): how far on the way is drawn from Beta(0.1, 0.1),
    mostly near either end; the gradient does not flow through means and spreads. Both dates of a
    pair are mixed apart: another style is no change.

    Parameters
    ----------
    features
        (n, channel, row, col).
    """
    mean = features.mean((2, 3), keepdim=True).detach()
    spread = torch.sqrt(features.var((2, 3), keepdim=True) + _LEAST_VARIANCE).detach()
    share = torch.distributions.Beta(*_MIXED).sample((len(features), 1, 1, 1)).to(features.dtype)
    other = torch.randperm(len(features))
    to_mean = share * mean + (1 - share) * mean[other]
    to_spread = share * spread + (1 - share) * spread[other]
    return (features - mean) / spread * to_spread + to_mean


class Network(nn.Module):
    """Features of one date at full, half and quarter resolution; heads for class and change."""

    def __init__(self, bands: int, widths: Widths, context: bool = False) -> None:
        """For pictures of ``bands`` bands; the gsd channel comes on top.

        ``context``: what it makes of pixels twice as coarse counts where it tells change.
        """
        super().__init__()
        self.widths = widths
        self.context = context
        self.mixes_styles = False  # set for the steps of a training run that do
        w = widths
        self.enc0 = Block(bands + 1, w.c0)
        for level, (low, high) in enumerate(
            [(w.c0, w.c1), (w.c1, w.c2), (w.c2, w.c3), (w.c3, w.c4)], 1
        ):
            setattr(self, f"enc{level}a", Block(low, high))
            setattr(self, f"enc{level}b", Block(high, high))
        self.dec3 = Block(w.c4 + w.c3, w.c3)
        self.dec2 = Block(w.c3 + w.c2, w.d2)
        self.red1 = Block(w.d2, w.d1, side=1)
        self.dec1 = Block(w.d1 + w.c1, w.d1)
        self.red0 = Block(w.d1, w.c0, side=1)
        self.dec0 = Block(2 * w.c0, w.f)
        self.cls = nn.Conv2d(w.f, 8, 1)
        self.chg0 = nn.Conv2d(3 * w.f, w.h, 1)
        self.chg1 = nn.Conv2d(3 * w.d1, w.h, 1, bias=False)
        self.chg2 = nn.Conv2d(3 * w.d2, w.h, 1, bias=False)
        if context:
            self.chgc = nn.Conv2d(3 * w.f, w.h, 1, bias=False)
        self.chg3 = Block(w.h, w.h)
        self.chg4 = nn.Conv2d(w.h, 4, 1)

    def features(self, x: Tensor) -> Maps:
        """(n, bands + 1, row, col), sides multiples of 16 → full, half, quarter resolution."""
        s0 = self.enc0(x)
        if self.mixes_styles:
            s0 = styles_mixed(s0)
        skips, s = [s0], s0
        for level in range(1, 5):
            s = functional.max_pool2d(s, 2)
            s = getattr(self, f"enc{level}b")(getattr(self, f"enc{level}a")(s))
            if self.mixes_styles and level == 1:
                s = styles_mixed(s)
            skips.append(s)
        d3 = self.dec3(torch.cat([doubled(skips[4]), skips[3]], 1))
        d2 = self.dec2(torch.cat([doubled(d3), skips[2]], 1))
        d1 = self.dec1(torch.cat([doubled(self.red1(d2)), skips[1]], 1))
        return self.dec0(torch.cat([doubled(self.red0(d1)), s0], 1)), d1, d2

    def looks(self, x: Tensor, count: int) -> list[Maps]:
        """`features` of a picture, and of it at pixels twice as coarse, and so on.

        ``count`` of them, as far as there are pixels.
        """
        pictures = [x]
        while len(pictures) < count and _halves_well(x):
            pictures.append(x := _halved(x))
        return [self.features(picture) for picture in pictures]

    def change(self, before: Maps, after: Maps, coarse: tuple[Tensor, Tensor] | None) -> Tensor:
        """Logits (n, 4, row, col): same, building gained, building lost, other lasting change.

        ``coarse`` are both dates' features (n, f, row / 2, col / 2) at pixels twice as coarse.
        """
        full, half, quarter = (both(b, a) for b, a in zip(before, after, strict=True))
        at_half = self.chg1(half) + doubled(self.chg2(quarter))
        if coarse is not None:
            at_half = at_half + self.chgc(both(*coarse))
        return self.chg4(self.chg3(torch.relu(self.chg0(full) + doubled(at_half))))

    def change_layers(self) -> tuple[nn.Module, ...]:
        """The layers that tell change from the features of both dates."""
        return tuple(layer for name, layer in self.named_children() if name.startswith("chg"))

    def forward(
        self, before: Tensor, after: Tensor, shares: Shares | None = None
    ) -> Answers:
        """Class logits of both dates and the change logits, as they are learned."""
        return self._told(before, after, shares, self.change)

    def answer(
        self, before: Tensor, after: Tensor, shares: Shares | None = None
    ) -> Answers:
        """The same as the kernels compute it: the change head averaged over both orders.

        The head sees (before, after) and (after, before); gained and lost trade places in the
        second. So a swapped pair gives a mirrored answer by construction. Learning needs one order
        alone, because examples come in either.
        """

        def both_orders(b: Maps, a: Maps, coarse: tuple[Tensor, Tensor] | None) -> Tensor:
            turned = None if coarse is None else coarse[::-1]
            return (self.change(b, a, coarse) + self.change(a, b, turned)[:, [0, 2, 1, 3]]) / 2

        return self._told(before, after, shares, both_orders)

    def _told(
        self, before: Tensor, after: Tensor, shares: Shares | None,
        change: Callable[[Maps, Maps, tuple[Tensor, Tensor] | None], Tensor],
    ) -> Answers:  # fmt: skip
        n = len(before)
        count = 1 if shares is None else 2
        thrice = shares is not None and bool(shares[2].any())
        looks = self.looks(torch.cat([before, after]), count + (self.context or thrice))
        told = []
        for maps, coarser in zip_longest(looks[:count], looks[1 : count + 1]):
            classes, coarse = self.cls(maps[0]), None
            if self.context and coarser is not None:
                coarse = coarser[0][:n], coarser[0][n:]
            told.append((classes[:n], classes[n:], change(*_halves(maps, n), coarse)))
        if shares is None or len(told) == 1:
            return told[0]
        own, second = told
        classes = torch.cat(second[:2])
        twice, share, four_times = shares
        if thrice and len(looks) > 2:
            part = four_times / (twice + four_times).clamp(min=1e-6)
            classes = _blended(classes, self.cls(looks[2][0]), torch.cat([part, part]))
            twice = twice + four_times
        return (
            _blended(own[0], classes[:n], twice), _blended(own[1], classes[n:], twice),
            _blended(own[2], second[2], share),
        )  # fmt: skip


def _blended(own: Tensor, coarse: Tensor, share: Tensor) -> Tensor:
    """``share`` (n,) of the logits at pixels twice as coarse in those of a picture's own."""
    share = share[:, None, None, None]
    drawn = functional.interpolate(
        coarse, size=own.shape[-2:], mode="bilinear", align_corners=False
    )
    return (1 - share) * own + share * drawn


def _halves_well(picture: Tensor) -> bool:
    """Whether half of its sides are multiples of 16 still."""
    return all(side % 2 ** (HALVINGS + 1) == 0 for side in picture.shape[-2:])


def _halved(picture: Tensor) -> Tensor:
    """Means of 2 × 2 pixels; the last channel says that they are twice as coarse."""
    small = functional.avg_pool2d(picture, 2)
    small[:, -1] += 1
    return small


def _halves(merged: Maps, n: int) -> tuple[Maps, Maps]:
    full, half, quarter = merged
    return (full[:n], half[:n], quarter[:n]), (full[n:], half[n:], quarter[n:])


def exported(network: Network) -> dict[str, NDArray[np.float16]]:
    """The arrays of a model file: ``layer.weight`` and ``layer.bias``, batch norm folded in."""
    arrays = {}
    for name, weight, bias in _layers(network):
        if weight.shape[-1] == 1:
            weight = weight[:, :, 0, 0]
        arrays[f"{name}.weight"] = weight.detach().numpy().astype(np.float16)
        if bias is not None:
            arrays[f"{name}.bias"] = bias.detach().numpy().astype(np.float16)
    return arrays


def begin_from(
    network: Network, layers: Mapping[str, NDArray[np.float32]], example: Tensor
) -> None:
    """Give a network a model file's weights, so that it answers as that model does.

    The file's convolutions hold their batch norms folded in. Each norm is set to the mean and
    spread that ``example`` (n, bands + 1, row, col) has before it, and undoes them exactly, so that
    learning goes on smoothly from there. A network may be wider than the file: channels that the
    file does not know begin at random, and nobody listens to them yet, as in Net2Net (Chen et al.
    2016, arXiv:1511.05641), but that no channel is doubled. Nor does it listen to coarser pixels
    where the file's did not.
    """
    narrow = widths_of(layers)
    hooks = []
    with torch.no_grad():
        for name, layer in network.named_children():
            if name == CONTEXT and f"{name}.weight" not in layers:
                layer.weight.zero_()
                continue
            weight = torch.from_numpy(layers[f"{name}.weight"].copy())
            conv = layer.conv if isinstance(layer, Block) else layer
            known = len(weight)
            _widen(conv.weight, weight, _columns(name, narrow, network.widths, weight.shape[1]))
            bias = layers.get(f"{name}.bias")
            if isinstance(layer, Block):
                shift = torch.zeros(len(conv.weight))
                shift[:known] = torch.from_numpy(layers[f"{name}.bias"].copy())
                hooks.append(layer.register_forward_pre_hook(_fitted_norm(shift, known)))
            elif bias is not None:
                conv.bias[:known] = torch.from_numpy(bias.copy())
        network.eval()(example, example.flip(-1))
    for hook in hooks:
        hook.remove()


def _columns(name: str, narrow: Widths, wide: Widths, inputs: int) -> list[int]:
    """Where a layer of the wider network finds the channels that the narrower one read."""
    columns: list[int] = []
    first = 0
    for plane in LAYERS[name].reads:
        columns += range(first, first + getattr(narrow, plane))
        first += getattr(wide, plane)
    return columns or list(range(inputs))


def _widen(into: Tensor, weight: Tensor, columns: list[int]) -> None:
    """Write a narrower layer's weights into a wider one's, whose own rows are left as they are."""
    known = len(weight)
    into[:known] = 0.0
    into[:known, columns] = weight if weight.ndim == 4 else weight[:, :, None, None]


def _fitted_norm(
    shift: Tensor, known: int
) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    """A hook that sets a block's batch norm so that it adds ``shift`` and nothing else.

    Channels from ``known`` on are normed as any batch norm does.
    """

    def fit(block: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(block, Block)
        norm = block.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        seen = block.conv(inputs[0])
        norm.running_mean.copy_(seen.mean((0, 2, 3)))
        norm.running_var.copy_(seen.var((0, 2, 3)).clamp(min=1e-4))
        norm.weight[:known] = torch.sqrt(norm.running_var + norm.eps)[:known]
        norm.bias[:known] = (norm.running_mean + shift)[:known]

    return fit


def _layers(network: Network) -> Iterator[tuple[str, Tensor, Tensor | None]]:
    for name, layer in network.named_children():
        if isinstance(layer, Block):
            yield name, *layer.folded()
        elif isinstance(layer, nn.Conv2d):
            yield name, layer.weight, layer.bias
