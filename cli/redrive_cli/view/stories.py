"""Stories of messages, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redrive_cli.aws.stories import time_in
from redrive_cli.view.console import SIGNS
from redrive_cli.view.messages import signed, what_became
from redrive_cli.view.runs import time_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redrive_cli.aws.stories import Story
    from redrive_cli.view.console import Screen

_WIDTH = 13
_MOST_MOVES = 5


def show_story(out: Screen, story: Story) -> None:
    """Print one message's life, a line for each thing that is known of it."""
    key = f", key {story.key}" if story.key is not None else ""
    out.line((f"message {story.ids[0]}", "bold"), key)
    if story.first_sent:
        source = next((line["source"] for line in story.lines if line["source"]), None)
        out.line(f"  {time_of(story.first_sent)}  {'first sent':<{_WIDTH + 2}}", f"  to {source}" if source else "")
    for line, came_back in story.came_back():
        if came_back:
            symbol, colour = SIGNS["retry"]
            out.line(f"  {'':<20}  ", (f"{symbol} {'came back':<{_WIDTH}}", colour), f"  to {line['queue']}")
        out.line(f"  {_at(line)}  ", signed(line, _WIDTH), f"  {what_became(line)}")
        out.line((f"  {'':<20}    {'':<{_WIDTH}}  by run {line['run']}", "dim"))
    if story.has_arrived:
        out.line("  no later run met it in a dead-letter queue")
    for backup in story.backups[:1]:
        until = f" until {time_of(backup.until)}" if backup.until else ", for as long as the bucket's rule says"
        out.line(f"  its body is in {backup.address}{until}")
    if not story.backups:
        out.line("  its body is no longer kept")
    show_moves(out, story.moves, "  ")


def show_moves(out: Screen, moves: Sequence[dict[str, Any]], indent: str = "") -> None:
    """Print what can be said of runs in which SQS moved messages itself."""
    if not moves:
        return
    out.line(
        f"{indent}SQS moved messages itself in these runs, and recorded no single one; it may have been among them:"
    )
    for move in moves[-_MOST_MOVES:]:
        out.line(f"{indent}  {move['started']}  {move['moved'] or 0:,} of {move['queue']}, by run {move['run']}")
    if (more := len(moves) - _MOST_MOVES) > 0:
        out.line(f"{indent}  and {more:,} earlier ones; --json has them all")


def story_json(story: Story) -> dict[str, Any]:
    """Give the same for programs."""
    return {
        "ids": list(story.ids),
        "key": story.key,
        "first_sent": story.first_sent.isoformat() if story.first_sent else None,
        "lines": [line | {"came_back": came_back} for line, came_back in story.came_back()],
        "backups": [
            {"run": each.run, "address": each.address, "until": each.until.isoformat() if each.until else None}
            for each in story.backups
        ],
        "moved_by_sqs": list(story.moves),
    }


def _at(line: dict[str, Any]) -> str:
    at = time_in(line["at"])
    return time_of(at) if at else " " * 20
