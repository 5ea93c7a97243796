"""The document of a queue over many runs: what keeps dying, what came back after it was redriven, and how often.

A message has another id each time it is redriven. What joins its ids to one life is the ledger: a line says under which
new id it was sent, and a later run that finds that id in the queue again has found the same message.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redrive import clock
from redrive.report.messages import BY_HAND, pack
from redrive.values.outcome import ARRIVED, Outcome
from redrive.values.run import name_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FORMAT = 1
MOST_ROWS = 100_000
MOST_GROUPS = 30
LEFT = "it came back after it was sent, and was not chosen again"
AGAIN = "it came back after it was sent, and was sent again"


@dataclass(frozen=True)
class QueueRun:
    """A run at the queue: its summary as far as there is one, its outcomes, and how many pages cannot be read."""

    run: str
    summary: dict[str, Any]
    lines: Sequence[dict[str, Any]]
    unreadable: int = 0


@dataclass
class Life:
    """A message over all runs. `sent` is how often it was sent, `returns` how often it was found again after that."""

    first: str
    sent: int = 0
    returns: int = 0
    last: dict[str, Any] = field(default_factory=dict)
    reason: str = ""

    @property
    def gone(self) -> bool:
        """Whether it was sent last, and not seen since."""
        return self.last.get("outcome") in ARRIVED

    @property
    def dying(self) -> bool:
        """Whether it failed, or came back."""
        return self.returns > 0 or self.last.get("outcome") in {Outcome.FAILED, Outcome.RETURNED}


def queue_document(queue: str, days: int, runs: Sequence[QueueRun], notes: Iterable[str] = ()) -> dict[str, Any]:
    """Give the document of a queue's report. `runs` are in any order."""
    lines = sorted(((run.run, line) for run in runs for line in run.lines), key=lambda told: str(told[1].get("at", "")))
    lives, first_ids = _lives(lines)
    shown = lines[-MOST_ROWS:]
    rows = [(name_in(run), line | {"first_id": first_ids.get(str(line.get("id")))}) for run, line in shown]
    dying = [life for life in lives if life.dying]
    unreadable = sum(run.unreadable for run in runs)
    document = {
        "format": FORMAT,
        "kind": "queue",
        "made": datetime.fromtimestamp(clock.now(), UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "queue": queue,
        "days": days,
        "lives": len(lives),
        "came_back": sum(life.returns > 0 for life in lives),
        "arrived": sum(life.gone for life in lives),
        "failed": sum(life.last.get("outcome") == Outcome.FAILED for life in lives),
        "dying": {"reasons": _groups(dying, _reason), "sources": _groups(dying, _source)},
        "took": _took(lives),
        "messages": pack(rows, ["first_id"]),
        "left_out": f"These are the last {MOST_ROWS:,} of {len(lines):,} lines." if len(lines) > MOST_ROWS else None,
        "runs": [_run(run) for run in sorted(runs, key=lambda run: str(run.summary.get("started", run.run)))],
        "notes": [
            *notes,
            *([f"The outcomes of {unreadable:,} pages cannot be read."] if unreadable else []),
            *_native(runs),
        ],
    }
    return document | {"sentence": _sentence(document)}


def _lives(lines: Iterable[tuple[str, dict[str, Any]]]) -> tuple[list[Life], dict[str, str]]:
    lives: dict[str, Life] = {}  # by each id that it had
    for _, line in lines:
        name = str(line.get("id"))
        life = lives.setdefault(name, Life(name))
        if (life.gone and line.get("outcome") != Outcome.ALREADY_SENT) or line.get("outcome") == Outcome.RETURNED:
            life.returns += 1
        life.last = line
        life.reason = str(line.get("reason") or "") or life.reason
        # An earlier run had sent it and died: what it was sent as is in that run's own line, if it is anywhere.
        life.sent += line.get("outcome") in ARRIVED
        if line.get("new_id"):
            lives[str(line["new_id"])] = life
    return list({id(life): life for life in lives.values()}.values()), {
        name: life.first for name, life in lives.items()
    }


def _groups(lives: Sequence[Life], what: Any) -> list[dict[str, Any]]:
    found: dict[str, list[Life]] = {}
    for life in lives:
        found.setdefault(what(life), []).append(life)
    groups = sorted(found.items(), key=lambda group: -len(group[1]))[:MOST_GROUPS]
    return [
        {
            "what": name,
            "messages": len(some),
            "redrives": sum(life.sent for life in some),
            "last": max((_ms(life.last.get("at")) or 0 for life in some), default=0) or None,
        }
        for name, some in groups
    ]


def _reason(life: Life) -> str:
    if life.last.get("outcome") == Outcome.HELD and life.returns:
        return LEFT
    return life.reason or AGAIN


def _source(life: Life) -> str:
    source = life.last.get("source")
    return str(source) if source else BY_HAND if "source" in life.last else "not recorded"


def _took(lives: Sequence[Life]) -> list[dict[str, int]]:
    sent = Counter(life.sent for life in lives)
    back = Counter(life.sent for life in lives if life.sent and not life.gone)
    return [{"times": times, "messages": sent[times], "back": back[times]} for times in sorted(sent)]


def _run(run: QueueRun) -> dict[str, Any]:
    told = run.summary
    sent = told["sent"] + told.get("already_sent", 0) if isinstance(told.get("sent"), int) else None
    return {
        "run": name_in(run.run),
        "started": _ms(told.get("started")),
        "status": told.get("status"),
        "sent": sent,
        **{name: told.get(name) for name in ("received", "held", "failed", "seconds")},
    }


def _native(runs: Sequence[QueueRun]) -> list[str]:
    native = sum(str(run.summary.get("path", "")).startswith("native") for run in runs)
    if not native:
        return []
    return [f"{native:,} of these runs let SQS move messages itself: the ledger has no record of single ones of those."]


def _sentence(document: dict[str, Any]) -> str:
    runs, lives, back = len(document["runs"]), document["lives"], document["came_back"]
    if not runs:
        return f"There was no run at {document['queue']} in {document['days']} days."
    many = f"{runs:,} run{'' if runs == 1 else 's'} in {document['days']} days"
    said = f"{many} met {lives:,} messages: {document['arrived']:,} were sent and did not come back"
    return f"{said}, {back:,} came back after they had been redriven."


def _ms(text: Any) -> int | None:
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except (TypeError, ValueError, OverflowError):
        return None
