"""Restore: send messages of an earlier run again, from its stored pages or its archive. Not a state: people do it.

What is restored is what was received: the body, every attribute, the group, the trace header. The run that does it has
a ledger of its own, and receives and deletes nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from redrive.sqs.deliver import deliver, deliver_in_order
from redrive.sqs.parcels import into_waves, pack, places_in
from redrive.steps.lanes import STANDARD
from redrive.stores import pages, restores
from redrive.stores.ledger import OUTCOMES
from redrive.values.errors import PageGone
from redrive.values.message import SendResult
from redrive.values.outcome import MessageOutcome, Outcome
from redrive.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from concurrent.futures import Executor

    from mypy_boto3_sqs import SQSClient

    from redrive.sqs.parcels import Wave
    from redrive.stores.ledger import Ledger
    from redrive.values.message import Message
    from redrive.values.queue import Queue

PAST_ITS_DAYS = "the copy of the message is past its days, and nobody has it any more"
BATCHES_AT_ONCE = 10
CHUNK = 100  # pages whose outcomes are read side by side


@dataclass(frozen=True)
class Chosen:
    """Messages of one page that are to be restored, by what its outcomes say of them."""

    page: str
    lines: list[dict[str, Any]]


def choose(ledger: Ledger, ids: Collection[str], outcomes: Collection[str]) -> list[Chosen]:
    """Give the messages of a run with these ids (their own, or those that they got), or that ended so; each once."""
    wanted, seen = set(ids), set[str]()
    chosen = []
    names = sorted(ledger.names(OUTCOMES))
    with ThreadPoolExecutor(BATCHES_AT_ONCE) as pool:
        for start in range(0, len(names), CHUNK):
            some = names[start : start + CHUNK]
            for name, lines in zip(some, pool.map(lambda name: _lines(ledger, name), some), strict=True):
                mine = []
                for line in lines:
                    if line["outcome"] in outcomes or wanted & {line["id"], line.get("new_id")}:
                        if line["id"] not in seen:
                            mine.append(line)
                        seen.add(line["id"])
                if mine:
                    chosen.append(Chosen(name, mine))
    return chosen


def without(chosen: Iterable[Chosen], ids: Collection[str]) -> list[Chosen]:
    """Leave out messages with these ids."""
    left = (Chosen(each.page, [line for line in each.lines if line["id"] not in ids]) for each in chosen)
    return [each for each in left if each.lines]


def restore(
    sqs: SQSClient,
    ledger: Ledger,
    into: Ledger,
    to: Queue,
    chosen: Iterable[Chosen],
    goes_on: Callable[[], bool],
    salt: str = "",
) -> Iterator[list[MessageOutcome]]:
    """Send what was chosen of the run of `ledger` to a queue, and record it in that of `into`, wave by wave.

    Gives the outcomes of each wave when they are recorded. Between two waves it ends where it no longer `goes_on`. If
    it dies in one, nobody can say of that wave's messages, a hundred at most, whether they were sent. On a FIFO queue
    SQS itself drops for five minutes what is sent again with the same `salt`.
    """
    number = 0

    def recorded(lines: Sequence[dict[str, Any]], results: Sequence[SendResult]) -> list[MessageOutcome]:
        nonlocal number
        outcomes = [_outcome_of(line, result) for line, result in zip(lines, results, strict=True)]
        pages.record(into, _name(number), lines, outcomes)
        number += 1
        return outcomes

    stopped: set[str | None] = set()
    with ThreadPoolExecutor(BATCHES_AT_ONCE) as pool:
        for each in chosen:
            if not goes_on():
                return
            there = _messages_of(ledger, each)
            gone = [line for line in each.lines if line["id"] not in there]
            if gone:
                yield recorded(gone, [SendResult(0, error=PAST_ITS_DAYS) for _ in gone])
            lines = [line for line in each.lines if line["id"] in there]
            messages = [there[line["id"]] for line in lines]
            verdicts = [Verdict(None)] * len(messages)
            parcels, unsendable = pack(messages, verdicts, lambda _: to, into.run, in_order=to.fifo)
            if unsendable:
                yield recorded([lines[result.place] for result in unsendable], unsendable)
            if to.fifo:
                for parcel in parcels:
                    # Not the one of a redrive, which SQS may know still: it would drop the message silently.
                    text = f"restore\n{salt or ledger.run}\n{messages[parcel.place].id}"
                    parcel.entry["MessageDeduplicationId"] = sha256(text.encode()).hexdigest()
            for wave in into_waves(parcels, STANDARD, in_order=to.fifo):
                if not goes_on():
                    return
                restores.declare(into, _name(number), [messages[place].id for place in places_in(wave)])
                results = _sent(sqs, wave, stopped, pool, in_order=to.fifo)
                stopped |= {messages[result.place].group for result in results if result.error}
                yield recorded([lines[result.place] for result in results], results)


def _sent(sqs: SQSClient, wave: Wave, stopped: set[str | None], pool: Executor, *, in_order: bool) -> list[SendResult]:
    return deliver_in_order(sqs, wave, stopped) if in_order else deliver(sqs, wave, pool)


def _name(number: int) -> str:
    return f"0/001-{number:06}"


def _lines(ledger: Ledger, name: str) -> list[dict[str, Any]]:
    try:
        pages.read_outcomes(ledger, name)  # or it is none of ours
        return ledger.read(OUTCOMES, name)
    except PageGone:
        return []


def _messages_of(ledger: Ledger, chosen: Chosen) -> dict[str, Message]:
    """Give the messages of a page by their ids: from the archive where that has them, which is kept for longer."""
    found: dict[str, Message] = {}
    if any(line["outcome"] == Outcome.DISCARDED for line in chosen.lines):
        found = _by_id(lambda: pages.read_archive(ledger, chosen.page))
    if any(line["id"] not in found for line in chosen.lines):
        found = _by_id(lambda: pages.read(ledger, chosen.page).messages) | found
    return found


def _by_id(read: Callable[[], Iterable[Message]]) -> dict[str, Message]:
    try:
        return {message.id: message for message in read()}
    except PageGone:
        return {}


def _outcome_of(line: dict[str, Any], result: SendResult) -> MessageOutcome:
    key = line.get("key")
    if result.id:
        return MessageOutcome(line["id"], Outcome.SENT, "", result.id, result.to, result.stamped, key)
    outcome = Outcome.HELD if result.behind else Outcome.FAILED
    return MessageOutcome(line["id"], outcome, result.error, key=key)
