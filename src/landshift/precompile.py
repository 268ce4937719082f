"""What the first comparison has to compile, shared between two processes.

Numba compiles one function at a time in a process, and a minute of the first comparison was nothing
else. While the first process compiles what reads and registers, a second one compares a tiny
picture with itself, which needs no registration: by the time the first one classifies, what
classifies and measures lies in numba's cache.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numba import config

from landshift.comparison import compare_site
from landshift.cores import usable_cores
from landshift.kernels.convolution import convolve3
from landshift.settings import GridSettings, Settings
from landshift.site import Image, Site

_SIDE_PX = 128
"""Side of the picture of noise: large enough for every stage to have something to do."""
_SIDE_M = 0.5
"""Side of its pixel, metres; one that the RGB model reads."""


@contextmanager
def compiling_ahead() -> Iterator[subprocess.Popen[bytes] | None]:
    """Compile what comes after registration meanwhile, unless it is compiled or no core is idle.

    Nothing waits for the second process, and nothing depends on it: what it has not done when it
    is needed is compiled then. It ends with the block, and so does its folder.
    """
    if config.DISABLE_JIT or usable_cores() < 2 or _is_compiled():  # type: ignore[attr-defined]
        yield None
        return
    folder, process, nowhere = None, None, subprocess.DEVNULL
    with suppress(OSError):  # no room for it, or no right to begin it: then without
        folder = TemporaryDirectory()
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, folder.name],
            stdin=nowhere, stdout=nowhere, stderr=nowhere,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process is not None:
            process.terminate()
            process.wait()
        if folder is not None:
            folder.cleanup()


def _is_compiled() -> bool:
    folder = convolve3.stats.cache_path
    return folder is not None and any(Path(folder).glob("convolution.convolve3*.nbi"))


def compile_stages(folder: Path) -> None:
    """Run every stage but registration once, on a picture of noise that is kept in ``folder``."""
    import rasterio  # a process that only asks whether there is something to do needs none

    noise = np.random.default_rng(0).integers(0, 256, (3, _SIDE_PX, _SIDE_PX), np.uint8)
    path = folder / "noise.png"
    with rasterio.open(path, "w", driver="PNG", count=3, dtype="uint8",
                       height=_SIDE_PX, width=_SIDE_PX) as file:  # fmt: skip
        file.write(noise)
    image = Image(path, _SIDE_M)
    settings = Settings(grid=GridSettings(gsd_m=_SIDE_M))
    compare_site(Site("noise", image, image), "open", settings, lambda stage: None)


if __name__ == "__main__":
    compile_stages(Path(sys.argv[1]))
