"""The second process that compiles what comes after registration."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
