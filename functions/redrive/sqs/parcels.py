"""Parcels: messages as they are to be sent, cut into batches and waves."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from redrive.sqs.batch import tens
from redrive.values.message import (
    MOST_ATTRIBUTES,
    MOST_REDRIVES,
    NO_STAMP,
    STAMP,
    Message,
    SendResult,
    Stamp,
    size_of,
)
from redrive.values.queue import LARGEST, Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redrive.values.lane import Budget
    from redrive.values.message import Outgoing
    from redrive.values.verdict import Verdict

BEHIND = "an earlier message of its group was not sent"


@dataclass(frozen=True)
class Parcel:
    """A message ready to go: its place in the page, its batch entry without `Id`, and where it goes."""

    place: int
    group: str | None
    entry: dict[str, Any]
    to: Queue
    stamped: bool

    @property
    def bytes(self) -> int:
        """Its size as SQS counts it."""
        return size_of(self.entry["MessageBody"], self.entry.get("MessageAttributes", {}))

    def accepted(self, new_id: str) -> SendResult:
        """Say that SQS accepted it, under this id."""
        return SendResult(self.place, id=new_id, to=self.to.name, stamped=self.stamped)

    def unsent(self, error: str, *, behind: bool = False, lost: bool = False) -> SendResult:
        """Say that it was not sent, and why."""
        return SendResult(self.place, error=error, to=self.to.name if lost else None, behind=behind, lost=lost)


Batch: TypeAlias = "list[Parcel]"
Wave: TypeAlias = "Sequence[Batch]"


def pack(
    messages: Sequence[Message],
    verdicts: Sequence[Verdict],
    route: Callable[[Message], Queue | str],
    run: str,
    *,
    in_order: bool,
) -> tuple[list[Parcel], list[SendResult]]:
    """Make parcels of the messages that are to be sent; what cannot go has its result already.

    `route` gives a message's destination, or the sentence that says why there is none. With `in_order` (FIFO) what is
    behind such a message of its group cannot go either.
    """
    parcels: list[Parcel] = []
    unsendable: list[SendResult] = []
    blocked: set[str | None] = set()
    for place, (message, verdict) in enumerate(zip(messages, verdicts, strict=True)):
        if not verdict.sends:
            continue
        try:
            parcel = _parcel(place, message, verdict, route, run)
        except Exception as error:  # noqa: BLE001 - whatever a message carries, it fails alone
            parcel = f"it could not be packed ({type(error).__name__})"
        if in_order and message.group in blocked:
            unsendable.append(SendResult(place, error=BEHIND, behind=True))
        elif isinstance(parcel, str):
            blocked.add(message.group)
            unsendable.append(SendResult(place, error=parcel))
        else:
            parcels.append(parcel)
    return parcels, unsendable


def _parcel(
    place: int, message: Message, verdict: Verdict, route: Callable[[Message], Queue | str], run: str
) -> Parcel | str:
    to = route(message)
    if isinstance(to, str):
        return to
    stamp = next_stamp(message, verdict.earlier or message.stamp, run)
    entry, stamped = make_entry(message, verdict.outgoing, stamp, to)
    parcel = Parcel(place, message.group, entry, to, stamped)
    if parcel.bytes > to.max_bytes:
        return f"it is larger than {to.name} takes ({to.max_bytes:,} bytes)"
    return parcel


def next_stamp(message: Message, earlier: Stamp, run: str) -> Stamp:
    """Give the stamp of a message that a run sends once more."""
    return Stamp(min(earlier.count + 1, MOST_REDRIVES), run, earlier.id or message.id)


def make_entry(message: Message, outgoing: Outgoing, stamp: Stamp, to: Queue) -> tuple[dict[str, Any], bool]:
    """Make the SendMessageBatch entry, without its `Id`, that carries `message` on; and tell whether it has the stamp.

    Everything is kept: body, all attributes, group id, trace header. The stamp is added when an attribute slot is
    free, the destination's size allows it and no attribute of somebody else has its name.
    """
    body = message.body if outgoing.body is None else outgoing.body
    attributes = dict(message.attributes if outgoing.attributes is None else outgoing.attributes)
    with_stamp = {**attributes, STAMP: stamp.attribute()}
    taken = STAMP in attributes and Stamp.on(attributes) == NO_STAMP
    stamped = not taken and len(with_stamp) <= MOST_ATTRIBUTES and size_of(body, with_stamp) <= to.max_bytes
    entry: dict[str, Any] = {"MessageBody": body}
    if stamped or attributes:
        entry["MessageAttributes"] = with_stamp if stamped else attributes
    if message.group is not None:
        entry["MessageGroupId"] = message.group
    if trace := message.system.get("AWSTraceHeader"):
        entry["MessageSystemAttributes"] = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
    if to.fifo:
        entry["MessageDeduplicationId"] = deduplication_id(message)
    return entry, stamped


def deduplication_id(message: Message) -> str:
    """Give the deduplication id of a dead letter: the same whenever and by whichever run it is sent.

    The one it came with is no use: within five minutes of the original send SQS would drop the message silently. A
    message that comes back to the dead-letter queue has a new message id by then, and so a new one of these.
    """
    return hashlib.sha256(f"redrive\n{message.id}".encode()).hexdigest()


def into_waves(parcels: Sequence[Parcel], budget: Budget, *, in_order: bool) -> list[Wave]:
    """Cut parcels into waves of batches; the same parcels always make the same waves.

    With `in_order` (FIFO) no batch has two messages of a group: SQS answers for each message, so one that it refuses
    must not be overtaken by the next of its group in the same call.
    """
    lines: dict[tuple[str, int], list[Parcel]] = {}
    rank: dict[str | None, int] = {}
    for parcel in parcels:
        turn = rank.get(parcel.group, 0) if in_order else 0
        rank[parcel.group] = turn + 1
        lines.setdefault((parcel.to.url, turn), []).append(parcel)
    ordered = sorted(lines, key=lambda line: line[1])
    batches = [batch for line in ordered for batch in _into_batches(lines[line], budget.batch)]
    return list(tens(batches, budget.wave))


def places_in(wave: Wave) -> list[int]:
    """Give the places of a wave's messages."""
    return [parcel.place for batch in wave for parcel in batch]


def _into_batches(parcels: Sequence[Parcel], most: int) -> list[Batch]:
    batches: list[Batch] = []
    free = 0
    for parcel in parcels:
        if not batches or len(batches[-1]) == most or parcel.bytes > free:
            batches.append([])
            free = LARGEST
        batches[-1].append(parcel)
        free -= parcel.bytes
    return batches
