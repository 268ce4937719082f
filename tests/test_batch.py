"""A list overnight: one outcome a site, whatever breaks; killed and run again, nothing is lost."""

from __future__ import annotations

import dataclasses
import filecmp
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

import landshift
import networks
from landshift.batch.child import Child, Limits
from landshift.batch.fingerprint import model_hash, model_place
from landshift.batch.ledger import LEDGER_FILE, Ledger, sole_writer
from landshift.batch.night import BatchPlan, run_batch
from landshift.batch.site_list import read_site_list
from landshift.batch.site_work import SiteJob, answer_site
from landshift.cli import main
from landshift.errors import ModelError, OutputError, SettingsError
from landshift.settings import GridSettings, Settings
from pictures import ground, write
from site_folders import write_list, write_pairs

TESTS = Path(__file__).parent
MADE = "site_folders:compare_made"
RUN = """
import sys
from pathlib import Path
from landshift.batch.child import Limits
from landshift.batch.night import BatchPlan, run_batch
from landshift.batch.site_list import read_site_list
from landshift.settings import Settings
for one in run_batch(BatchPlan(read_site_list(Path(sys.argv[1])), Path(sys.argv[2]), "open",
                               Settings(), 2, Limits(), compare=sys.argv[3])):
    print(one.outcome.status, flush=True)
"""


@pytest.fixture(autouse=True)
def _workers_find_this_folder(monkeypatch):
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", path)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    return folder, write_pairs(folder, 2)


def listed(pictures, name, count, faults=None):
    folder, pairs = pictures
    return write_list(folder / f"{name}.csv", pairs, count, faults)


def plan(sites, out, compare=MADE, **more):
    given = {"limits": Limits(), "workers": 2, "model": "open", **more}
    return BatchPlan(read_site_list(sites), out, settings=Settings(), compare=compare, **given)


def run(sites, out, **more):
    return {one.listed.id: one for one in run_batch(plan(sites, out, **more))}


def same_tree(one, two):
    """Whether two result folders are the same byte for byte, the ledgers aside."""
    files = [
        {str(p.relative_to(root)) for p in root.rglob("*") if not p.name.endswith(".sqlite")}
        for root in (one, two)
    ]
    assert files[0] == files[1]
    for name in files[0]:
        if (one / name).is_file():
            assert filecmp.cmp(one / name, two / name, shallow=False), name
    return len(files[0])


def test_a_site_that_breaks_harms_no_other(pictures, tmp_path):
    faults = {1: "raise", 2: "segfault", 3: "hang", 5: "refuse", 6: "unreadable"}
    sites = listed(pictures, "faults", 13, faults)
    found = run(sites, tmp_path / "out", limits=Limits(timeout_s=15.0))
    kinds = {number: found[f"site-{number:04d}"].outcome.kind for number in faults}
    assert kinds == {1: "error", 2: "crash", 3: "timeout", 5: "pair", 6: "input"}
    answered = [one for one in found.values() if one.outcome.status == "answered"]
    assert len(answered) == 8
    folders = sorted(path.name for path in (tmp_path / "out" / "sites").iterdir())
    assert folders == sorted(one.listed.folder for one in answered)
    rows = (tmp_path / "out" / "sites.csv").read_text().splitlines()
    assert len(rows) == 14
    assert found["site-0001"].outcome.reason == "ZeroDivisionError: a mistake of ours"
    assert "break_as_told" in found["site-0001"].outcome.detail
    assert found["site-0002"].outcome.reason.endswith("SIGSEGV")
    counts = json.loads((tmp_path / "out" / "summary.json").read_text())["all"]["sites"]
    assert (counts["answered"], counts["refused"], counts["failed"]) == (8, 1, 4)


def test_a_site_that_eats_memory_is_ended(pictures, tmp_path):
    sites = listed(pictures, "eaten", 2, {0: "eat"})
    found = run(sites, tmp_path / "out", workers=1, limits=Limits(memory_mb=500))
    assert found["site-0000"].outcome.kind == "memory"
    assert found["site-0000"].outcome.reason == "took more than 500 MB of memory"
    assert found["site-0001"].outcome.status == "answered"


def test_what_was_done_is_not_done_again(pictures, tmp_path):
    sites = listed(pictures, "again", 5, {1: "raise", 2: "refuse"})
    out = tmp_path / "out"
    run(sites, out)
    table = (out / "sites.csv").read_bytes()
    for name in (".sites.csv-ab_d3fgh", ".mine-abcdefgh"):  # killed while it wrote a table
        (out / name).mkdir()
        (out / name / "sites.csv").write_text("id,na")
    again = run(sites, out)
    assert all(one.carried for one in again.values())
    assert (out / "sites.csv").read_bytes() == table
    assert [path.name for path in out.glob(".*-*")] == [".mine-abcdefgh"]
    retried = run(sites, out, retry_failed=True)
    assert [one.listed.id for one in retried.values() if not one.carried] == ["site-0001"]
    assert not any(one.carried for one in run(sites, out, fresh=True).values())


