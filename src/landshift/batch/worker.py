"""What runs in a worker process: jobs come in as pickles, answers go out as lines of JSON.

A process of its own for every worker, started afresh and never forked: GDAL and OpenMP do not
survive a fork (rasterio issues 2324, 2979), and a process that GDAL takes down takes nobody with
it. Answers are JSON because this process reads files that strangers made; what it says is parsed,
not unpickled.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import sys
import threading
from queue import SimpleQueue
from typing import Any, BinaryIO, NoReturn

SCRATCH = "landshift-worker-"
"""How the folder is called that a worker's keeper makes for what it fetches."""


def main() -> None:
    """Answer sites until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who ends us
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # what C libraries print must not get between the answers
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    from landshift.batch.site_work import answer_site

    jobs: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_read_jobs, args=(sys.stdin.buffer, jobs), daemon=True).start()
    _say(answers, {"ready": os.getpid()})
    while True:
        _say(answers, answer_site(jobs.get()))


def _read_jobs(stdin: BinaryIO, jobs: SimpleQueue[Any]) -> None:
    """Queue jobs; when the parent closes the pipe or dies, end at once, in the middle of a site."""
    try:
        while True:
            jobs.put(pickle.load(stdin))
    except BaseException:
        _leave()


def _say(answers: BinaryIO, what: dict[str, Any]) -> None:
    try:
        answers.write(json.dumps(what, allow_nan=False).encode() + b"\n")
        answers.flush()
    except BrokenPipeError:
        _leave()


def _leave() -> NoReturn:
    """End at once. Of a keeper that was killed nobody else takes the folder away."""
    folder = os.environ.get("TMPDIR", "")
    if os.path.basename(folder).startswith(SCRATCH):
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)
