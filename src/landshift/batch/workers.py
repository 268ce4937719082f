"""Sites on this machine, a few at a time: one keeper thread for each worker process.

Not a pool from a library: those that isolate a crash (Pebble) hand all workers one pipe with one
lock and do not say which process has which task, which a memory limit needs; the others
(concurrent.futures, joblib) lose healthy sites with a dead worker.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from landshift.batch.child import Child, Limits
from landshift.batch.outcome import Outcome
from landshift.batch.site_work import SiteJob


def run_locally(
    jobs: Iterator[SiteJob], begin: Callable[[SiteJob], bool], workers: int, limits: Limits
) -> Iterator[tuple[SiteJob, Outcome]]:
    """Outcomes as they come; ``jobs`` is drawn from as workers become free, one ahead.

    Parameters
    ----------
    jobs
        What is to be done.
    begin
        Asked right before a worker gets a job; it may say no.
    workers
        Processes at a time.
    limits
        Of each site.
    """
    kept = threading.local()
    children: list[Child] = []

    def answer(job: SiteJob) -> Outcome:
        if not hasattr(kept, "child"):
            kept.child = Child(limits)
            children.append(kept.child)
        outcome: Outcome = kept.child.answer(job)
        return outcome

    keepers = ThreadPoolExecutor(workers, thread_name_prefix="landshift-worker")
    running: dict[Future[Outcome], SiteJob] = {}
    ahead: SiteJob | None = None

    def hand_out() -> None:
        nonlocal ahead
        while ahead is not None and len(running) < workers:
            if begin(ahead):
                running[keepers.submit(answer, ahead)] = ahead
            ahead = next(jobs, None)

    try:
        ahead = next(jobs, None)
        hand_out()
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                # noted down before the next is begun: what a kill can undo is what is running
                yield running.pop(future), future.result()
                hand_out()
    finally:
        for child in children:
            child.end()
        keepers.shutdown(wait=True, cancel_futures=True)
        for child in children:
            child.close()