def test_a_changed_picture_is_compared_again_and_a_lost_result_too(pictures, tmp_path):
    sites = listed(pictures, "changed", 3)
    out = tmp_path / "out"
    run(sites, out)
    (out / "sites" / "site-0001" / "report.json").unlink()
    text = sites.read_text().replace("site-0002,Town 2", "site-0002,Town Two")
    sites.write_text(text.replace("site-0000,Town 0,North", "site-0000,Town 0,East"))
    again = run(sites, out)
    assert [one.carried for one in again.values()].count(True) == 1
    assert again["site-0000"].carried  # a province is no input
    assert "East" in (out / "sites.csv").read_text()


def test_a_picture_of_the_same_size_and_time_is_another_picture(pictures, tmp_path):
    folder, pairs = pictures
    before, after = (shutil.copy(folder / name, tmp_path / name) for name in pairs[0])
    sites = write_list(tmp_path / "same.csv", [(before.name, after.name)], 1)
    run(sites, tmp_path / "out")
    assert run(sites, tmp_path / "out")["site-0000"].carried
    held, content = before.stat(), bytearray(before.read_bytes())
    content[-1] ^= 1
    (tmp_path / "other").write_bytes(content)
    (tmp_path / "other").replace(before)
    os.utime(before, ns=(held.st_atime_ns, held.st_mtime_ns))
    assert before.stat().st_mtime_ns == held.st_mtime_ns
    assert before.stat().st_size == held.st_size
    assert not run(sites, tmp_path / "out")["site-0000"].carried


def test_what_is_answered_stands_while_the_network_is_down(pictures, tmp_path):
    folder, pairs = pictures
    where = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), where) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        sites = write_list(tmp_path / "far.csv", [[f"{address}/{n}" for n in pairs[0]]], 1)
        first = run(sites, tmp_path / "out")["site-0000"]
        server.shutdown()
    assert first.outcome.status == "answered", first.outcome.reason
    again = run(sites, tmp_path / "out")["site-0000"]
    assert again.carried
    assert (tmp_path / "out" / "sites" / again.listed.folder / "report.json").is_file()
    # what was never answered fails, and the next run asks again without being told to
    new = write_list(tmp_path / "new.csv", [[f"{address}/{n}" for n in pairs[1]]], 1)
    for _ in range(2):
        failed = run(new, tmp_path / "new")["site-0000"]
        assert (failed.outcome.kind, failed.carried) == ("fetch", False)


def test_pictures_without_crs_have_the_pixel_that_the_list_or_else_the_batch_gives(tmp_path):
    for name in ("a.png", "b.png"):
        write(tmp_path / name, ground(160, 180), crs=None, driver="PNG")
    rows = "id,before,after,gsd\none,a.png,b.png,\ntwo,a.png,b.png,1\n"
    (tmp_path / "sites.csv").write_text(rows)
    for listed, gsd_m in zip(read_site_list(tmp_path / "sites.csv").sites, (0.5, 1.0), strict=True):
        settings = Settings(grid=GridSettings(gsd_m=listed.gsd_m or 0.5))
        folder = tmp_path / listed.folder
        told = answer_site(SiteJob("key", listed, "open", settings, folder, ()))
        assert told["status"] == "answered", told["reason"]
        assert told["digest"]["gsd_m"] == gsd_m


def test_a_result_goes_when_its_site_fails_later(pictures, tmp_path):
    out = tmp_path / "out"
    run(listed(pictures, "later", 2), out)
    assert (out / "sites" / "site-0001").is_dir()
    sites = listed(pictures, "later", 2, {1: "raise"})
    sites.write_text(sites.read_text().replace("Town 1", "Town One"))
    run(sites, out)
    assert sorted(p.name for p in (out / "sites").iterdir()) == ["site-0000"]


def test_a_result_goes_when_its_row_cannot_be_used_any_more(pictures, tmp_path):
    sites, out = listed(pictures, "bad", 3), tmp_path / "out"
    run(sites, out)
    whole = sites.read_text("utf-8")
    first, second = (line for line in whole.splitlines() if "site-0000" in line or "-0001" in line)
    sites.write_text(whole.replace(first, "site-0000" + "," * first.count(","))
                     + second.replace("site-0001", "SITE-0001") + "\n", "utf-8")  # fmt: skip
    again = [(one.listed.id, one.outcome.status) for one in run_batch(plan(sites, out))]
    assert sorted(again) == [("SITE-0001", "failed"), ("site-0000", "failed"),
                             ("site-0001", "answered"), ("site-0002", "answered")]  # fmt: skip
    assert sorted(path.name for path in (out / "sites").iterdir()) == ["site-0001", "site-0002"]
    sites.write_text(whole, "utf-8")
    assert {one.outcome.status for one in run(sites, out).values()} == {"answered"}


