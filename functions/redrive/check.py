"""Check the request: validate it, find its queues, and fix what `yesterday` means for the whole run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from redrive import queues, request
from redrive.errors import InvalidRequest

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def check(sqs: SQSClient, document: Any, started: str) -> dict[str, Any]:
    """Give the run's brief: `request`, `queue`, `destination` (or None) and `criteria`.

    `document` is the execution's input, `started` its start (ISO 8601). Raises InvalidRequest or QueueNotFound,
    each with the sentence the operator sees; nothing has been received by then.
    """
    asked = request.parse(document)
    for field, source in (("filter.where", asked.filter.where), ("transform", asked.transform)):
        if source is not None:
            from redrive.expressions import Expression  # noqa: PLC0415  jsonata is slow to import, and many runs need none

            Expression(source, field)
    now = datetime.fromisoformat(started).astimezone(request.zone(asked))
    sent_from, sent_to = request.sent_window(asked, now)
    queue = queues.resolve(sqs, asked.queue, "queue")
    destination = queues.resolve(sqs, asked.destination, "destination") if asked.destination else None
    if destination:
        _must_fit(queue, destination)
    return {
        "request": asked.as_typed(),
        "queue": queue.to_json(),
        "destination": destination.to_json() if destination else None,
        "criteria": {
            "now": now.isoformat(),
            "today": now.date().isoformat(),
            "yesterday": (now.date() - timedelta(days=1)).isoformat(),
            "sent_from": sent_from,
            "sent_to": sent_to,
            "where": asked.filter.where,
            "max_redrives": asked.filter.max_redrives,
            "transform": asked.transform,
            "preview": asked.preview,
        },
    }


def _must_fit(queue: queues.Queue, destination: queues.Queue) -> None:
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
