"""``landshift --help`` answers before anything heavy is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numpy", "numba", "rasterio", "scipy", "skimage", "shapely", "pyproj", "xarray", "rich",
         "torch", "sklearn", "matplotlib", "jinja2", "PIL", "pyogrio")  # fmt: skip
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
    "args",
    [("--help",), ("--version",), ("compare", "--help"), ("classify", "--help")],
    ids=" ".join,
)
def test_help_loads_nothing_heavy(args):
    done = run_help(*args)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "loaded:"


def test_help_takes_less_than_a_third_of_a_second():
    resource = pytest.importorskip("resource", reason="CPU time of children is asked of POSIX")

    def cpu_seconds():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    # processor time, so that a busy machine does not decide; start to end is 0.1 s on a quiet one
    spent = []
    for _ in range(5):
        start = cpu_seconds()
        command = [sys.executable, "-m", "landshift", "--help"]
        subprocess.run(command, check=True, capture_output=True)
        spent.append(cpu_seconds() - start)
    assert min(spent) < 0.3
