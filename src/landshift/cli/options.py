"""Options that several commands share, and what they mean."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, TypeVar

import click

from landshift.sensor import roles_named

_Command = TypeVar("_Command", bound=Callable[..., Any])


def read_bands(
    ctx: click.Context, option: click.Parameter, value: str | tuple[str, ...] | None
) -> Any:
    """Turn ``red,green,…`` into roles, one tuple for each time that the option was given."""
    if value is None:
        return None
    return tuple(_roles(text) for text in value) if isinstance(value, tuple) else _roles(value)


def _roles(text: str) -> tuple[str, ...]:
    try:
        return roles_named([role.strip().lower() for role in text.split(",")])
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


FIGURES = ("png",)
"""What is drawn where nothing is said."""


def read_figures(
    ctx: click.Context, option: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """Formats of the figure, each once; none of them for ``none``, which goes alone."""
    kinds = tuple(dict.fromkeys(value))
    if "none" not in kinds:
        return kinds
    if len(kinds) > 1:
        raise click.BadParameter(f"none does not go with {', '.join(set(kinds) - {'none'})}")
    return ()


class FiniteRange(click.FloatRange):
    """A number within limits; nan lies within any, and an infinite one where one limit lacks."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Refuse as wrong usage what is no finite number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number.", param, ctx)
        return number


MASK = "[KIND:]FILE"
"""How a mask beside a picture is named."""
DAY = click.DateTime(["%Y-%m-%d"])


def day_of(moment: datetime | None) -> date | None:
    """The day of what click parsed."""
    return None if moment is None else moment.date()


def verbosity(command: _Command) -> _Command:
    """Add ``-q`` and ``-v``; messages go to stderr."""
    loud = click.option("-v", "--verbose", is_flag=True, help="Say what is being done.")
    still = click.option("-q", "--quiet", is_flag=True, help="Say nothing but the answer.")
    return loud(still(command))


def set_up_messages(quiet: bool, verbose: bool) -> None:
    """Send landshift's messages to stderr, one line each."""
    if quiet and verbose:
        raise click.UsageError("-q and -v exclude each other")
    level = logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format="%(message)s")
    logging.getLogger("landshift").setLevel(level)
    # GDAL's own words come with our one line or not at all
    logging.getLogger("rasterio").setLevel(logging.CRITICAL)


def progress_to_stderr() -> Callable[[str], None]:
    """What a comparison tells the names of its stages to: stderr, where a person may be looking."""
    log = logging.getLogger("landshift")
    if not log.isEnabledFor(logging.WARNING) or not (
        sys.stderr.isatty() or log.isEnabledFor(logging.INFO)
    ):
        return lambda stage: None
    return lambda stage: click.echo(f"{stage} …", err=True)
