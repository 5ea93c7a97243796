"""Check the request: validate it, find its queues, and fix what `yesterday` means for the whole run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from redrive.sqs import queues
from redrive.steps.validate import parse
from redrive.values.criteria import Criteria
from redrive.values.errors import InvalidRequest
from redrive.values.request import EVERY
from redrive.values.window import reckoned_from, span_of, zone

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient

    from redrive.values.queue import Queue
    from redrive.values.request import Request


@dataclass(frozen=True)
class Checked:
    """A request that can be run, and what it means."""

    request: Request
    queue: Queue
    destination: Queue | None
    criteria: Criteria

    def to_json(self) -> dict[str, Any]:
        """Give it as it travels through the state machine."""
        return {
            "request": self.request.to_json(),
            "queue": self.queue.to_json(),
            "destination": self.destination.to_json() if self.destination else None,
            "criteria": self.criteria.to_json(),
        }


def check(sqs: SQSClient, document: Any, started: str, has_outcomes: Callable[[str], bool]) -> Checked:
    """Check a request.

    `document` is the execution's input, `started` its start (ISO 8601); `has_outcomes` tells whether the ledger knows
    what became of single messages in a run, and is asked only where the request names one. Raises InvalidRequest or
    QueueNotFound, each with the sentence the operator sees; nothing has been received by then.
    """
    request, criteria = understand(document, started)
    queue = queues.resolve(sqs, request.queue, "queue")
    _must_be_the_last(queue, request)
    destination = queues.resolve(sqs, request.destination, "destination") if request.destination else None
    if destination:
        _must_fit(queue, destination)
    if (of_run := request.filter.of_run) and not has_outcomes(of_run.run):
        raise InvalidRequest(
            f"filter.of_run: the ledger has no outcomes of a run {of_run.run}: there was none of that name, it "
            "received nothing, SQS moved the messages itself, or they are past their days; name another run."
        )
    return Checked(request, queue, destination, criteria)


def understand(document: Any, started: str) -> tuple[Request, Criteria]:
    """Read a request and what it means, without a look at AWS: the command does so before it starts a run.

    `started` as in `check`. Raises InvalidRequest.
    """
    request = parse(document)
    for field, source in request.expressions.items():
        from redrive.expressions.jsonata import Expression  # noqa: PLC0415  slow to import, and many runs need none

        Expression(source, field)
    for field, written in (("queue", request.queue), ("destination", request.destination)):
        if written is not None:
            queues.read(written, field)
    began = datetime.fromisoformat(started).astimezone(zone(request.timezone))
    now = reckoned_from(request.as_of, began)
    sent_from, sent_to = span_of(request.filter.sent, now)
    criteria = Criteria(
        now=now.isoformat(),
        today=now.date().isoformat(),
        yesterday=(now.date() - timedelta(days=1)).isoformat(),
        began=round(began.timestamp() * 1000),
        sent_from=sent_from,
        sent_to=sent_to,
        where=request.filter.where,
        max_redrives=request.filter.max_redrives,
        transform=request.transform,
        preview=request.preview,
        key=request.key,
        of_run=request.filter.of_run,
        action=request.action,
    )
    return request, criteria


def _must_be_the_last(queue: Queue, request: Request) -> None:
    """Refuse what would receive messages and keep them where SQS counts receives, and moves on what has too many."""
    if queue.moves_on_to is None:
        return
    for field, asked in (("filter", request.filter != EVERY), ("preview", request.preview)):
        if asked:
            raise InvalidRequest(
                f"{field}: {queue.name} has a dead-letter queue of its own, {queue.moves_on_to}, to which SQS moves "
                "what is received too often, and what is looked at and not chosen is received each time; "
                f"take the redrive policy off {queue.name}, or leave {field} out."
            )


def _must_fit(queue: Queue, destination: Queue) -> None:
    if destination.arn == queue.arn:
        raise InvalidRequest(
            f"destination: it is the dead-letter queue itself ({queue.name}); name another queue, or leave it out."
        )
    if destination.fifo != queue.fifo:
        kinds = {True: "a FIFO queue", False: "a standard queue"}
        raise InvalidRequest(
            f"destination: {destination.name} is {kinds[destination.fifo]} and {queue.name} is {kinds[queue.fifo]}; "
            f"name {kinds[queue.fifo]}."
        )
