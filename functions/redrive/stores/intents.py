"""Send intents: one object a page, written before its first wave and removed when all that was sent is deleted.

`intents/<queue>/<day>/<name>/<lane>/<turn>/<visible_at>` says which messages are in which wave, so that whoever comes
after a step that died can read its journal without the page, its verdicts or the destinations. An intent whose messages
are visible again is a crashed step's; later runs delete those messages instead of sending them again.

Only one of two can write a page's intent: the step that sends it, or the release that closes it because no step has.
The release writes an empty object, which a step that outlived its run finds in its way.
"""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redrive import clock
from redrive.stores import pages
from redrive.stores.ledger import SHORT_LIFE, created, get, legible
from redrive.values.errors import PageGone, PageLapsed, PageUnreadable
from redrive.values.message import SendResult
from redrive.values.outcome import ARRIVED, MAYBE_SENT
from redrive.values.verdict import NOT_SENT_BEFORE, SentBefore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from redrive.stores.journal import Journal
    from redrive.stores.ledger import Ledger

_KEY = re.compile(
    r"intents/(?P<queue>[^/]+)/(?P<run>[^/]+/[^/]+)/(?P<page>\d{1,9}/\d{1,9}-\d{1,9})/(?P<visible_at>\d{1,12})"
)
THREADS = 16  # that read intents side by side
MOST_KEPT = 16 * 1024 * 1024  # bytes of intents that a worker keeps


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
    def parse(cls, key: str) -> IntentKey | None:
        """Read an object's key; None when it is no intent's."""
        found = _KEY.fullmatch(key)
        return cls(found["queue"], found["run"], found["page"], int(found["visible_at"])) if found else None

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
        """Read what `to_json` wrote. Raises ValueError or the like when it is not that."""
        ids, waves = value["ids"], value["waves"]
        unsendable = [SendResult.from_json(line) for line in value["unsendable"]]
        places = [*(place for wave in waves for place in wave), *(result.place for result in unsendable)]
        texts = [*ids, *(result.error for result in unsendable)]
        if not all(isinstance(text, str) for text in texts) or not isinstance(ids, list):
            raise TypeError("no intent")
        if not all(type(place) is int and 0 <= place < len(ids) for place in places):
            raise ValueError("an intent of more than its page has")
        return cls(ids, waves, unsendable)


def keys(ledger: Ledger, queue: str, run: str | None = None) -> list[IntentKey]:
    """List the intents of a queue (its name), of one run or of all; not those that were closed empty."""
    return [listed.key for listed in listed_of(ledger, queue, run) if not listed.empty]


@dataclass(frozen=True)
class Listed:
    """An intent as the bucket lists it: `version` is another where its content is another."""

    key: IntentKey
    version: str
    empty: bool


def listed_of(ledger: Ledger, queue: str, run: str | None = None) -> Iterator[Listed]:
    """List the intents of a queue, of one run or of all, and those that were closed empty.

    What is no intent is passed over.
    """
    prefix = f"intents/{queue}/" + (f"{run}/" if run else "")
    for batch in ledger.s3.get_paginator("list_objects_v2").paginate(Bucket=ledger.bucket, Prefix=prefix):
        for item in batch.get("Contents", []):
            if key := IntentKey.parse(item["Key"]):
                yield Listed(key, item["ETag"], not item["Size"])


def declare(ledger: Ledger, key: IntentKey, intent: Intent) -> bool:
    """Write what is about to be sent. An attempt at it that was made before is the same, and stands.

    True if this is the first. Raises PageLapsed when the run has closed the page in the meantime.
    """
    if _write_once(ledger, key, json.dumps(intent.to_json(), separators=(",", ":")).encode()):
        return True
    read(ledger, key)
    return False


def close(ledger: Ledger, key: IntentKey) -> Intent | None:
    """Let no wave of a page be begun any more that has not been declared; give the intent, if there is one."""
    if _write_once(ledger, key, b""):
        return None
    try:
        return read(ledger, key)
    except PageLapsed:
        return None  # closed before


@legible
def read(ledger: Ledger, key: IntentKey) -> Intent:
    """Read an intent. Raises PageLapsed when the run has closed the page without any, and PageUnreadable."""
    try:
        text = get(ledger.s3, ledger.bucket, str(key))
    except KeyError:
        return Intent()  # removed a moment ago: what was sent is deleted
    if not text:
        raise PageLapsed("the run has closed the page, and nothing more of it may be sent.")
    return _parsed(text)


def remove(ledger: Ledger, key: IntentKey) -> None:
    """Remove an intent. Idempotent."""
    ledger.s3.delete_object(Bucket=ledger.bucket, Key=str(key))


