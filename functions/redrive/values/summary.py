"""The summary of a run: its execution's output, and `summary.json` in its ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from redrive.values.outcome import COUNTED, conserves

if TYPE_CHECKING:
    from redrive.values.bill import Requests
    from redrive.values.outcome import Counts


FORMAT = 1  # of the ledger: docs/ledger.md says which fields stay as they are while this does


class Status(StrEnum):
    """How a run ended. The machine's last Choice compares with these."""

    NOTHING = "nothing to redrive"
    NOTHING_MATCHED = "nothing matched"
    IN_FLIGHT = "all are in flight"
    COMPLETE = "complete"
    STEPPED_BACK = "stepped back"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


@dataclass(frozen=True)
class Summary:
    """What a run did. `counts` conserve: each message that was received has one outcome.

    request        what was asked for; None where the request was refused
    destination    name of the queue that was named, None for each message's own
    because        why this path; `lanes_because` why so many lanes
    counted        visible messages in the queue at the start, as SQS said; None where it was not asked
    rounds, lanes  None where a stopped run was cleaned up after, and nobody knows
    started, ended when (ISO 8601); `seconds` between them
    started_by     who started it, as far as it was said
    requests       its bill; None where nobody knows
    reasons        how many messages failed, by reason (the first few)
    groups         of a FIFO queue: groups that stay behind, and why; `more_groups` how many more there are
    beside         names of the runs that were at the queue as well
    in_flight      messages that others, or a dead step, had received at the end; None where that was not asked
    notes          what is to be known of it, in sentences
    error, cause   what the execution ends with in red; None in green
    """

    run: str
    status: Status
    queue: str | None
    path: str | None
    because: list[str]
    counted: int | None
    counts: Counts
    rounds: int | None
    lanes: int | None
    lanes_because: list[str]
    started: str
    ended: str
    seconds: float
    ledger: str
    requests: Requests | None
    request: dict[str, Any] | None = None
    destination: str | None = None
    started_by: str | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    more_groups: int = 0
    beside: list[str] = field(default_factory=list)
    in_flight: int | None = None
    notes: list[str] = field(default_factory=list)
    error: str | None = None
    cause: str | None = None

    @property
    def conserves(self) -> bool:
        """Whether each message that was received has exactly one outcome."""
        return conserves(self.counts)

    def to_json(self) -> dict[str, Any]:
        """Give the summary as it is written: the counts beside the rest, and what may be missing only where it is."""
        line: dict[str, Any] = {
            "format": FORMAT,
            **{name: getattr(self, name) for name in _FIRST},
            **{str(name): self.counts[name] for name in COUNTED},
            **{name: getattr(self, name) for name in _THEN},
        }
        if self.groups:
            line |= {"stopped_groups": self.groups, "more_stopped_groups": self.more_groups}
        return line | {name: value for name in _IF_ANY if (value := getattr(self, name)) not in (None, [], {})}

    @classmethod
    def from_json(cls, line: dict[str, Any]) -> Summary:
        """Read what `to_json` wrote."""
        return cls(
            **{name: line[name] for name in (*_FIRST, *_THEN)} | {"status": Status(line["status"])},
            **{name: line[name] for name in _IF_ANY if name in line},
            counts={str(name): line[name] for name in COUNTED},
            groups=line.get("stopped_groups", {}),
            more_groups=line.get("more_stopped_groups", 0),
        )


_FIRST = ("run", "status", "queue", "destination", "request", "path", "because", "counted")
_THEN = ("rounds", "lanes", "lanes_because", "started", "ended", "seconds", "started_by", "ledger", "requests")
_IF_ANY = ("reasons", "beside", "in_flight", "notes", "error", "cause")
