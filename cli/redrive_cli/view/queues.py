"""The dead-letter queues of an account and Region, for people and for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redrive_cli.aws.dead_letters import DeadLetterQueue, Untold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redrive.values.plan import MoveTask
    from redrive_cli.aws.schedules import Schedule
    from redrive_cli.view.console import Screen

_HEAD = ("queue", "messages", "oldest", "fed by", "at it", "SQS can move it", "schedule")
_NOTHING = "-"
_MOST_NAMED = 3
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def show_queues(out: Screen, queues: Sequence[DeadLetterQueue], dark: Sequence[str]) -> None:
    """Print the queues as a table."""
    rows = [_cells(queue) for queue in queues]
    if rows:
        out.table(_HEAD, rows, [_style(queue) for queue in queues])
    else:
        out.line("There is no dead-letter queue in this account and Region, as far as you may look.")
    if dark:
        named = ", ".join(dark[:_MOST_NAMED])
        more = f" and {len(dark) - _MOST_NAMED:,} more queues" if len(dark) > _MOST_NAMED else ""
        out.line(
            ("hint: ", "cyan"),
            f"You may not look at {named}{more}; a dead-letter queue among them is not listed.",
        )


def queue_json(queue: DeadLetterQueue) -> dict[str, Any]:
    """Give a queue as a document; what is not known is `{"unknown": why}`."""
    moving, runs, schedules = queue.moving, queue.runs, queue.schedules
    return {
        "queue": queue.name,
        "url": queue.url,
        "arn": queue.arn,
        "messages": _or_why(queue.depth) if isinstance(queue.depth, Untold) else queue.depth.to_json(),
        "oldest_seconds": _or_why(queue.oldest),
        "retention_seconds": queue.retention,
        "sources": queue.sources,
        "others": queue.others,
        "moves_on_to": queue.moves_on_to,
        "move_task": _or_why(moving) if isinstance(moving, Untold) or moving is None else _task_json(moving),
        "runs": _or_why(runs),
        "sqs_can_move": bool(queue.sources),
        "schedules": _or_why(schedules)
        if isinstance(schedules, Untold)
        else [_schedule_json(each) for each in schedules],
    }


def _or_why(value: Any) -> Any:
    return {"unknown": value.why} if isinstance(value, Untold) else value


def _task_json(task: MoveTask) -> dict[str, Any]:
    return {"status": task.status, "moved": task.moved, "to_move": task.to_move, "destination": task.destination}


def _schedule_json(schedule: Schedule) -> dict[str, Any]:
    return {**vars(schedule), "next": schedule.next.isoformat() if schedule.next else None}


def _cells(queue: DeadLetterQueue) -> tuple[str, ...]:
    return (queue.name, _depth(queue), _oldest(queue), _fed_by(queue), _at_it(queue), _can_move(queue), _covered(queue))


def _style(queue: DeadLetterQueue) -> str:
    nearly_lost, number, _ = queue.pain
    return "red" if nearly_lost else "" if number else "dim"


def _depth(queue: DeadLetterQueue) -> str:
    if isinstance(queue.depth, Untold):
        return queue.depth.why
    beside = [
        f"{n:,} {what}" for n, what in ((queue.depth.in_flight, "in flight"), (queue.depth.delayed, "delayed")) if n
    ]
    return f"{queue.depth.visible:,}" + (f" (+ {', '.join(beside)})" if beside else "")


def _oldest(queue: DeadLetterQueue) -> str:
    if isinstance(queue.oldest, Untold):
        return queue.oldest.why
    return _NOTHING if queue.oldest is None else f"{_duration(queue.oldest)} of {_duration(queue.retention)}"


def _duration(seconds: float) -> str:
    for place, (unit, length) in enumerate(_UNITS):
        if seconds >= length:
            whole, rest = divmod(int(seconds), length)
            finer = _UNITS[place + 1] if place + 1 < len(_UNITS) else None
            more = f" {rest // finer[1]}{finer[0]}" if finer and rest >= finer[1] else ""
            return f"{whole}{unit}{more}"
    return "0s"


def _fed_by(queue: DeadLetterQueue) -> str:
    feeds = [*queue.sources, *queue.others]
    more = f", and {len(feeds) - _MOST_NAMED:,} more" if len(feeds) > _MOST_NAMED else ""
    return ", ".join(feeds[:_MOST_NAMED]) + more if feeds else "nothing that is known"


def _at_it(queue: DeadLetterQueue) -> str:
    said = []
    if isinstance(queue.moving, Untold):
        said.append(f"move task: {queue.moving.why}")
    elif queue.moving:
        said.append(f"move task, {queue.moving.moved:,} of {queue.moving.to_move:,}")
    if isinstance(queue.runs, Untold):
        said.append(f"run: {queue.runs.why}")
    else:
        said += [f"run {name}" for name in queue.runs]
    return ", ".join(said) or _NOTHING


def _can_move(queue: DeadLetterQueue) -> str:
    return "yes" if queue.sources else "no"


def _covered(queue: DeadLetterQueue) -> str:
    if isinstance(queue.schedules, Untold):
        return queue.schedules.why
    return ", ".join(map(_schedule, queue.schedules)) or _NOTHING


def _schedule(schedule: Schedule) -> str:
    if not schedule.on:
        return f"{schedule.what} (off)"
    if schedule.next is None:
        return schedule.what
    left = (schedule.next - datetime.now(UTC)).total_seconds()
    return f"{schedule.what}, next {schedule.next:%Y-%m-%d %H:%MZ} (in {_duration(max(0, left))})"
