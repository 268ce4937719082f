"""The laws of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from conftest import CHECKOUT

SOURCES = sorted((CHECKOUT / "src").rglob("*.py"))
ALL = SOURCES + sorted((CHECKOUT / "tests").rglob("*.py"))
MOST_BODY_LINES = 60
MOST_FILE_LINES = 500
VAGUE = {"utils", "util", "helpers", "helper", "core", "misc", "common"}


def name_of(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_no_file_is_too_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_FILE_LINES


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_function_is_too_long(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
        lines = body[-1].end_lineno - body[0].lineno + 1
        assert lines <= MOST_BODY_LINES, f"{node.name} has {lines} lines"


def test_no_room_has_a_vague_name():
    assert not [name_of(path) for path in SOURCES if path.stem in VAGUE]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_source_names_a_path_of_some_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"[\"'\s]/(work|tmp|home|root)/|\.\./shared", text)


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.parent.name == "kernels"], ids=name_of
)
def test_a_kernel_imports_numpy_and_numba_alone_and_is_cached(path):
    text = path.read_text(encoding="utf-8")
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    # llvmlite is numba's own compiler
    assert imported - sys.stdlib_module_names <= {"numpy", "numba", "llvmlite"}
    assert "parallel=True" not in text
    for decorator in re.findall(r"@n?jit\b.*", text):
        assert "cache=True" in decorator, decorator
        assert "nogil=True" in decorator, decorator
