"""The command line as tests call it."""

from __future__ import annotations

from click.testing import CliRunner, Result

from landshift.cli import main


def run(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args])


def refused(*args: object) -> str:
    """The one line of an answer that could not be given."""
    done = run(*args)
    assert done.exit_code == 1, done.output
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr
