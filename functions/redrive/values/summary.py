"""The summary of a run: its execution's output, and `summary.json` in its ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from redrive.values.outcome import COUNTED, conserves

if TYPE_CHECKING:
    from redrive.values.bill import Requests
    from redrive.values.outcome import Counts


class Status(StrEnum):
    """How a run ended. The machine's last Choice compares with these."""

    NOTHING = "nothing to redrive"
    COMPLETE = "complete"
    STEPPED_BACK = "stepped back"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


@dataclass(frozen=True)
class Summary:
    """What a run did. `counts` conserve: each message that was received has one outcome.

    counted        visible messages in the queue at the start, as SQS said
    because        why this path; `lanes_because` why so many lanes
    reasons        how many messages failed, by reason (the first few)
    groups         of a FIFO queue: groups that stay behind, and why; `more_groups` how many more there are
    error, cause   what the execution ends with in red; None in green
    """

    run: str
    status: Status
    queue: str | None
    path: str | None
    because: list[str]
    counted: int
    counts: Counts
    rounds: int
    lanes: int
    lanes_because: list[str]
    seconds: float
    ledger: str
    requests: Requests
    reasons: dict[str, int] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    more_groups: int = 0
    error: str | None = None
    cause: str | None = None

    @property
    def conserves(self) -> bool:
        """Whether each message that was received has exactly one outcome."""
        return conserves(self.counts)

    def to_json(self) -> dict[str, Any]:
        """Give the summary as it is written: the counts beside the rest, and what may be missing only where it is."""
        line: dict[str, Any] = {
            "run": self.run,
            "status": self.status,
            "queue": self.queue,
            "path": self.path,
            "because": self.because,
            "counted": self.counted,
            **{str(name): self.counts[name] for name in COUNTED},
            "rounds": self.rounds,
            "lanes": self.lanes,
            "lanes_because": self.lanes_because,
            "seconds": self.seconds,
            "ledger": self.ledger,
            "requests": self.requests,
        }
        if self.reasons:
            line["reasons"] = self.reasons
        if self.groups:
            line |= {"stopped_groups": self.groups, "more_stopped_groups": self.more_groups}
        if self.error is not None:
            line |= {"error": self.error, "cause": self.cause}
        return line

    @classmethod
    def from_json(cls, line: dict[str, Any]) -> Summary:
        """Read what `to_json` wrote."""
        same = ("run", "queue", "path", "because", "counted", "rounds", "lanes", "lanes_because", "seconds", "ledger")
        return cls(
            **{name: line[name] for name in same},
            status=Status(line["status"]),
            counts={str(name): line[name] for name in COUNTED},
            requests=line["requests"],
            reasons=line.get("reasons", {}),
            groups=line.get("stopped_groups", {}),
            more_groups=line.get("more_stopped_groups", 0),
            error=line.get("error"),
            cause=line.get("cause"),
        )