def test_no_site_is_begun_after_the_most_failures(pictures, tmp_path):
    sites = listed(pictures, "many", 8, dict.fromkeys(range(8), "raise"))
    found = run(sites, tmp_path / "out", workers=1, max_failures=2)
    assert len(found) == 2
    counts = json.loads((tmp_path / "out" / "summary.json").read_text())["all"]["sites"]
    assert counts["listed"] == 8
    assert counts["not run"] == 8 - len(found)


def test_workers_are_replaced_after_their_sites(pictures, tmp_path):
    sites = listed(pictures, "recycled", 3)
    found = run(sites, tmp_path / "out", workers=1, limits=Limits(recycle_after=1))
    assert [one.outcome.status for one in found.values()] == ["answered"] * 3


def start(sites, out, compare=MADE):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(sites), str(out), compare], stdout=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="needs process groups")
def test_killed_at_any_moment_and_run_again_gives_the_same_bytes(pictures, tmp_path):
    faults = {3: "raise", 5: "refuse"} | {n: "sleep 0.2" for n in range(8, 14)}
    sites = listed(pictures, "killed", 14, faults)
    run(sites, tmp_path / "calm")
    out = tmp_path / "disturbed"
    kills = 0
    for after in (1, 3):
        process = start(sites, out)
        for _ in range(after):
            process.stdout.readline()
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        kills += 1
    run(sites, out)
    assert same_tree(tmp_path / "calm", out) > 40
    ledger = Ledger(out)
    begun = ledger.times_begun()
    ledger.close()
    assert set(begun) == {f"site-{n:04d}" for n in range(14)}
    assert sum(begun.values()) - 14 <= kills * 2


