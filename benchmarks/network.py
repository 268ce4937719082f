"""Race the kernels against PyTorch and ONNX Runtime: same network, same picture, same threads.

    python benchmarks/network.py [--side 1024] [--threads 2] [--runs 5]

The network is that of the packaged `open` for RGB with random weights: as wide, and looking at
coarser pixels as often as that one, but for the share of a second look in the logits.
Needs torch; onnx and onnxruntime join where they are installed. The rivals take the whole picture
at once and leave out reading, normalising and calibrating, which the kernels' time includes. The
runs take turns, so that a busy machine is busy for all; medians are printed, wall and CPU seconds.
"""

from __future__ import annotations

import argparse
import copy
import io
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from affine import Affine
from torch.nn import functional

from landshift.features import network_input
from landshift.grid import Grid
from landshift.kernels import convolution
from landshift.landcover import classify_pair
from landshift.model import layer_shapes, load_model, save_model
from landshift.raster import Raster
from landshift.sensor import Sensor
from landshift.training.network import Network, exported

META = {
    "name": "random", "family": "rgb", "bands": ["red", "green", "blue"], "finest_gsd_m": 0.3,
    "coarsest_gsd_m": 1.3, "reference_gsd_m": 0.5, "symmetric": True,
}  # fmt: skip
HALVINGS_OF_LAYER = {
    "enc0": 0, "enc1a": 1, "enc1b": 1, "enc2a": 2, "enc2b": 2, "enc3a": 3, "enc3b": 3, "enc4a": 4,
    "enc4b": 4, "dec3": 3, "dec2": 2, "red1": 2, "dec1": 1, "red0": 1, "dec0": 0,
    "cls": 0, "chg0": 0, "chg1": 1, "chg2": 2, "chgc": 1, "chg3": 0, "chg4": 0,
}  # fmt: skip
FIRST_CALL = """
import time
from pathlib import Path
start = time.perf_counter()
import numpy as np
from affine import Affine
from landshift.grid import Grid
from landshift.landcover import classify_pair
from landshift.model import load_model
from landshift.raster import Raster
from landshift.sensor import Sensor
bands = np.random.default_rng(0).normal(size=(3, 64, 64)).astype(np.float32)
grid = Grid(None, Affine(0.5, 0, 0, 0, -0.5, 0), (64, 64))
raster = Raster(bands, np.ones((64, 64), bool), grid, Sensor(("red", "green", "blue"), 0.5))
classify_pair(raster, raster, load_model(Path({model!r}), "rgb"))
print(time.perf_counter() - start, time.process_time())
"""


def picture(side: int, seed: int) -> Raster:
    bands = np.random.default_rng(seed).normal(size=(3, side, side)).astype(np.float32)
    grid = Grid(None, Affine(0.5, 0, 0, 0, -0.5, 0), (side, side))
    return Raster(bands, np.ones((side, side), bool), grid, Sensor(("red", "green", "blue"), 0.5))


def flop_per_pixel(network: Network) -> float:
    """Of one pair: both dates, and the change head in both orders; without any overlap."""
    return sum(
        4.0 * np.prod(shape) / 4 ** HALVINGS_OF_LAYER[layer]
        # the features, not the head, once more at a quarter of the pixels
        * (1.25 if network.context and not layer.startswith("chg") else 1.0)
        for layer, shape in layer_shapes(3, network.widths, network.context).items()
    )


