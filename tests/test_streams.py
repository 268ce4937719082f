"""What the shell gives for stdin, stdout and stderr: closed, full, or of few characters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pictures import ground, write

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell sets the streams up")
FULL = Path("/dev/full")
NO_ROOM = "Error: the answer could not be printed: No space left on device\n"


def shell(redirected, *args, encoding="utf-8"):
    """Run landshift with its streams ``redirected`` as a shell says it."""
    line = f'exec "$0" -m landshift "$@" {redirected}'
    return subprocess.run(
        ["sh", "-c", line, sys.executable, *map(str, args)], capture_output=True, check=False,
        text=True, encoding=encoding, env={**os.environ, "PYTHONIOENCODING": encoding},
    )  # fmt: skip


@pytest.fixture
def pair(tmp_path):
    before = write(tmp_path / "before.tif", ground(200, 240))
    after = write(tmp_path / "after.tif", np.roll(ground(200, 240), 2, axis=2))
    return before, after


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
@pytest.mark.parametrize("args", [("sites",), ("sites", "Kyongsong"), ("sites", "--table"),
                                  ("--help",), ("compare", "--help")], ids=" ".join)  # fmt: skip
def test_a_full_device_is_one_line(args):
    """Lists of more and of less than a buffer, what rich draws, and what click itself prints."""
    done = shell(f">{FULL}", *args)
    assert (done.returncode, done.stderr) == (1, NO_ROOM)


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
def test_a_full_stderr_too_is_no_other_failure():
    assert shell(f">{FULL} 2>{FULL}", "sites").returncode == 1
    assert shell(f"2>{FULL}", "sites", "Nowhere").returncode == 1


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
@pytest.mark.jit
def test_a_comparison_that_cannot_be_printed_is_one_line(pair, model):
    done = shell(f">{FULL}", "compare", *pair, "--model", model, "--json", "-q")
    assert (done.returncode, done.stderr) == (1, NO_ROOM)


def test_a_failure_that_is_not_of_printing_keeps_its_name(tmp_path):
    script = (
        "import landshift.cli.gazetteer_list as it; from landshift.cli import main\n"
        "def fail(*_): raise OSError(28, 'no room elsewhere')\n"
        "it.site_list = fail; main(['sites'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "no room elsewhere" in done.stderr
    assert "printed" not in done.stderr


@pytest.mark.parametrize("args", [("sites",), ("sites", "--table")], ids=" ".join)
def test_a_reader_that_went_away_is_no_news(args):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "landshift", *args], stdout=writer,
                          stderr=subprocess.PIPE, check=False)  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp949"])
@pytest.mark.parametrize("args", [("sites", "경성"), ("sites", "--table", "경성"),
                                  ("compare", "--help")], ids=" ".join)  # fmt: skip
def test_what_cannot_be_shown_is_replaced(args, encoding):
    done = shell("| cat -v", *args, encoding=encoding)  # click itself makes UTF-8 of ASCII
    assert (done.returncode, done.stderr) == (0, "")
    assert "Kyongsong" in done.stdout or "--json" in done.stdout


def test_json_says_in_ascii_what_cannot_be_shown(tmp_path):
    (tmp_path / "l.csv").write_text("id,before,after,province\nky,a.tif,b.tif,함경북도\n", "utf-8")
    assert shell("", "batch", tmp_path / "l.csv", "--out", tmp_path / "out", "-q").returncode == 3
    done = shell("", "summarise", tmp_path / "out", "--json", encoding="latin-1")
    assert json.loads(done.stdout) == json.loads((tmp_path / "out/summary.json").read_text("utf-8"))
    assert "\\ud568" in done.stdout


@pytest.mark.jit
def test_a_closed_stderr_and_stdin_change_no_answer(pair, model):
    done = shell("<&- 2>&-", "compare", *pair, "--model", model, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["totals"]


@pytest.mark.jit
def test_a_closed_stdout_gets_nothing_of_a_file(pair, model, tmp_path):
    done = shell(">&-", "compare", *pair, "--model", model, "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "out" / "report.json").read_text())["totals"]


def test_closed_streams_stay_taken():
    """A file of the answer that got the number of stdout would be printed into."""
    script = (
        "import os\n"
        "from landshift.cli.streams import make_streams_usable\n"
        "make_streams_usable()\n"
        "free = os.dup(0); os._exit(free)"
    )
    line = 'exec "$0" -c "$1" <&- >&- 2>&-'
    done = subprocess.run(["sh", "-c", line, sys.executable, script], check=False)
    assert done.returncode == 3
