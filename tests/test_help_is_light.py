"""``landshift --help`` answers before anything heavy is loaded."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter

import pytest

HEAVY = ("numpy", "numba", "rasterio", "scipy", "skimage", "shapely", "pyproj", "xarray", "rich",
         "torch", "sklearn")  # fmt: skip
SCRIPT = """
import sys
sys.argv = ["landshift", *{args}]
from landshift.cli import main
try:
    main()
except SystemExit as stop:
    code = stop.code
print("loaded:", *[name for name in {heavy} if name in sys.modules])
sys.exit(code)
"""


def run_help(*args):
    script = SCRIPT.format(args=args, heavy=HEAVY)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


@pytest.mark.parametrize(
    "args", [("--help",), ("--version",), ("compare", "--help"), ("classify", "--help")], ids=" ".join
)
def test_help_loads_nothing_heavy(args):
    done = run_help(*args)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "loaded:"


def test_help_takes_less_than_a_third_of_a_second():
    def seconds():
        start = perf_counter()
        subprocess.run(
            [sys.executable, "-m", "landshift", "--help"], check=True, capture_output=True
        )
        return perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.3
