"""One worker process and its keeper: hands it a site, waits, and ends it where it must be."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from landshift import OWN_PROCESS
from landshift.batch.outcome import Outcome
from landshift.batch.site_work import SiteJob
from landshift.batch.worker import SCRATCH
from landshift.errors import LandshiftError, SettingsError

_PINNED = {
    **OWN_PROCESS, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "GDAL_NUM_THREADS": "1",
}  # fmt: skip
"""One thread a worker: sites run side by side. For GDAL's memory see `OWN_PROCESS`."""
_LOOK_EVERY_S = 0.05
"""Between two looks at a worker's memory; a process fills about 100 MB in that time."""
_START_S = 300.0
"""Time to load libraries on a machine that is busy; measured 2-10 s."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True)
class Limits:
    """What one site may take."""

    timeout_s: float | None = None
    """Wall time, seconds; None: as long as it takes."""
    memory_mb: float | None = None
    """Resident memory of its worker, megabytes; None: as much as there is."""
    recycle_after: int = 50
    """Sites after which a worker is replaced: native libraries do not give back all they take."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.timeout_s is not None and not self.timeout_s > 0:  # nan too
            raise SettingsError(f"timeout is {self.timeout_s} s; allowed is more than 0")
        if self.memory_mb is not None:
            if not self.memory_mb >= 400:
                raise SettingsError(
                    f"memory limit is {self.memory_mb:g} MB; allowed are 400 and more: a worker "
                    "takes 300 before it reads a picture"
                )
            resident_bytes(os.getpid())


class Child:
    """One worker process, started when the first site comes and again after each loss.

    Belongs to one thread; only `end` may be called from another.
    """

    def __init__(self, limits: Limits) -> None:
        """Remember the limits; nothing is started yet."""
        self.limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._said: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._sweep: Callable[[], object] = _nothing
        self._answered = 0
        self._ended = False

    def answer(self, job: SiteJob) -> Outcome:
        """What came of ``job``; never raises for what happens to the worker.

        Raises
        ------
        LandshiftError
            When no worker can be started at all.
        """
        if self._process is not None and self._answered >= self.limits.recycle_after:
            self._lose()  # idle: nothing is lost
        process = self._process or self._start()
        begun = time.monotonic()
        with contextlib.suppress(OSError):  # a worker that died while idle shows below
            assert process.stdin is not None
            process.stdin.write(pickle.dumps(job))
            process.stdin.flush()
        told = self._wait(process, begun)
        self._answered += 1
        return Outcome(**told, seconds=time.monotonic() - begun)

    def end(self) -> None:
        """Kill the process, so that `answer` returns, and start no other."""
        self._ended = True
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """Wait for the end of the process; not while `answer` runs."""
        self._ended = True
        self._lose()

    def _wait(self, process: subprocess.Popen[bytes], begun: float) -> dict[str, Any]:
        timeout_s, memory_mb = self.limits.timeout_s, self.limits.memory_mb
        while True:
            left = float("inf") if timeout_s is None else begun + timeout_s - time.monotonic()
            try:
                told = self._said.get(timeout=min(_LOOK_EVERY_S if memory_mb else 1.0,
                                                  max(left, 0.001)))  # fmt: skip
            except Empty:
                if left <= 0:
                    self._lose()
                    return _failed("timeout", f"took longer than {timeout_s:g} s")
                if memory_mb and resident_bytes(process.pid) > memory_mb * 1e6:
                    self._lose()
                    return _failed("memory", f"took more than {memory_mb:g} MB of memory")
                continue
            if told is not None:
                return told
            code = self._lose()
            return _failed("crash", f"its process ended by itself: {_how(code)}")

    def _start(self) -> subprocess.Popen[bytes]:
        if self._ended:
            raise LandshiftError("the workers have been ended")
        process = subprocess.Popen(
            # -P: a file in the current folder must not pass for a library
            [sys.executable, "-P", "-c", "from landshift.batch.worker import main; main()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **_PINNED, **self._scratch()},
        )  # fmt: skip
        self._process, self._said, self._answered = process, SimpleQueue(), 0
        if self._ended:  # meanwhile
            process.kill()
        last_words: list[bytes] = []
        for target, args in ((_listen, (process, self._said)), (_drain, (process, last_words))):
            threading.Thread(target=target, args=args, daemon=True).start()
        try:
            ready = self._said.get(timeout=_START_S)
        except Empty:
            ready = None
        if ready is None:
            self._lose()
            words = b"".join(last_words).decode("utf-8", "replace").strip().splitlines()
            raise LandshiftError(f"a worker could not be started: {(words or ['no reason'])[-1]}")
        return process

    def _scratch(self) -> dict[str, str]:
        """A folder for what the worker fetches, which goes with it.

        A worker that is killed takes nothing away with it, and the pictures of one site may be
        gigabytes: a night of timeouts would fill the disk.
        """
        try:
            folder = tempfile.mkdtemp(prefix=SCRATCH)
        except OSError:  # no room: only pictures that must be fetched need any
            return {}
        self._sweep = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return {"TMPDIR": folder}

    def _lose(self) -> int:
        """Kill the worker if it still runs, and tell its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.kill()
        with contextlib.suppress(OSError):
            assert process.stdin is not None
            process.stdin.close()
        code = process.wait()
        self._sweep()
        return code


def _nothing() -> None:
    pass


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, 0 where it is gone.

    Raises
    ------
    SettingsError
        Where the system cannot tell without psutil.
    """
    status = Path(f"/proc/{pid}/statm")
    if status.parent.parent.joinpath("self", "statm").exists():
        try:
            return int(status.read_text().split()[1]) * _PAGE_BYTES
        except (OSError, IndexError):
            return 0
    try:
        import psutil
    except ModuleNotFoundError:
        raise SettingsError("a memory limit needs psutil here: pip install psutil") from None
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _listen(
    process: subprocess.Popen[bytes], said: SimpleQueue[dict[str, Any] | None]
) -> None:
    """Pass on what the worker says; None once it says no more."""
    assert process.stdout is not None
    with contextlib.suppress(OSError, ValueError), process.stdout as lines:
        for line in lines:
            said.put(json.loads(line))
    said.put(None)


def _drain(process: subprocess.Popen[bytes], last_words: list[bytes]) -> None:
    """Read stderr so that the worker is never held up by it, and keep its last lines."""
    assert process.stderr is not None
    with contextlib.suppress(OSError, ValueError), process.stderr as lines:
        for line in lines:
            last_words.append(line)
            del last_words[:-20]


def _failed(kind: str, reason: str) -> dict[str, Any]:
    return {"status": "failed", "kind": kind, "reason": reason}


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
