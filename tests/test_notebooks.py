"""Notebooks run from top to bottom, and define nothing that the package should hold."""

from __future__ import annotations

import ast
import re
from importlib import resources

import pytest

from conftest import CHECKOUT

nbformat = pytest.importorskip("nbformat", reason="NBFORMAT IS NOT INSTALLED: no notebook was read")
BOOKS = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))
SHOWN = {
    "01_one_site": {"text/html", "image/png"}, "02_a_batch": {"text/html"},
    "03_teach_it": {"text/html", "image/png"},
}  # fmt: skip
"""What a person sees there beside text: a figure that nothing shows is a line of words."""


def test_there_are_notebooks():
    assert [book.stem for book in BOOKS] == ["01_one_site", "02_a_batch", "03_teach_it"]


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_a_notebook_defines_no_function_and_carries_no_output(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            defined = (ast.FunctionDef, ast.ClassDef, ast.Lambda)
            assert not [n for n in ast.walk(ast.parse(cell.source)) if isinstance(n, defined)]


@pytest.mark.jit
@pytest.mark.filterwarnings("ignore")  # of the notebook's kernel and its messages, not of ours
@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path):
    client = pytest.importorskip("nbclient", reason="NBCLIENT IS NOT INSTALLED: nothing was run")
    if not resources.files("landshift").joinpath("models", "open-rgb.npz").is_file():
        pytest.skip("THERE IS NO PACKAGED MODEL YET: no notebook was run")
    book = nbformat.read(path, as_version=4)
    beside = {"metadata": {"path": path.parent}}
    client.NotebookClient(book, timeout=240, resources=beside).execute()
    assert shown(book) >= SHOWN[path.stem]
    if path.stem == "03_teach_it":
        untaught, taught = map(float, re.findall(r"taught: +(\d+)%", printed(book)))
        assert taught > untaught
        drawn = next(o.data["text/plain"] for o in outputs_of(book) if "'woody'" in str(o.data))
        for cover in ("cropland", "herbaceous", "paved"):  # large pieces, in several parts or not
            assert f"'{cover}'" in drawn


def outputs_of(book):
    return [
        output for cell in book.cells if cell.cell_type == "code"
        for output in cell.outputs if "data" in output
    ]  # fmt: skip


def shown(book):
    """Kinds of what its cells show, plain text apart."""
    return {
        kind for output in outputs_of(book) for kind in output["data"] if kind != "text/plain"
    }


def printed(book):
    """All that its cells print."""
    return "".join(
        output.text for cell in book.cells if cell.cell_type == "code"
        for output in cell.outputs if output.output_type == "stream" and output.name == "stdout"
    )  # fmt: skip
