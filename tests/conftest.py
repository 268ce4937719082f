"""What several test files share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

COMPILED = os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what is meaningless or too slow where kernels run as plain Python."""
    if COMPILED:
        return
    skip = pytest.mark.skip(reason="marked jit, and NUMBA_DISABLE_JIT is set")
    for item in items:
        if "jit" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def real() -> Callable[[str], Path]:
    """The path of labelled real imagery, which lies beside some checkouts and ships with none."""
    data = CHECKOUT.parent / "shared" / "data"

    def find(name: str) -> Path:
        if not (data / name).exists():
            pytest.skip(f"REAL IMAGERY IS NOT AT HAND: no {name} in {data}; nothing was checked")
        return data / name

    return find


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a model that learned nothing."""
    from networks import random_model

    folder = tmp_path_factory.mktemp("model")
    random_model(folder)
    return next(folder.glob("*.npz"))