def test_killed_before_its_first_site_a_run_takes_no_answer_away(pictures, tmp_path, monkeypatch):
    sites, out = listed(pictures, "again", 4), tmp_path / "out"
    run(sites, out, workers=1)

    def summarised():
        done = CliRunner().invoke(main, ["summarise", str(out), "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.output)["all"]

    whole = summarised()
    assert whole["sites"]["answered"] == 4
    monkeypatch.setattr("landshift.batch.night._do", lambda *rest: iter(lambda: 1 / 0, 1))
    with pytest.raises(ZeroDivisionError):
        run(sites, out)
    assert summarised() == whole
    with pytest.raises(ZeroDivisionError):
        run(sites, out, figure_formats=("svg",))  # another question: no answer of the old one
    assert summarised()["sites"]["answered"] == 0


def test_a_batch_that_listed_no_site_has_no_tables(tmp_path):
    Ledger(tmp_path).close()
    done = CliRunner().invoke(main, ["summarise", str(tmp_path)])
    assert done.exit_code == 1
    assert "lists no site" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.sqlite"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_workers_end_with_their_parent_and_leave_nothing(pictures, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    process = start(listed(pictures, "orphans", 2, {0: "hang", 1: "hang"}), tmp_path / "out")
    try:
        children = []
        end = time.monotonic() + 60
        while len(children) < 2 and time.monotonic() < end:
            time.sleep(0.1)
            children = _children(process.pid)
        time.sleep(1)  # to be given their sites
    finally:
        process.kill()
        process.communicate()
    while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < end:
        time.sleep(0.1)
    assert len(children) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert list(scratch.glob("landshift-worker-*")) == []


def _children(pid):
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def test_a_run_that_is_broken_off_leaves_nothing_half_written(pictures, tmp_path):
    sites = listed(pictures, "broken", 2, {1: "hang"})
    running = run_batch(plan(sites, tmp_path / "out"))
    assert next(running).listed.id == "site-0000"
    begun = tmp_path / "out" / "sites" / ".site-0001-ab_d3fgh" / "new"  # as a worker has it
    begun.mkdir(parents=True)
    (begun / "changes.tif").write_text("half")
    running.close()  # as Ctrl-C and SIGTERM do
    assert [path.name for path in (tmp_path / "out" / "sites").iterdir()] == ["site-0000"]


def test_from_python_rows_without_an_id_of_their_own_are_told_apart(
    pictures, tmp_path, monkeypatch
):
    monkeypatch.setattr("landshift.api.BatchPlan", _made_plan)
    folder, pairs = pictures
    before, after = (folder / name for name in pairs[0])
    rows = ["b,,", f"a,{before},{after}", f"a,{before},{after}", ",x,y", ",x,y"]
    (tmp_path / "sites.csv").write_text("\n".join(["id,before,after", *rows]))
    assert landshift.compare_list(tmp_path / "sites.csv", tmp_path / "out") == {
        "a": "answered", "b": "failed", "line 4": "failed", "line 5": "failed", "line 6": "failed",
    }  # fmt: skip


def test_a_second_batch_is_kept_out(pictures, tmp_path):
    with sole_writer(tmp_path), pytest.raises(OutputError, match="another batch is writing"):
        list(run_batch(plan(listed(pictures, "second", 1), tmp_path)))


def test_a_model_that_is_not_there_is_told_before_anything_is_begun(pictures, tmp_path):
    with pytest.raises(ModelError, match="no model 'nosuch': neither packaged nor a file"):
        run(listed(pictures, "model.csv", 1), tmp_path / "out", model="nosuch")
    assert not (tmp_path / "out").exists()


def test_a_file_called_as_a_packaged_model_is_not_taken_for_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    packaged = model_hash("open"), model_place("open")
    (tmp_path / "open").write_text("what is open still")
    (tmp_path / "own").write_text("a model")
    assert (model_hash("open"), model_place("open")) == packaged
    assert model_place("open") == "open"
    assert model_place("own") == str(tmp_path / "own")


def test_limits_that_cannot_be_meant_are_refused():
    nan = float("nan")
    for given in ({"timeout_s": 0.0}, {"memory_mb": 50.0}, {"timeout_s": nan}, {"memory_mb": nan}):
        with pytest.raises(SettingsError):
            Limits(**given)


def test_a_worker_that_cannot_start_says_why(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(TESTS / "no such folder"))
    monkeypatch.setenv("PYTHONHOME", str(TESTS / "no such folder"))
    with pytest.raises(Exception, match="a worker could not be started"):
        Child(Limits()).answer(None)


@pytest.mark.jit
def test_the_command_writes_what_compare_writes_and_ends_with_3(pictures, tmp_path):
    folder, _ = pictures
    model = networks.random_model(tmp_path) and next(tmp_path.glob("*.npz"))
    sites = listed(pictures, "command", 3, {1: "truncated"})
    out = tmp_path / "out"
    common = ["--model", str(model)]
    runner = CliRunner()
    done = runner.invoke(main, ["batch", str(sites), "--out", str(out), "--workers", "1", *common])
    assert done.exit_code == 3, done.output
    assert "3 sites: 2 answered, 1 failed" in done.output
    single = runner.invoke(main, [
        "compare", str(folder / "0-before.tif"), str(folder / "0-after.tif"), *common, "--out",
        str(tmp_path / "one"), "--before-date", "2023-05-12", "--after-date", "2024-05-29", "-q",
    ])  # fmt: skip
    assert single.exit_code == 0, single.output
    ours = json.loads((out / "sites" / "site-0000" / "report.json").read_text())
    theirs = json.loads((tmp_path / "one" / "report.json").read_text())
    assert ours["before"]["path"] == "0-before.tif"
    for report in (ours, theirs):
        report.pop("site")
        report["before"].pop("path")
        report["after"].pop("path")
    assert ours == theirs
    assert filecmp.cmp(
        out / "sites" / "site-0000" / "changes.tif", tmp_path / "one" / "changes.tif", shallow=False
    )
    row = (out / "sites.csv").read_text().splitlines()[2]
    assert "cut-1-after.tif" in row
    assert str(folder) not in row


def test_dry_run_begins_nothing(pictures, tmp_path):
    sites = listed(pictures, "dry", 2)
    sites.write_text(sites.read_text() + "x,,,,missing.tif,0-after.tif,,,\ny,,,,,a.tif,,,\n")
    asked = ["batch", str(sites), "--out", str(tmp_path / "o"), "--dry-run"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 3
    assert "line 4: x: no such file: missing.tif" in done.output
    assert "line 5: y: before is missing" in done.output
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("style", ["plain", "json", "rich"])
def test_progress_is_told_on_stderr(style, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("landshift.batch.night.BatchPlan", _made_plan)
    sites = listed(pictures, "told", 2, {1: "refuse"})
    done = CliRunner().invoke(
        main, ["batch", str(sites), "--out", str(tmp_path / "o"), "--progress", style]
    )
    assert done.exit_code == 3
    assert done.stdout.startswith("2 sites: 1 answered, 1 refused; written to")
    if style == "json":
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        assert {line["status"] for line in lines} == {"answered", "refused"}
    else:
        assert "no answer: all of it is cloud" in done.stderr


def _made_plan(**given):
    return dataclasses.replace(BatchPlan(**given), compare=MADE, workers=1)


def test_the_ledger_is_the_only_file_that_differs_between_runs(pictures, tmp_path):
    sites = listed(pictures, "twice", 3, {1: "raise"})
    run(sites, tmp_path / "one")
    run(sites, tmp_path / "two", workers=1)
    assert same_tree(tmp_path / "one", tmp_path / "two") >= 13
    assert (tmp_path / "one" / LEDGER_FILE).is_file()
