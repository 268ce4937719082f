"""The same sites on a Dask cluster: a real scheduler and two workers, one of them killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from landshift.batch.child import Limits
from landshift.batch.night import BatchPlan, run_batch
from landshift.batch.site_list import read_site_list
from landshift.errors import InputError
from landshift.settings import GridSettings, Settings
from site_folders import write_list, write_pairs
from test_batch import MADE, TESTS, same_tree

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="kills process groups"),
    # distributed leaves sockets and loops to the garbage collector
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning",
                               "ignore::pytest.PytestUnraisableExceptionWarning"),
]  # fmt: skip


@pytest.fixture
def cluster(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH", "")]))
    given = {"env": {**os.environ, "PYTHONPATH": path}, "start_new_session": True,
             "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # fmt: skip
    dask = [sys.executable, "-m", "dask"]
    asked = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    processes = [subprocess.Popen([*dask, *asked], **given)]
    for _ in range(2):
        worker = ["worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory",
                  str(tmp_path)]  # fmt: skip
        processes.append(subprocess.Popen([*dask, *worker], **given))
    yield address, processes
    for process in reversed(processes):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_cluster_that_loses_a_worker_gives_the_same_bytes(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{TESTS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    address, processes = cluster
    faults = {1: "raise", 2: "segfault", 4: "refuse", 6: "sleep 0.5", 7: "sleep 0.5"}
    sites = write_list(tmp_path / "sites.csv", write_pairs(tmp_path, 1), 10, faults)

    def run(out, scheduler):
        return run_batch(BatchPlan(
            read_site_list(sites), out, "open", Settings(), 2, Limits(timeout_s=120.0),
            scheduler=scheduler, compare=MADE,
        ))  # fmt: skip

    kinds = {}
    for number, one in enumerate(run(tmp_path / "dask", address)):
        kinds[one.listed.id] = one.outcome.kind or one.outcome.status
        if number == 1:
            os.killpg(processes[1].pid, signal.SIGKILL)
    assert sorted(kinds.values()) == ["answered"] * 7 + ["crash", "error", "pair"]
    list(run(tmp_path / "local", None))
    assert same_tree(tmp_path / "local", tmp_path / "dask") > 30
    assert all(one.carried for one in run(tmp_path / "dask", None))


def test_what_a_run_that_was_broken_off_had_begun_takes_no_later_answers_place(
    cluster, tmp_path, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", f"{TESTS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    address, _ = cluster
    pairs, out = write_pairs(tmp_path, 1), tmp_path / "o"

    def run(fault, gsd_m):
        sites = write_list(tmp_path / "sites.csv", pairs, 2, {1: fault})
        return run_batch(BatchPlan(
            read_site_list(sites), out, "open", Settings(grid=GridSettings(gsd_m=gsd_m)), 2,
            Limits(), scheduler=address, compare=MADE,
        ))  # fmt: skip

    broken_off = run(f"sleep 4 {tmp_path / 'slept'}", None)
    assert next(broken_off).listed.id == "site-0000"
    broken_off.close()
    assert [one.outcome.status for one in run("", 2.0)] == ["answered"] * 2
    end = time.monotonic() + 60
    while not (tmp_path / "slept").exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert (tmp_path / "slept").exists()
    time.sleep(2)  # to write what nobody waits for
    report = json.loads((out / "sites" / "site-0001" / "report.json").read_text())
    assert report["settings"]["grid"]["gsd_m"] == 2.0
    list(run("", 2.0))
    assert sorted(path.name for path in (out / "sites").iterdir()) == ["site-0000", "site-0001"]


def test_what_others_put_into_a_sites_folder_stays_on_a_cluster_too(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{TESTS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    address, _ = cluster
    sites = write_list(tmp_path / "sites.csv", write_pairs(tmp_path, 1), 1)
    notes = tmp_path / "o" / "sites" / "site-0000" / "notes.txt"
    plan = BatchPlan(read_site_list(sites), tmp_path / "o", "open", Settings(), 2, Limits(),
                     scheduler=address, compare=MADE)  # fmt: skip
    list(run_batch(plan))
    notes.write_text("mine")
    (one,) = run_batch(replace(plan, fresh=True))
    assert one.outcome.kind == "output"
    assert one.outcome.reason.startswith("sites/site-0000 holds notes.txt")
    assert notes.read_text() == "mine"


def test_a_scheduler_that_goes_away_costs_no_site(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{TESTS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    address, processes = cluster
    faults = dict.fromkeys(range(6), "sleep 1")
    sites = write_list(tmp_path / "sites.csv", write_pairs(tmp_path, 1), 6, faults)
    plan = BatchPlan(read_site_list(sites), tmp_path / "o", "open", Settings(), 2, Limits(),
                     scheduler=address, compare=MADE)  # fmt: skip
    first = run_batch(plan)
    next(first)
    os.killpg(processes[0].pid, signal.SIGKILL)
    with pytest.raises(InputError, match="went away or gave up what it was sent; the same command"):
        list(first)
    assert [one.outcome.status for one in run_batch(replace(plan, scheduler=None))] == [
        "answered"
    ] * 6


def test_a_cluster_without_a_worker_is_told_and_waited_for(cluster, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("PYTHONPATH", f"{TESTS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    address, _ = cluster
    counts = iter([0])
    monkeypatch.setattr("landshift.batch.cluster._threads", lambda *who: next(counts, 2))
    sites = write_list(tmp_path / "sites.csv", write_pairs(tmp_path, 1), 2)
    plan = BatchPlan(read_site_list(sites), tmp_path / "o", "open", Settings(), 2, Limits(),
                     scheduler=address, compare=MADE)  # fmt: skip
    assert [one.outcome.status for one in run_batch(plan)] == ["answered"] * 2
    told = f"warning: the Dask scheduler at {address} has no worker yet; waiting for one"
    assert [one.message for one in caplog.records if one.name.startswith("landshift")] == [told]
    counts = iter([0])
    assert all(one.carried for one in run_batch(plan))  # there is nothing to wait for
    assert len([one for one in caplog.records if one.name.startswith("landshift")]) == 1


def test_no_scheduler_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setattr("landshift.batch.cluster._CONNECT_S", 1)
    sites = write_list(tmp_path / "sites.csv", write_pairs(tmp_path, 1), 1)
    plan = BatchPlan(read_site_list(Path(sites)), tmp_path / "o", "open", Settings(), 1, Limits(),
                     scheduler="tcp://127.0.0.1:9", compare=MADE)  # fmt: skip
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"):
        list(run_batch(plan))


@pytest.mark.parametrize("address", ["nonsense", "tcp://", "tcp://head", "tcp://head:port"])
def test_an_address_that_is_none_makes_no_client(address, tmp_path, monkeypatch):
    monkeypatch.setattr("distributed.Client", None)
    (tmp_path / "sites.csv").write_text("id,before,after\nky,a.tif,b.tif\n")
    plan = BatchPlan(read_site_list(tmp_path / "sites.csv"), tmp_path / "o", "open", Settings(), 1,
                     Limits(), scheduler=address, compare=MADE)  # fmt: skip
    with pytest.raises(InputError, match=f"no Dask scheduler answers at {address}: "):
        list(run_batch(plan))
