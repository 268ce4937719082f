"""How many cores are ours: a share of a cluster's machine is not all of it."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Cores that this process may run on, at least 1.

    Where a batch system or ``taskset`` hands out some of 64 cores, 64 threads gain nothing over
    those few and each takes its own memory (`inference.BLOCK_PIXELS`).
    """
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # of Linux alone
        return os.cpu_count() or 1
