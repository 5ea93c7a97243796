"""A look into a queue, for people and for programs: groups with their conditions, and single messages."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redrive.expressions import exact
from redrive.values.message import attributes_to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from redrive.values.message import Message
    from redrive_cli.aws.looking import Sample
    from redrive_cli.sample.groups import Group, Grouping
    from redrive_cli.view.console import Screen

SAMPLES = 3  # of each group
ALSO = 6  # other ways to group
_LONGEST_SHOWN = 4_000  # characters of a body that a line can need, however wide


def show_peek(out: Screen, sample: Sample, grouping: Grouping, command: str) -> None:
    """Print the groups of a sample. `command` is the one that tries a condition."""
    for line in _head(sample):
        out.line(line)
    if not sample.messages:
        return
    also = "".join(f" --by {shlex.quote(by)}" for by in grouping.also[:ALSO])
    if grouping.by:
        out.line("grouped by ", (grouping.by, "bold"), f"   (they also differ:{also})" if also else "")
    for group in grouping.groups:
        out.line()
        _show_group(out, group, sample, alone=not grouping.by)
    if grouping.more:
        left = sum(len(group.messages) for group in grouping.more)
        out.line()
        out.line(f"{left:,} more, in {len(grouping.more):,} groups")
    first = next((group.where for group in grouping.groups if group.where), None)
    if first:
        out.line()
        out.line(("hint: ", "cyan"), f"See what a condition does: {command} --where {shlex.quote(first)}")


def peek_json(sample: Sample, grouping: Grouping) -> Iterator[dict[str, Any]]:
    """Give a document for the look, and one for each group."""
    yield {
        "queue": sample.queue.name,
        **sample.depth.to_json(),
        "sample": len(sample.messages),
        "whole": sample.whole,
        "by": grouping.by or None,
        "also": grouping.also,
    }
    for group in [*grouping.groups, *grouping.more]:
        oldest, newest = _ends(group.messages)
        yield {
            "group": group.label,
            "count": len(group.messages),
            "estimated": _estimate(len(group.messages), sample),
            "oldest": oldest and _moment(oldest).isoformat(),
            "newest": newest and _moment(newest).isoformat(),
            "where": group.where,
            "why_not": group.why_not or None,
            "ids": [message.id for message in group.messages[:SAMPLES]],
        }


def show_message(out: Screen, message: Message) -> None:
    """Print one message whole, its body in lines where it is JSON."""
    for name, value in [("id", message.id), *sorted(message.system.items())]:
        out.line((f"{name:<34}", "bold"), _with_time(name, value))
    for name, attribute in attributes_to_json(message.attributes).items():
        kind = attribute.get("DataType", "")
        said = attribute.get("StringValue", attribute.get("BinaryValue", ""))
        out.line((f"{name:<34}", "bold"), f"{said}", (f"  {kind}", "dim"))
    out.line()
    for line in body_lines(message.body):
        out.line(line)


def message_json(message: Message) -> dict[str, Any]:
    """Give one message as a document, as `--all` writes it."""
    document = message.to_json()
    del document["handle"]
    return document


def body_lines(body: str) -> list[str]:
    """Give a body in lines: JSON with one for each value, its numbers and texts as they were written."""
    try:
        value = exact.read(body)
    except (ValueError, RecursionError):
        return body.split("\n")
    if not isinstance(value, dict | list):
        return body.split("\n")
    try:
        return exact.write(value, str, escapes=exact.escapes_of(body), indent="  ").split("\n")
    except RecursionError:
        return [body]


def moment(ms: int | None) -> str:
    """Write a time in milliseconds since the epoch."""
    return "unknown" if ms is None else f"{_moment(ms):%Y-%m-%d %H:%M:%SZ}"


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _head(sample: Sample) -> Iterator[str]:
    depth, seen, queue = sample.depth, len(sample.messages), sample.queue
    rest = [
        f"{number:,} {what}" for number, what in ((depth.in_flight, "in flight"), (depth.delayed, "delayed")) if number
    ]
    beside = f" ({' and '.join(rest)} beside)" if rest else ""
    if not seen:
        yield f"{queue.name}: no message can be received{beside}."
        return
    if sample.whole:
        yield f"{queue.name}: {_messages(seen)}{beside}, and all were looked at."
    else:
        yield f"{queue.name}: about {_messages(max(depth.visible, seen))}{beside}, of which {seen:,} were looked at."
    if queue.fifo and not sample.whole:
        yield "A FIFO queue shows only the first messages of each group, until these are deleted."
    locked = " Their groups were locked while it lasted." if queue.fifo else ""
    yield f"They are visible again; the receive count of each is one higher.{locked}"


def _messages(number: int) -> str:
    return f"{number:,} message{'s' if number != 1 else ''}"


def _estimate(count: int, sample: Sample) -> int | None:
    """How many of a group may be in the queue: its share of the sample; None where the sample says nothing of that."""
    if sample.whole:
        return count
    if sample.queue.fifo:
        return None
    seen = len(sample.messages)
    return round(count * max(sample.depth.visible, seen) / seen)


def _show_group(out: Screen, group: Group, sample: Sample, *, alone: bool) -> None:
    count, estimated = len(group.messages), _estimate(len(group.messages), sample)
    about = f" (about {estimated:,} in the queue)" if estimated is not None and estimated != count else ""
    out.cut_line((f"{count:>6,}", "bold cyan"), f"{about}  ", (group.label, "bold"))
    oldest, newest = _ends(group.messages)
    ends = dict.fromkeys((moment(oldest), moment(newest)))  # one, where they are the same
    out.line(f"        first sent {' to '.join(ends)}")
    for message in group.messages[:SAMPLES]:
        out.cut_line("        ", (message.body[:_LONGEST_SHOWN], "dim"))
    if group.where:
        out.line("        ", (f"--where {shlex.quote(group.where)}", "green"))
    elif not alone:
        out.line("        ", (f"no --where: {group.why_not}", "yellow"))


def _ends(messages: Sequence[Message]) -> tuple[int | None, int | None]:
    times = [message.sent_ms for message in messages if message.sent_ms is not None]
    return (min(times), max(times)) if times else (None, None)


def _with_time(name: str, value: str) -> str:
    is_time = name.endswith("Timestamp") and value.isdecimal() and len(value) <= len("1760000000000")
    return f"{value}  ({moment(int(value))})" if is_time else value
