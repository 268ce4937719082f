"""The same sites on a Dask cluster: a real scheduler and two workers, one of them killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from landshift.batch.child import Limits
from landshift.batch.night import BatchPlan, run_batch
from landshift.batch.site_list import read_site_list
from landshift.errors import InputError
from landshift.settings import Settings
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


def test_no_scheduler_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setattr("landshift.batch.cluster._CONNECT_S", 1)
    sites = write_list(tmp_path / "sites.csv", write_pairs(tmp_path, 1), 1)
    plan = BatchPlan(read_site_list(Path(sites)), tmp_path / "o", "open", Settings(), 1, Limits(),
                     scheduler="tcp://127.0.0.1:9", compare=MADE)  # fmt: skip
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"):
        list(run_batch(plan))
