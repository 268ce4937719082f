"""What a shell gives for stdin, stdout and stderr: perhaps closed, full, or of few characters."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback

import click

_PRINTING = ("click.utils", "rich.console")
"""Modules that write the answer."""


def make_streams_usable() -> None:
    """Let nothing that is written fail for a stream that is closed or lacks a character."""
    # in their order: each takes the lowest number that is free, which is its own, and which a file
    # of the answer would have taken for C libraries to print into
    for number, (name, mode) in enumerate([("stdin", "r"), ("stdout", "w"), ("stderr", "w")]):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, stream)
            if stream.fileno() == number:
                os.set_inheritable(number, True)
    out = sys.stdout  # stderr always prints something for what it cannot show
    if isinstance(out, io.TextIOWrapper) and (
        out.errors == "strict" or (out.errors == "surrogateescape" and not _is_utf8(out))
    ):
        out.reconfigure(errors="replace")


def _is_utf8(stream: io.TextIOWrapper) -> bool:
    return stream.encoding.lower().replace("-", "") == "utf8"


def is_of_printing(error: OSError) -> bool:
    """Whether it was writing to stdout or stderr that failed, not to some file."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return error.filename is None and frames[-1].f_globals.get("__name__") in _PRINTING


def give_up_printing(why: str) -> None:
    """Say so on stderr, if that can be written to, and let what waits to be printed go."""
    with contextlib.suppress(OSError):
        click.echo(f"Error: {why}", err=True)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # Python would try again as it ends, and print a traceback
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
