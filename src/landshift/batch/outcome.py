"""What came of one site: answered, refused or failed, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KINDS = {
    "": "nothing went wrong",
    "pair": "the pair is not fit to compare",
    "input": "a picture, outline or model cannot be used",
    "fetch": "a picture was not to be had; the next run asks again",
    "output": "the result could not be written",
    "error": "a mistake in landshift; the ledger keeps where",
    "crash": "its process ended by itself",
    "timeout": "it took longer than --timeout",
    "memory": "it took more than --memory-limit, or more than there is",
    "cluster": "the cluster lost it more often than it is sent again",
    "list": "its row in the list cannot be used",
}
"""Why a site was not answered, in one word and in words."""


@dataclass(frozen=True)
class Outcome:
    """What came of one site."""

    status: str
    """"answered"; "refused": the input is fine but no answer can be trusted; "failed"; or
    "not run"."""
    kind: str = ""
    """One of `KINDS`."""
    reason: str = ""
    """In plain words, without names of this machine's folders; empty where answered."""
    digest: Mapping[str, Any] | None = None
    """The few numbers that tables are made of (`landshift.batch.digest`), where answered."""
    detail: str = ""
    """For whoever mends landshift: where a mistake happened."""
    seconds: float = 0.0
    """Time that the work took; in no table, because it never comes out the same."""
