"""Restores: which runs sent messages of a run once more, and what they are known to have sent.

A restore names itself in the ledger of the run that it restores before it sends anything, and declares each wave before
it sends that: whoever repeats it finds what was recorded, and of how much nobody can say whether it was sent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redrive.stores import pages
from redrive.stores.ledger import DECLARED, FOREIGN, RESTORED, get
from redrive.values.errors import PageGone
from redrive.values.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from redrive.stores.ledger import Ledger


@dataclass(frozen=True)
class Restored:
    """What earlier restores sent to a queue, by message id: what is `sent`, and what they may have sent (`unsure`)."""

    sent: frozenset[str]
    unsure: frozenset[str]


def begin(ledger: Ledger, into: Ledger, to_arn: str) -> None:
    """Write down in the ledger of a run that another one (`into`) restores messages of it to a queue."""
    ledger.write_document(f"{RESTORED}/{into.run.replace('/', '_')}", {"run": into.run, "to": to_arn})


def declare(into: Ledger, name: str, ids: Iterable[str]) -> None:
    """Write down what is about to be sent."""
    into.write(DECLARED, name, ({"id": id_} for id_ in ids))


def earlier(ledger: Ledger, to_arn: str) -> Restored:
    """Give what earlier restores of this run sent to a queue."""
    sent: set[str] = set()
    unsure: set[str] = set()
    for run in _runs(ledger, to_arn):
        into = ledger.of(run)
        closed = pages.closed_names(into)
        for name in closed:
            sent |= {each.id for each in pages.read_outcomes(into, name) if each.outcome == Outcome.SENT}
        for name in set(into.names(DECLARED)) - closed:
            try:
                unsure |= {line["id"] for line in into.read(DECLARED, name)}
            except PageGone:
                continue  # its short life ended in this moment
    return Restored(frozenset(sent), frozenset(unsure - sent))


def _runs(ledger: Ledger, to_arn: str) -> Iterator[str]:
    prefix = f"runs/{ledger.run}/{RESTORED}/"
    for batch in ledger.s3.get_paginator("list_objects_v2").paginate(Bucket=ledger.bucket, Prefix=prefix):
        for item in batch.get("Contents", []):
            try:
                restored = json.loads(get(ledger.s3, ledger.bucket, item["Key"]))
                if restored["to"] == to_arn:
                    yield str(restored["run"])
            except FOREIGN:
                continue  # none of ours