def sent_before(ledger: Ledger, journal: Journal, queue: str, ids: Sequence[str]) -> SentBefore:
    """Tell which of these messages were sent before and are still in the queue, and of which nobody can say.

    By what intents, the journal and the ledgers know. Messages of a page become visible only after its visibility is
    over, so a page that is being worked on needs no look. An intent that nobody can read is no evidence.
    """
    wanted = set(ids)
    past = [listed for listed in listed_of(ledger, queue) if not listed.empty and listed.key.visible_at <= clock.now()]
    _kept.forget_all_but(ledger, past)
    with ThreadPoolExecutor(THREADS) as pool:
        found = zip(past, pool.map(lambda listed: _kept.read(ledger, listed), past), strict=True)
        about = [(listed.key, intent) for listed, intent in found if intent and not wanted.isdisjoint(intent.ids)]
    if not about:
        return NOT_SENT_BEFORE
    waves = {(key, number): key.wave(number) for key, intent in about for number in _waves_with(intent, wanted)}
    answers = journal.recall(list(waves.values()))
    forgotten = {key.run for (key, _), wave in waves.items() if wave not in answers}
    forgotten -= journal.known(forgotten) if forgotten else set()
    known: dict[str, str] = {}
    unknown: set[str] = set()
    for key, intent in about:
        told = _by_journal(key, intent, answers)
        # What is in no wave may have been sent still earlier, and only the outcomes tell.
        if not told.settled.issuperset(wanted.intersection(intent.ids)):
            told |= _by_outcomes(ledger.of(key.run), key)
        known |= {id_: new_id for id_, new_id in told.sent.items() if id_ in wanted}
        if key.run in forgotten:
            missing = {intent.ids[place] for number in _waves_with(intent, wanted) for place in intent.waves[number]}
            unknown |= (missing & wanted) - told.settled
    return SentBefore(known, frozenset(unknown - set(known)))


def _waves_with(intent: Intent, wanted: set[str]) -> list[int]:
    return [
        number for number, places in enumerate(intent.waves) if any(intent.ids[place] in wanted for place in places)
    ]


@dataclass(frozen=True)
class _Told:
    """What somebody tells of a page's messages: the new ids of those that were `sent`, and whose end is `settled`."""

    sent: dict[str, str]
    settled: set[str]

    def __or__(self, other: _Told) -> _Told:
        return _Told(self.sent | other.sent, self.settled | other.settled)


def _by_journal(key: IntentKey, intent: Intent, answers: dict[str, list[SendResult] | None]) -> _Told:
    sent: dict[str, str] = {}
    settled: set[str] = set()
    for number, places in enumerate(intent.waves):
        wave = key.wave(number)
        if wave in answers:
            settled |= {intent.ids[place] for place in places}
            sent |= {intent.ids[result.place]: result.id for result in answers[wave] or [] if result.id}
    return _Told(sent, settled)


def _by_outcomes(ledger: Ledger, key: IntentKey) -> _Told:
    try:
        outcomes = pages.read_outcomes(ledger, key.page)
    except PageGone:
        return _Told({}, set())
    sent = {outcome.id: outcome.new_id or "" for outcome in outcomes if outcome.outcome in ARRIVED}
    return _Told(sent, {outcome.id for outcome in outcomes if outcome.reason != MAYBE_SENT})


def _place(ledger: Ledger, listed: Listed) -> tuple[str, str, str]:
    return ledger.bucket, str(listed.key), listed.version


class _Kept:
    """Intents that this worker has read: each is written once, and many pages ask for the same."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes: dict[tuple[str, str, str], bytes] = {}
        self._size = 0

    def forget_all_but(self, ledger: Ledger, listed: Iterable[Listed]) -> None:
        """Forget what is listed no more."""
        wanted = {_place(ledger, each) for each in listed}
        self._bytes = {at: text for at, text in self._bytes.items() if at in wanted}
        self._size = sum(map(len, self._bytes.values()))

    def read(self, ledger: Ledger, listed: Listed) -> Intent | None:
        """Give an intent; None when it is gone, or nobody can read it."""
        at = _place(ledger, listed)
        text = self._bytes.get(at)
        if text is None:
            try:
                text = get(ledger.s3, ledger.bucket, str(listed.key))
            except KeyError:
                return None
            with self._lock:
                if at not in self._bytes and self._size + len(text) <= MOST_KEPT:
                    self._bytes[at] = text
                    self._size += len(text)
        try:
            return _parsed(text)
        except PageUnreadable:
            return None


def _write_once(ledger: Ledger, key: IntentKey, body: bytes) -> bool:
    return created(
        lambda: ledger.s3.put_object(Bucket=ledger.bucket, Key=str(key), Body=body, Tagging=SHORT_LIFE, IfNoneMatch="*")
    )


@legible
def _parsed(text: bytes) -> Intent:
    return Intent.from_json(json.loads(text))


_kept = _Kept()
