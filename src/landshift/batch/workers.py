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
    jobs: Iterator[SiteJob], workers: int, limits: Limits, begun: Callable[[SiteJob], None]
) -> Iterator[tuple[SiteJob, Outcome]]:
    """Outcomes as they come; ``jobs`` is drawn from as workers become free, one ahead.

    Parameters
    ----------
    jobs
        What is to be done.
    workers
        Processes at a time.
    limits
        Of each site.
    begun
        Told of each job right before a worker gets it.
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
            begun(ahead)
            running[keepers.submit(answer, ahead)] = ahead
            ahead = next(jobs, None)

    try:
        ahead = next(jobs, None)
        hand_out()
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            finished = [(running.pop(future), future) for future in done]
            hand_out()  # the next site first; the last one is noted down while that runs
            for job, future in finished:
                yield job, future.result()
    finally:
        for child in children:
            child.end()
        keepers.shutdown(wait=True, cancel_futures=True)
