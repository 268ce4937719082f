"""What a night of landshift survives, and how fast it goes; each part prints its numbers.

    python benchmarks/batch.py faults      # 60 sites, six of them broken
    python benchmarks/batch.py kills       # 30 sites, ten kills of the whole process tree
    python benchmarks/batch.py throughput  # two workers against one
    python benchmarks/batch.py memory      # the parent at 50 and at 1,000 sites
    python benchmarks/batch.py dask        # a real cluster, a worker killed; needs landshift[dask]
    python benchmarks/batch.py counties    # 20 announced counties with simulated pictures

Pictures are simulated, weights random unless --model names a model. `--made` answers sites with a
report made by hand instead of a comparison, so that what is measured is the batch alone.
"""

import argparse
import contextlib
import filecmp
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(TESTS), os.environ.get("PYTHONPATH", "")])
)

import networks  # noqa: E402
from landshift.batch.child import Limits, resident_bytes  # noqa: E402
from landshift.batch.ledger import Ledger  # noqa: E402
from landshift.batch.night import BatchPlan, run_batch  # noqa: E402
from landshift.batch.site_list import read_site_list  # noqa: E402
from landshift.settings import Settings  # noqa: E402
from site_folders import write_list, write_pairs  # noqa: E402

FAULTS = {7: "raise", 15: "segfault", 23: "hang", 31: "eat", 39: "truncated", 47: "refuse"}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part")
    parser.add_argument("--model")
    parser.add_argument("--made", action="store_true")
    parser.add_argument("--packaged", action="store_true", help="counties: with the packaged model")
    parser.add_argument("--sites", type=int)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=20.0)
    parser.add_argument("--list", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--scheduler")
    return parser.parse_args()


def plan(given, sites, out, **more):
    compare = "site_folders:compare_made" if given.made else "site_folders:compare_or_break"
    more = {"workers": given.workers, "limits": Limits(), "figure_formats": (), **more}
    return BatchPlan(read_site_list(sites), out, given.model, Settings(), compare=compare, **more)


def timed(work):
    start = time.monotonic()
    outcomes = list(work)
    return time.monotonic() - start, outcomes


def warm_up(given, folder, pairs):
    """Compile kernels once, so that no part pays for it."""
    sites = write_list(folder / "warm.csv", pairs, 1)
    list(run_batch(plan(given, sites, folder / "warm")))


def count(outcomes):
    counts = {}
    for one in outcomes:
        name = one.outcome.kind or one.outcome.status
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


def same(one, two):
    """Number of files that are the same in both trees, ledgers aside; raises if one is not."""
    names = [
        {str(p.relative_to(r)) for p in r.rglob("*") if p.is_file() and p.suffix != ".sqlite"}
        for r in (one, two)
    ]
    assert names[0] == names[1], names[0] ^ names[1]
    unlike = [n for n in names[0] if not filecmp.cmp(one / n, two / n, shallow=False)]
    assert not unlike, unlike
    return len(names[0])


def faults(given, folder, pairs):
    total = given.sites or 60
    healthy = write_list(folder / "healthy.csv", pairs, total - len(FAULTS))
    broken = write_list(folder / "broken.csv", pairs, total, FAULTS)
    limits = Limits(timeout_s=given.timeout, memory_mb=800)
    alone, _ = timed(run_batch(plan(given, healthy, folder / "alone", limits=limits)))
    seconds, outcomes = timed(run_batch(plan(given, broken, folder / "faults", limits=limits)))
    rows = len((folder / "faults" / "sites.csv").read_text().splitlines()) - 1
    print(f"outcomes {count(outcomes)}; rows in sites.csv {rows}")
    allowed = 1.15 * alone + given.timeout
    print(f"healthy alone {alone:.1f} s; with broken ones {seconds:.1f} s; allowed {allowed:.1f} s")


def kills(given, folder, pairs):
    total = given.sites or 30
    broken = {4: "raise", 9: "refuse"}
    sites = write_list(folder / "kills.csv", pairs, total,
                       dict.fromkeys(range(total), "sleep 0.5") | broken)  # fmt: skip
    list(run_batch(plan(given, sites, folder / "calm")))
    rng, out, killed = random.Random(6), folder / "disturbed", 0
    command = [sys.executable, __file__, "_run", "--model", given.model, "--list", str(sites),
               "--out", str(out), "--workers", str(given.workers)]  # fmt: skip
    for _ in range(10):
        process = subprocess.Popen(command + ["--made"] * given.made, start_new_session=True,
                                   stdout=subprocess.PIPE)  # fmt: skip
        # now and then while it starts, mostly somewhere after the first site that it answers
        if rng.random() < 0.8:
            process.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0.0, 1.2))
        killed += process.poll() is None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    _, outcomes = timed(run_batch(plan(given, sites, out)))
    ledger = Ledger(out)
    begun = ledger.times_begun()
    ledger.close()
    twice = sum(begun.values()) - total
    print(f"{killed} kills of 10 hit a running batch; {same(folder / 'calm', out)} files the same")
    print(f"sites begun {sum(begun.values())} times for {total} sites: {twice} twice, "
          f"in flight at kills at most {killed * given.workers}; "
          f"last run did {sum(not one.carried for one in outcomes)}")  # fmt: skip
    assert twice <= killed * given.workers


