"""Next steps: what makes sense after a run has ended, as commands to paste."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from redrive.sqs import queues
from redrive.values.errors import RedriveError
from redrive.values.summary import Status
from redrive_cli.aws.alarms import alarms_on
from redrive_cli.commands.typed import typed
from redrive_cli.errors import CliError
from redrive_cli.view.words import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redrive.values.summary import Summary
    from redrive_cli.aws.target import Target

_ALARMS_NAMED = 3


def next_steps(target: Target, summary: Summary) -> Iterator[str]:
    """Give what makes sense after a run, a sentence for each step; nothing after one that needs none."""
    yield from _steps(target, summary)
    if alarms := alarms_on(target, summary.queue) if summary.queue else []:
        more = f" and {len(alarms) - _ALARMS_NAMED:,} more" if len(alarms) > _ALARMS_NAMED else ""
        yield (
            f"On at {summary.queue}: the alarm {', '.join(alarms[:_ALARMS_NAMED])}{more}. CloudWatch counts a queue "
            "once a minute, and may need a few of them."
        )


def _steps(target: Target, summary: Summary) -> Iterator[str]:
    request = summary.request or {}
    asked = str(request.get("queue", summary.queue))
    where = request.get("filter", {}).get("where")
    if summary.counts["failed"]:
        yield f"See which failed, and why: {target.redrive('messages', summary.run, flags=['--outcome', 'failed'])}"
        yield f"Send them again, when the reason is gone: {target.redrive('retry', summary.run)}"
    elif summary.status == Status.NOTHING_MATCHED:
        if where is not None:
            words = [f"--where={where}"] if where.startswith("-") else ["--where", where]
            yield f"See how near they came: {target.redrive('try', asked, flags=words)}"
        yield f"See what is in there: {target.redrive('peek', asked)}"
    elif summary.status == Status.IN_FLIGHT:
        again = typed(request)
        if again is not None:
            yield f"{_visible_again(target, asked)}: {target.redrive('run', asked, flags=again)}"
    elif request.get("preview") and summary.counts["previewed"]:
        really = typed({**request, "preview": False})
        if really is not None:
            yield f"Send them: {target.redrive('run', asked, flags=really)}"


def _visible_again(target: Target, queue: str) -> str:
    """Say when messages that others have received are visible again: at the latest, if these did not say otherwise."""
    try:
        seconds = queues.resolve(target.client("sqs"), queue, "queue").hidden_for
    except (BotoCoreError, ClientError, CliError, RedriveError):
        return "Run it again when they are visible"
    at = (datetime.now(UTC) + timedelta(seconds=seconds)).astimezone()
    return f"Run it again from {at:%H:%M:%S} on, when the queue's own {duration(seconds)} are over"
