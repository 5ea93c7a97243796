"""Send intents: one object a page, written before its first wave and removed when all that was sent is deleted.

`intents/<queue>/<day>/<name>/<lane>/<turn>/<visible_at>` says which messages are in which wave, so that whoever comes
after a step that died can read its journal without the page, its verdicts or the destinations. An intent whose messages
are visible again is a crashed step's; later runs delete those messages instead of sending them again.

Only one of two can write a page's intent: the step that sends it, or the release that closes it because no step has.
The release writes an empty object, which a step that outlived its run finds in its way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redrive import clock
from redrive.stores import pages
from redrive.stores.ledger import SHORT_LIFE, created, get
from redrive.values.errors import PageGone, PageLapsed
from redrive.values.message import SendResult
from redrive.values.outcome import GONE

if TYPE_CHECKING:
    from redrive.stores.journal import Journal
    from redrive.stores.ledger import Ledger


@dataclass(frozen=True)
class IntentKey:
    """Whose intent it is, and when its page's messages become visible (whole epoch seconds)."""

    queue: str
    run: str
    page: str
    visible_at: int

    def __str__(self) -> str:
        """Give the object's key."""
        return f"intents/{self.queue}/{self.run}/{self.page}/{self.visible_at}"

    @classmethod
    def parse(cls, key: str) -> IntentKey:
        """Read an object's key."""
        _, queue, day, name, lane, turn, visible_at = key.split("/")
        return cls(queue, f"{day}/{name}", f"{lane}/{turn}", int(visible_at))

    def wave(self, number: int) -> str:
        """Name a wave of the page in the journal."""
        return f"{self.run}/{self.page}/{number}"


@dataclass(frozen=True)
class Intent:
    """What is about to be sent of a page.

    ids         its messages' ids, place by place
    waves       the places in each wave
    unsendable  what is chosen and in no wave, and why
    """

    ids: list[str] = field(default_factory=list)
    waves: list[list[int]] = field(default_factory=list)
    unsendable: list[SendResult] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Give the intent as it is written."""
        return {"ids": self.ids, "waves": self.waves, "unsendable": [result.to_json() for result in self.unsendable]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Intent:
        """Read what `to_json` wrote."""
        return cls(value["ids"], value["waves"], [SendResult.from_json(line) for line in value["unsendable"]])


def keys(ledger: Ledger, queue: str, run: str | None = None) -> list[IntentKey]:
    """List the intents of a queue (its name), of one run or of all; not those that were closed empty."""
    prefix = f"intents/{queue}/" + (f"{run}/" if run else "")
    found = ledger.s3.get_paginator("list_objects_v2").paginate(Bucket=ledger.bucket, Prefix=prefix)
    return [IntentKey.parse(item["Key"]) for batch in found for item in batch.get("Contents", []) if item["Size"]]


def declare(ledger: Ledger, key: IntentKey, intent: Intent) -> None:
    """Write what is about to be sent. An attempt at it that was made before is the same, and stands.

    Raises PageLapsed when the run has closed the page in the meantime.
    """
    if not _write_once(ledger, key, json.dumps(intent.to_json(), separators=(",", ":")).encode()):
        read(ledger, key)


def close(ledger: Ledger, key: IntentKey) -> Intent | None:
    """Let no wave of a page be begun any more that has not been declared; give the intent, if there is one."""
    if _write_once(ledger, key, b""):
        return None
    try:
        return read(ledger, key)
    except PageLapsed:
        return None  # closed before


def read(ledger: Ledger, key: IntentKey) -> Intent:
    """Read an intent. Raises PageLapsed when the run has closed the page without any."""
    try:
        text = get(ledger.s3, ledger.bucket, str(key))
    except KeyError:
        return Intent()  # removed a moment ago: what was sent is deleted
    if not text:
        raise PageLapsed("the run has closed the page, and nothing more of it may be sent.")
    return Intent.from_json(json.loads(text))


def remove(ledger: Ledger, key: IntentKey) -> None:
    """Remove an intent. Idempotent."""
    ledger.s3.delete_object(Bucket=ledger.bucket, Key=str(key))


def already_sent(ledger: Ledger, journal: Journal, queue: str) -> dict[str, str]:
    """Give what was sent before and is still in the queue, by what the ledgers and the journal know.

    Message id → the id that SQS gave it in its destination. Messages of a page become visible only after its
    visibility is over, so a page that is being worked on needs no look.
    """
    sent: dict[str, str] = {}
    for key in keys(ledger, queue):
        if key.visible_at <= clock.now():
            # Outcomes are missing if the step died before writing them; the journal knows more if it outlived the run.
            sent |= _by_journal(ledger, journal, key) | _by_outcomes(ledger.of(key.run), key)
    return sent


def _by_outcomes(ledger: Ledger, key: IntentKey) -> dict[str, str]:
    try:
        outcomes = pages.read_outcomes(ledger, key.page)
    except PageGone:
        return {}
    return {outcome.id: outcome.new_id or "" for outcome in outcomes if outcome.outcome in GONE}


def _by_journal(ledger: Ledger, journal: Journal, key: IntentKey) -> dict[str, str]:
    intent = read(ledger, key)
    waves = [journal.recall(key.wave(number)) or [] for number in range(len(intent.waves))]
    return {intent.ids[result.place]: result.id for wave in waves for result in wave if result.id}


def _write_once(ledger: Ledger, key: IntentKey, body: bytes) -> bool:
    return created(
        lambda: ledger.s3.put_object(Bucket=ledger.bucket, Key=str(key), Body=body, Tagging=SHORT_LIFE, IfNoneMatch="*")
    )
