"""The second process that compiles what comes after registration."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from landshift.kernels import convolution, smoothing, transition

_ASK = """
from landshift.precompile import compile_ahead
first = compile_ahead()
print(first.wait(), compile_ahead())
"""


def ask(cache: Path, **more: str) -> str:
    """What `compile_ahead` does where nothing is compiled yet, asked twice."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)} | more
    done = subprocess.run(
        [sys.executable, "-c", _ASK], env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.jit
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core has nothing to share")
def test_all_that_classifies_and_measures_is_compiled_and_only_once(tmp_path: Path) -> None:
    assert ask(tmp_path).split() == ["0", "None"]
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
    told = ask(tmp_path, NUMBA_DISABLE_JIT="1")
    assert "'NoneType' object has no attribute 'wait'" in told
