"""The command line: words, exit codes, messages; every command loads what it needs when it runs."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import click

from landshift import OWN_PROCESS, __version__, refuse_drivers
from landshift.cli.streams import give_up_printing, is_of_printing, make_streams_usable
from landshift.errors import LandshiftError

_COMMANDS = {
    "compare": "What was built between two pictures, what it replaced, how many hectares.",
    "explain": "Why a pixel or a building was called what it was.",
    "classify": "Map the land cover of one picture.",
    "align": "Register one picture to another.",
    "simulate": "Make a pair of pictures that knows its truth.",
    "batch": "Compare a whole list of sites, overnight.",
    "summarise": "Tables of a batch: per site, by year and province, in all.",
    "sites": "Counties of the 20x10 announcements, as a site list.",
    "teach": "Refit a model's classes to polygons drawn on one picture.",
    "assess": "How right a map is: error matrix, scores, corrected hectares.",
    "train": "Train a model from a recipe.",
}
"""Short help stands here, so that the list of commands loads none of them."""
_SHOWN_VERSIONS = (
    "affine", "click", "numba", "numpy", "pyproj", "rasterio", "rich", "scikit-image", "scipy",
    "shapely", "xarray", "torch", "scikit-learn",
)  # fmt: skip


class Commands(click.Group):
    """Loads a command when it is called, and turns landshift's own errors into one plain line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of a day's work."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The object of that name from the module of that name."""
        if cmd_name not in _COMMANDS:
            return None
        _find_numba_cache()
        module = importlib.import_module(f"landshift.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run on whatever the shell gave, with one line where the answer could not be printed."""
        make_streams_usable()
        try:
            return super().main(*args, **extra)
        except OSError as error:  # help is printed before there is anything to invoke
            if not is_of_printing(error):
                raise
            why = error.strerror or _one_line(error)
            give_up_printing(f"the answer could not be printed: {why}")
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        """Run, with exit code 1 and one line where no answer could be given."""
        try:
            return super().invoke(ctx)
        except LandshiftError as error:
            raise click.ClickException(_one_line(error)) from error
        except MemoryError as error:
            raise click.ClickException(
                "out of memory; name a smaller --aoi or a larger --gsd"
            ) from error


def _show_versions(ctx: click.Context, option: click.Parameter, asked: bool) -> None:
    if not asked:
        return
    import platform
    from importlib import metadata

    click.echo(f"landshift {__version__}")
    click.echo(f"python {platform.python_version()} on {platform.platform()}")
    for name in _SHOWN_VERSIONS:
        try:
            click.echo(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            click.echo(f"{name} not installed")
    import rasterio

    click.echo(f"GDAL {rasterio.__gdal_version__}")
    ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="landshift")
@click.option("--show-versions", is_flag=True, is_eager=True, expose_value=False,
              callback=_show_versions, help="Versions of all that matters, for a bug report.")
def main() -> None:
    """Two pictures of a site in, hectares out: what was built, and what it replaced.

    Exit codes: 0 answered; 1 could not, and the message says why; 2 wrong usage; 3 a batch in which
    some sites failed or were refused.
    """
    # the default action ends the process at once; this way half-written outputs are removed
    signal.signal(signal.SIGTERM, _terminate)
    for name, value in OWN_PROCESS.items():
        os.environ.setdefault(name, value)
    refuse_drivers("VRT")


def _terminate(signum: int, frame: Any) -> NoReturn:
    sys.exit(128 + signum)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _find_numba_cache() -> None:
    """Name a folder for compiled kernels where neither the package nor the home may be written.

    Without one numba refuses to import any of them (numba issue 4908).
    """
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    beside = Path(__file__).parent.parent / "kernels"
    if os.access(beside / "__pycache__" if (beside / "__pycache__").exists() else beside, os.W_OK):
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    while not home.exists() and home != home.parent:
        home = home.parent
    if os.access(home, os.W_OK):
        return
    user = os.getuid() if hasattr(os, "getuid") else "user"
    os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"landshift-numba-{user}")
