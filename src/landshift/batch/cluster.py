"""Sites on a Dask cluster: the same work by the same kind of process, on other machines.

Every thread of a Dask worker keeps one worker process of ours, so that a site that crashes, hangs
or eats memory is ended there as it is here, and takes no Dask worker with it. What remains for Dask
is what it is good at: a machine that goes away, whose sites it sends to another.

Dask ends no thread that works: what a run that was broken off had begun is finished all the same,
when it may be that the next run has answered that site anew, from another list. So each run has its
sites written into folders of its own, and itself puts into place what it still waits for.
"""

from __future__ import annotations

import logging
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from landshift.batch.child import Child, Limits
from landshift.batch.outcome import Outcome
from landshift.batch.site_work import SiteJob
from landshift.errors import InputError, LandshiftError, OutputError
from landshift.placing import check_output, new_folder

_CONNECT_S = 20
_RETRIES = 2
"""Times that a site is sent again when a worker is lost with it, each time to what is left."""
_AHEAD = 2
"""Sites given out per thread of the cluster, so that no thread waits for the next."""
_kept = threading.local()
log = logging.getLogger(__name__)


def run_on_cluster(
    jobs: Iterator[SiteJob], begin: Callable[[SiteJob], bool], address: str, limits: Limits
) -> Iterator[tuple[SiteJob, Outcome]]:
    """Outcomes as they come; ``jobs`` is drawn from as the cluster gets free.

    Output folder, pictures and model file must be at the same paths on all machines.

    Raises
    ------
    InputError
        When Dask is not installed, or no scheduler answers at ``address``, or none does any more.
    """
    try:
        from distributed import as_completed
    except ModuleNotFoundError as error:
        raise InputError(
            f"--scheduler needs {error.name}: pip install 'landshift[dask]'"
        ) from error
    client = _connect(address)
    sent: dict[Any, tuple[SiteJob, SiteJob]] = {}
    try:
        waiting = as_completed(loop=client.loop)

        def hand_out() -> None:
            threads = _threads(client, address)
            room = _AHEAD * max(1, threads) - len(sent)
            # zip would draw a job too many if it asked jobs first
            for _, job in zip(range(room), jobs, strict=False):
                if not begin(job):
                    continue
                key = f"landshift-{job.listed.folder}-{uuid.uuid4().hex}"
                aside = _aside(job)
                future = client.submit(answer_kept, aside, limits, key=key, pure=False,
                                       retries=_RETRIES)  # fmt: skip
                sent[future] = job, aside
                waiting.add(future)
            if sent and not threads:  # Dask waits for one to come, and tells nobody
                log.warning("warning: the Dask scheduler at %s has no worker yet; waiting for one",
                            address)  # fmt: skip

        hand_out()
        while sent:
            future = next(waiting)
            if future.cancelled():  # as all are at once when the scheduler is lost
                raise InputError(_gone(address))
            (job, aside), outcome = sent.pop(future), _outcome(future)
            future.release()
            yield job, _in_place(job, aside, outcome)
            hand_out()
    finally:
        client.cancel(list(sent), force=True)
        client.close()


def answer_kept(job: SiteJob, limits: Limits) -> Outcome:
    """Runs on the cluster: answer ``job`` in the process that this thread keeps."""
    child: Child | None = getattr(_kept, "child", None)
    if child is None or child.limits != limits:
        child = _kept.child = Child(limits)
    return child.answer(job)


def _connect(address: str) -> Any:
    from distributed import Client
    from distributed.comm.addressing import parse_address, parse_host_port

    try:
        # a client that cannot be made of its address takes 40 s to go, and leaves a traceback
        parse_host_port(parse_address(address)[1])
        return Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"no Dask scheduler answers at {address}: {error}") from error


def _threads(client: Any, address: str) -> int:
    try:
        return sum(client.nthreads().values())
    except OSError as error:
        raise InputError(_gone(address)) from error


def _gone(address: str) -> str:
    return (
        f"the Dask scheduler at {address} went away or gave up what it was sent; the same command "
        "goes on where this one ended"
    )


def _outcome(future: Any) -> Outcome:
    error: Any = future.exception()
    if error is None:
        result: Outcome = future.result()
        return result
    if isinstance(error, LandshiftError):
        return Outcome("failed", "cluster", str(error))
    lost = type(error).__name__
    return Outcome(
        "failed", "cluster", f"the cluster lost it {_RETRIES + 1} times or gave it up: {lost}"
    )


def _aside(job: SiteJob) -> SiteJob:
    """The job with a folder of this run's own, named as what a killed process leaves behind is."""
    name = job.folder.name
    return replace(job, folder=job.folder.parent / f".{name}-{uuid.uuid4().hex[:8]}" / name)


def _in_place(job: SiteJob, aside: SiteJob, outcome: Outcome) -> Outcome:
    """What came of ``job`` once its folder stands where it belongs."""
    if outcome.status != "answered":
        return outcome
    try:
        check_output(job.folder, overwrite=True)
        with new_folder(job.folder, overwrite=True) as fresh:
            for path in aside.folder.iterdir():
                shutil.move(path, fresh / path.name)
    except OutputError as error:
        reason = str(error).replace(str(job.folder), f"sites/{job.folder.name}")
        return Outcome("failed", "output", reason)
    finally:
        shutil.rmtree(aside.folder.parent, ignore_errors=True)
    return outcome
