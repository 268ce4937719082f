"""The second process that compiles what comes after registration."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from numba.core.dispatcher import Dispatcher

from landshift import kernels
from landshift.cores import usable_cores
from landshift.kernels import convolution, smoothing, transition

_ASK = """
from landshift.precompile import compiling_ahead
with compiling_ahead() as first:
    if first:
        print(first.wait())
        with compiling_ahead() as second:
            print(second)
    else:
        print(first)
"""
_REFINE = """
import numpy as np
from landshift.kernels.registration import refine_peaks
rng = np.random.default_rng(0)
row, col = np.meshgrid(np.fft.fftfreq(32), np.fft.fftfreq(32), indexing="ij")
turns = rng.normal(0, 0.3, (60, 2, 1, 1)) * (row, col)
noise = 1 + 0.1 * rng.normal(size=(60, 32, 32))
cross = np.exp(2j * np.pi * turns.sum(1) - 20 * (row**2 + col**2)) * noise
place = np.zeros((60, 2))
refine_peaks(cross.astype(np.complex64), 4, place, np.zeros(60), np.zeros((60, 3)))
print(place.tobytes().hex(), sum(refine_peaks.stats.cache_hits.values()))
"""
_LEAVE = """
from landshift.precompile import compiling_ahead
with compiling_ahead() as process:
    print(process.poll(), process.args[-1])
print(process.poll())
"""


def ask(script: str, cache: Path, **more: str) -> str:
    """What a script prints where nothing is compiled yet."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)} | more
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.jit
@pytest.mark.skipif(usable_cores() < 2, reason="one core has nothing to share")
def test_all_that_classifies_and_measures_is_compiled_and_only_once(tmp_path: Path) -> None:
    assert ask(_ASK, tmp_path).split() == ["0", "None"]
    compiled = {file.name.split("-")[0] for file in tmp_path.rglob("*.nbi")}
    wanted = {
        f"{module.__name__.rpartition('.')[2]}.{name}"
        for module in (convolution, smoothing, transition)
        for name, value in vars(module).items()
        if hasattr(value, "py_func") and value.py_func.__module__ == module.__name__
    }
    assert len(wanted) > 15
    assert wanted - compiled == set()


def test_nothing_is_begun_where_kernels_are_plain_python(tmp_path: Path) -> None:
    assert ask(_ASK, tmp_path, NUMBA_DISABLE_JIT="1").split() == ["None"]


@pytest.mark.jit
@pytest.mark.skipif(usable_cores() < 2, reason="one core has nothing to share")
def test_nothing_runs_on_or_lies_about_after_an_early_end(tmp_path: Path) -> None:
    running, folder, ended = ask(_LEAVE, tmp_path).split()
    assert running == "None"
    assert int(ended) != 0
    assert not Path(folder).exists()


@pytest.mark.jit
def test_what_is_compiled_here_and_what_comes_from_the_cache_say_the_same(tmp_path):
    (fresh, none), (cached, one) = (ask(_REFINE, tmp_path).split() for _ in range(2))
    assert (none, one) == ("0", "1")
    assert fresh == cached


@pytest.mark.jit
def test_every_kernel_that_reorders_arithmetic_is_inlined_into_its_callers():
    modules = [
        import_module(f"landshift.kernels.{module.name}")
        for module in iter_modules(kernels.__path__)
    ]
    reordering = [
        kernel.targetoptions for module in modules for kernel in vars(module).values()
        if isinstance(kernel, Dispatcher) and kernel.targetoptions.get("fastmath")
    ]  # fmt: skip
    assert len(reordering) > 10
    assert all(options.get("forceinline") for options in reordering)
