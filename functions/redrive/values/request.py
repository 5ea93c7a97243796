"""The request: what an operator asks for, as plain values. `steps.validate` makes it of what was typed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

from redrive.values.lane import MOST_LANES

if TYPE_CHECKING:
    from collections.abc import Iterator

# What to write in each field: the second half of every refusal.
EXAMPLES = {
    "queue": 'the dead-letter queue\'s name, URL or ARN, as in "orders-dlq"',
    "destination": 'a queue\'s name, URL or ARN, as in "orders", or leave it out',
    "filter": 'an object, as in {"sent": {"day": "yesterday"}}',
    "filter.sent": '{"day": "yesterday"}, {"from": "2026-11-19", "to": "2026-11-20"} or {"older_than": "2h"}',
    "filter.sent.day": '"yesterday", "today" or a day such as "2026-11-20"',
    "filter.sent.from": 'a day or a time, as in "yesterday", "2026-11-19" or "2026-11-19T18:00:00+09:00"',
    "filter.sent.to": 'a day or a time, as in "today", "2026-11-20" or "2026-11-20T06:00:00Z"',
    "filter.sent.older_than": 'a duration, as in "2h", "3d" or "PT2H"',
    "filter.where": 'a JSONata condition, as in "body.error.code = \\"TIMEOUT\\""',
    "filter.max_redrives": "a whole number of 0 or more, as in 3",
    "transform": 'a JSONata expression that gives the new body, or {"body": …, "attributes": …} with one for either',
    "transform.body": 'a JSONata expression that gives the new body, as in "$merge([body, {\\"retried\\": true}])"',
    "transform.attributes": 'a JSONata expression for all attributes, as in "$merge([attributes, {\\"n\\": 1}])"',
    "limit": "a whole number of 1 or more, as in 100",
    "rate": "a whole number of 1 or more messages a second, as in 50",
    "lanes": f"a whole number from 1 to {MOST_LANES}, as in 4, or leave it out",
    "path": '"auto", "native" or "custom"',
    "record": "true or false",
    "preview": "true or false",
    "alone": "true or false",
    "timezone": 'an IANA time zone, as in "Asia/Seoul"',
    "as_of": 'a day or a time that is not yet to come, as in "2026-11-20" or "2026-11-20T06:00:00Z"',
    "started_by": 'who starts the run, as in "the runbook of orders", or leave it out',
}

# What each field is for, as docs/request.md tells it (`make format` writes its table of these).
MEANINGS = {
    "queue": "the dead-letter queue",
    "destination": "the queue to send to; without it each message returns to the queue it came from",
    "filter": "which messages; one must satisfy every part",
    "filter.sent": "when the message was first sent; of a FIFO dead-letter queue it is the time at which SQS moved it "
    "there. A day, a span or an age, written as [times](#times) says",
    "filter.sent.day": "on this day",
    "filter.sent.from": "from then on",
    "filter.sent.to": "up to then: the whole of a day, and before a time",
    "filter.sent.older_than": "at least this long ago",
    "filter.where": "a [JSONata](https://docs.jsonata.org) condition over the message: an [expression](expressions.md)",
    "filter.max_redrives": "leave alone what has been redriven this often already",
    "transform": "the new body; or an object, in the document alone. [Expressions](expressions.md#changing-a-message)",
    "transform.body": "the new body, where the attributes change as well",
    "transform.attributes": "the new attributes, all of them",
    "limit": "send at most this many messages",
    "rate": "at most this many messages a second, all lanes together; without it as fast as it goes",
    "lanes": "drain in this many lanes side by side; a FIFO queue, and a limit with a filter, have one. Without it as "
    "many as the messages, the rate and the account allow, and at most ten; the summary says why",
    "path": "`native` insists on SQS's move task, `custom` is never that; `auto` chooses, and says why",
    "record": "keep a record of every message in the ledger; SQS's own move task keeps none, so the filtering path is "
    "taken",
    "preview": "receive, filter and report, but send and delete nothing",
    "alone": "step back when another run is working on the queue; the schedule says `true`",
    "timezone": "where `yesterday`, `today` and bare days are",
    "as_of": "what `yesterday`, `today`, `now` and ages are reckoned from; without it the run's start. The schedule "
    "says its scheduled time",
    "started_by": "who starts the run; `redrive run` fills it in, and the summary has it",
}

# A new body, or an expression for each of `body` and `attributes` that is to be set.
Transform: TypeAlias = str | dict[str, str]


@dataclass(frozen=True)
class Window:
    """When the message was first sent: a day, a span, or an age."""

    day: str | None = None
    from_: str | None = None
    to: str | None = None
    older_than: str | None = None


@dataclass(frozen=True)
class Filter:
    """Which messages; a message must satisfy every part."""

    sent: Window | None = None
    where: str | None = None
    max_redrives: int | None = None


EVERY = Filter()


@dataclass(frozen=True)
class Request:
    """A whole request. Only `queue` is required. docs/request.md is the reference."""

    queue: str
    destination: str | None = None
    filter: Filter = EVERY
    transform: Transform | None = None
    limit: int | None = None
    rate: int | None = None
    lanes: int | None = None
    path: str = "auto"
    record: bool = False
    preview: bool = False
    alone: bool = False
    timezone: str = "UTC"
    as_of: str | None = None
    started_by: str | None = None

    @property
    def expressions(self) -> dict[str, str]:
        """The expressions that it has, by their fields."""
        where = {"filter.where": self.filter.where} if self.filter.where is not None else {}
        return where | {field: source for _, field, source in parts_of(self.transform)}

    def to_json(self) -> dict[str, Any]:
        """Give the request as a document again, without what was left out."""
        return _typed(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Request:
        """Read what `to_json` wrote; it was validated before."""
        chosen = value.get("filter", {})
        sent = {f"{name}_" if name == "from" else name: text for name, text in chosen.get("sent", {}).items()}
        read = {**chosen, "sent": Window(**sent) if sent else None}
        return cls(**{**value, "filter": Filter(**read)})


def parts_of(transform: Transform | None) -> Iterator[tuple[str, str, str]]:
    """Give what a transform sets (`body`, `attributes`), each with its field in the request and its expression."""
    if isinstance(transform, str):
        yield "body", "transform", transform
    elif transform:
        for part, source in transform.items():
            yield part, f"transform.{part}", source


def _typed(part: Request | Filter | Window) -> dict[str, Any]:
    typed = {}
    for field in fields(part):
        value = getattr(part, field.name)
        if value is not None and value != field.default:
            typed[field.name.rstrip("_")] = _typed(value) if isinstance(value, Filter | Window) else value
    return typed
