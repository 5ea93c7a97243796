"""Marks on pages of which something may have been sent and not yet deleted: what another turn or run must not repeat.

A mark is a small object, `unsettled/<queue>/<run>/<page>/<lapses>`: put before the first wave is sent, taken away when
everything sent is deleted and none of it may still be on its way. While a step works, its page's mark is there; a mark
whose messages show again (its `lapses` has passed) tells of a step that died between sending and deleting.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redrive.errors import PageGone
from redrive.ledger import OUTCOMES, Ledger
from redrive.outcomes import GONE

if TYPE_CHECKING:
    from redrive.journal import Journal


@dataclass(frozen=True)
class Mark:
    """One page's mark: its run, and when its messages show again (whole epoch seconds)."""

    queue: str
    run: str
    page: str
    lapses: int

    @property
    def key(self) -> str:
        """Its object's key."""
        return f"unsettled/{self.queue}/{self.run}/{self.page}/{self.lapses}"

    @classmethod
    def from_key(cls, key: str) -> Mark:
        """Read a key."""
        _, queue, run, lane, turn, lapses = key.split("/")
        return cls(queue, run, f"{lane}/{turn}", int(lapses))


def marks(ledger: Ledger, queue: str, run: str | None = None) -> list[Mark]:
    """List the marks of a queue (its name): of one run's pages, or of every run's."""
    prefix = f"unsettled/{queue}/" + (f"{run}/" if run else "")
    found = ledger.s3.get_paginator("list_objects_v2").paginate(Bucket=ledger.bucket, Prefix=prefix)
    return [Mark.from_key(item["Key"]) for batch in found for item in batch.get("Contents", [])]


def put(ledger: Ledger, mark: Mark, waves: int, ids: list[str]) -> None:
    """Put a mark on a page that is about to be sent in so many waves; `ids` are its messages', place by place.

    They stand in the mark so that the journal, which knows places, can be read without the page.
    """
    body = json.dumps({"waves": waves, "ids": ids}, separators=(",", ":"))
    ledger.s3.put_object(Bucket=ledger.bucket, Key=mark.key, Body=body.encode(), Tagging="life=short")


def take_away(ledger: Ledger, mark: Mark) -> None:
    """Take a mark away; it is no matter if there is none."""
    ledger.s3.delete_object(Bucket=ledger.bucket, Key=mark.key)


def already_sent(ledger: Ledger, journal: Journal, queue: str) -> dict[str, str]:
    """Give what was sent before and is still in the queue, by what the ledgers and the journal know.

    Message id → the id that SQS gave it in its destination. Messages of a page show again only after the page's
    visibility is over, so a page that is being worked on needs no look.
    """
    sent: dict[str, str] = {}
    for mark in marks(ledger, queue):
        if mark.lapses <= time.time():
            sent |= _sent_of(Ledger(ledger.s3, ledger.bucket, mark.run), journal, mark)
    return sent


def _sent_of(ledger: Ledger, journal: Journal, mark: Mark) -> dict[str, str]:
    # Both: a step may have died before it could settle its page, or have gone on after others had settled it.
    return _by_journal(ledger, journal, mark) | _by_outcomes(ledger, mark)


def _by_outcomes(ledger: Ledger, mark: Mark) -> dict[str, str]:
    try:
        outcomes = ledger.read(OUTCOMES, mark.page)
    except PageGone:
        return {}
    return {line["id"]: line["new_id"] for line in outcomes if line["outcome"] in GONE}


def _by_journal(ledger: Ledger, journal: Journal, mark: Mark) -> dict[str, str]:
    waves, ids = _read(ledger, mark)
    keys = [wave_key(mark.run, mark.page, number) for number in range(waves)]
    answers = [answer for key in keys for answer in journal.recall(key) or []]
    return {ids[answer["place"]]: answer["id"] for answer in answers if "id" in answer}


def waves_of(ledger: Ledger, mark: Mark) -> int:
    """Give the number of waves that a page was about to be sent in."""
    return _read(ledger, mark)[0]


def _read(ledger: Ledger, mark: Mark) -> tuple[int, list[str]]:
    try:
        marked = json.loads(ledger.s3.get_object(Bucket=ledger.bucket, Key=mark.key)["Body"].read())
    except ledger.s3.exceptions.NoSuchKey:
        return 0, []  # taken away a moment ago: what was sent is deleted
    return marked["waves"], marked["ids"]


def wave_key(run: str, page: str, number: int) -> str:
    """Name a wave of a page in the journal."""
    return f"{run}/{page}/{number}"