def onnx_session(network: Network, side: int, threads: int):
    """The network as ONNX Runtime runs it, or None where that is not installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime
    except ImportError:
        return None
    shown = torch.zeros(1, 4, side, side)
    stream = io.BytesIO()
    asked = copy.copy(network)
    asked.forward = network.answer
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing, and of the older exporter, which needs less
        torch.onnx.export(asked, (shown, shown), stream, dynamo=False, input_names=["b", "a"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(stream.getvalue(), options)


def race(calls: dict, runs: int) -> dict[str, tuple[float, float]]:
    """Median wall and CPU seconds of each, after one run that does not count."""
    for call in calls.values():
        call()
    spent = {name: [] for name in calls}
    for _ in range(runs):
        for name, call in calls.items():
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            spent[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: tuple(np.median(each, axis=0)) for name, each in spent.items()}


def race_whole(network: Network, path: Path, side: int, threads: int, runs: int) -> None:
    model = load_model(path, "rgb")
    before, after = picture(side, 1), picture(side, 2)
    padded = -(-side // 64) * 64  # so that it can be halved twice more
    seen = [
        np.pad(network_input(each, model), ((0, 0), (0, padded - side), (0, padded - side)))[None]
        for each in (before, after)
    ]
    tensors = [torch.tensor(each) for each in seen]
    calls = {
        "landshift": lambda: classify_pair(before, after, model, threads),
        "torch": lambda: network.answer(*tensors),
    }
    if session := onnx_session(network, padded, threads):
        calls["onnxruntime"] = lambda: session.run(None, {"b": seen[0], "a": seen[1]})
    gflop, megapixels = flop_per_pixel(network) * side**2 / 1e9, side**2 / 1e6
    print(f"{side} × {side} pair, {threads} threads, {gflop / megapixels:.1f} GFLOP a megapixel")
    for name, (wall, cpu) in race(calls, runs).items():
        print(
            f"  {name:12s} {wall / megapixels:6.2f} s {cpu / megapixels:6.2f} CPU s a megapixel,"
            f" {gflop / wall:7.1f} GFLOP/s, {gflop / cpu:7.1f} GFLOP a CPU second"
        )


def race_layers(network: Network, side: int, runs: int) -> None:
    """Each convolution alone on one thread, as large as in a block of ``side`` pixels."""
    print(f"layers on one thread, block of {side} px: GFLOP a CPU second")
    rng = np.random.default_rng(0)
    shapes = layer_shapes(3, network.widths, network.context)
    for layer, (outputs, inputs, *kernel) in shapes.items():
        n = side >> HALVINGS_OF_LAYER[layer]
        weight = rng.normal(size=(outputs, inputs, *kernel)).astype(np.float32)
        bias, floor = np.zeros(outputs, np.float32), np.float32(0)
        source = np.zeros((inputs, n + 2, convolution.plane_stride(n)), np.float32)
        source[:, 1 : n + 1, 1 : n + 1] = rng.normal(size=(inputs, n, n))
        target = np.zeros((outputs, *source.shape[1:]), np.float32)
        packed = convolution.pack_weights(weight)
        keep = () if kernel else (False,)
        convolve = convolution.convolve3 if kernel else convolution.convolve1
        same = torch.tensor(weight).reshape(outputs, inputs, *(kernel or (1, 1)))
        shown = torch.tensor(source[:, 1 : n + 1, 1 : n + 1].copy())[None]
        mine = (source, 0, 0, packed, bias, floor, *keep, target, n, n)
        theirs = (shown, same, torch.zeros(outputs), 1, len(kernel) // 2)
        calls = {
            "landshift": lambda run=convolve, arguments=mine: run(*arguments),
            "torch": lambda arguments=theirs: functional.conv2d(*arguments).relu_(),
        }
        gflop = 2 * weight.size * n * n / 1e9
        rates = {name: gflop / cpu for name, (_, cpu) in race(calls, runs).items()}
        print(
            f"  {layer:6s} {inputs:4d} → {outputs:3d} at {n:4d} px"
            f"   landshift {rates['landshift']:6.1f}   torch {rates['torch']:6.1f}"
        )


def time_first_calls(path: Path) -> None:
    code = FIRST_CALL.format(model=str(path))
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
        for when in ("first call, nothing compiled", "later start, from numba's cache"):
            done = subprocess.run(
                [sys.executable, "-c", code], env=environment, capture_output=True, check=True
            )
            wall, cpu = map(float, done.stdout.split())
            print(f"{when}: {wall:.1f} s wall, {cpu:.1f} s CPU, imports included")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--side", type=int, default=1024, help="of the picture, pixels")
    options.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    options.add_argument("--runs", type=int, default=5, help="that are counted")
    chosen = options.parse_args()
    torch.manual_seed(0)
    shipped = load_model("open", "rgb")
    network = Network(3, shipped.widths, shipped.context).eval()
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        path = Path(folder) / "random.npz"
        save_model(path, META, exported(network))
        time_first_calls(path)
        torch.set_num_threads(chosen.threads)
        race_whole(network, path, chosen.side, chosen.threads, chosen.runs)
        torch.set_num_threads(1)
        race_layers(network, 512, chosen.runs)


if __name__ == "__main__":
    main()