def throughput(given, folder, pairs):
    sites = write_list(folder / "throughput.csv", pairs, given.sites or 24)
    one, _ = timed(run_batch(plan(given, sites, folder / "one", workers=1)))
    two, _ = timed(run_batch(plan(given, sites, folder / "two", workers=2)))
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    alike = same(folder / "one", folder / "two")
    print(f"one worker {one:.1f} s, two {two:.1f} s: {one / two:.2f} times; load {load:.1f}, "
          f"{os.cpu_count()} cores; {alike} files the same")  # fmt: skip


def memory(given, folder, pairs):
    given.made = True
    sites = write_list(folder / "memory.csv", pairs, given.sites or 1000)
    for number, _ in enumerate(run_batch(plan(given, sites, folder / "memory")), 1):
        if number in (10, 50, 100, 200, 500, 1000):
            print(f"{number} sites: parent {resident_bytes(os.getpid()) / 1e6:.1f} MB", flush=True)
    print(f"tables written: parent {resident_bytes(os.getpid()) / 1e6:.1f} MB")


def dask(given, folder, pairs):
    total = given.sites or 12
    sites = write_list(folder / "dask.csv", pairs, total, {3: "raise", 5: "segfault", 7: "refuse"})
    seconds, _ = timed(run_batch(plan(given, sites, folder / "local")))
    address = f"tcp://127.0.0.1:{random.SystemRandom().randint(20000, 40000)}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    dask_command = [sys.executable, "-m", "dask"]
    port = address.rpartition(":")[2]
    scheduler = [*dask_command, "scheduler", "--host", "127.0.0.1", "--port", port]
    cluster = [subprocess.Popen([*scheduler, "--no-dashboard"], **quiet)]
    for _ in range(2):
        cluster.append(subprocess.Popen(
            [*dask_command, "worker", address, "--nthreads", "1", "--no-dashboard",
             "--local-directory", str(folder)], start_new_session=True, **quiet))  # fmt: skip
    try:
        work = run_batch(plan(given, sites, folder / "dask", scheduler=address))
        outcomes = []
        for one in work:
            outcomes.append(one)
            if len(outcomes) == 2:
                os.killpg(cluster[1].pid, signal.SIGKILL)
                print("one of two Dask workers killed")
        print(f"local {seconds:.1f} s; {count(outcomes)}; "
              f"{same(folder / 'local', folder / 'dask')} files the same")  # fmt: skip
    finally:
        for process in reversed(cluster):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()


def counties(given, folder, pairs):
    if given.packaged:
        pairs, given.model = write_pairs(folder, 6, 260, "rgbn"), "open"
    sites = folder / "counties.csv"
    subprocess.run([sys.executable, "-m", "landshift", "sites", "--year", "2024", "--out",
                    str(sites)], check=True)  # fmt: skip
    lines = sites.read_text(encoding="utf-8").splitlines()[:21]
    for number, line in enumerate(lines[1:], 1):
        before, after = pairs[number % len(pairs)]
        head, _, tail = line.partition(",2024,,,,,")
        # the pictures lie elsewhere: the search box stays a column, the overlap is the site
        tail = ",,," + tail.split(",", 3)[3]
        lines[number] = f"{head},2024,{before},{after},2023-05-12,2024-05-29,{tail}"
    sites.write_text("\n".join(lines) + "\n", encoding="utf-8")
    out = given.out or folder / "counties"
    command = [sys.executable, "-m", "landshift", "batch", str(sites), "--out", str(out)]
    options = ["--model", given.model, "--workers", str(given.workers)]
    subprocess.run([*command, *options], check=False)
    subprocess.run([sys.executable, "-m", "landshift", "summarise", str(out)], check=True)


PARTS = {"faults": faults, "kills": kills, "throughput": throughput, "memory": memory,
         "dask": dask, "counties": counties}  # fmt: skip


def main():
    given = parse()
    if given.part == "_run":
        for one in run_batch(plan(given, given.list, given.out)):
            print(one.outcome.status, flush=True)
        return
    folder = Path(tempfile.mkdtemp(prefix="landshift-batch-"))
    try:
        pairs = write_pairs(folder, 6)
        if given.model is None:
            networks.random_model(folder)
            given.model = str(next(folder.glob("random-*.npz")))
        if not given.made and given.part != "memory":
            warm_up(given, folder, pairs)
        PARTS[given.part](given, folder, pairs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
