"""A lane: one of the parallel drains of a run, as it travels through its states.

Each step takes the lane as it was and gives the lane as it is after the step, so a retried step starts again from
the same lane and nothing is counted twice.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from redrive.values.bill import Requests, add, no_requests
from redrive.values.errors import Failure
from redrive.values.outcome import Counts, first_reasons, no_counts

DRAINED = "drained"
LIMIT_REACHED = "the limit is reached"
NEAR_LIMIT = "the queue's limit of 120,000 messages in flight is near"
HOLD_ENDS = "the 12 hours that SQS keeps a message hidden are nearly over"
ONLY_LATE = "nothing comes any more but what was sent after the run began"
MOST_LATE = 3  # pages; one may be chance, for a standard queue keeps no order
DESTINATION_LOST = "no destination is left that takes messages"
HISTORY_ENDS = "its history is long enough"
MOST_LANES = 32  # what all lanes bring back must fit into one state's payload
MOST_GROUPS = 8  # for the same reason; the rest are counted
MOST_UNSEEN = 10
NEVER = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Budget:
    """What a lane may take; all but `limit_left` is the plan's.

    page_size      messages in a full page
    pollers        long polls side by side while a page fills
    per_poll       messages that one of them asks for, at most
    poll_seconds   how long it waits
    page_bytes     a page is closed when another poll may make it larger than that; what four polls may bring
    batch, wave    messages in a batch, and batches in a wave, at most
    waves_at_once  how many are on their way side by side, where order does not matter: what can arrive twice is these
    limit_left     how many more messages it may select; None without a limit
    has_filter     whether messages may be passed over, so that a page may be larger than `limit_left`
    hold_capacity  how many messages it may hold back before the queue's in-flight limit is near
    pace           whole messages a second it may send; None for as fast as it goes
    turns          in a round: about 30 events each, of the 25,000 that an execution's history may hold
    """

    page_size: int
    pollers: int
    per_poll: int = 10
    poll_seconds: int = 1
    page_bytes: int = 40 * 1024 * 1024
    batch: int = 10
    wave: int = 10
    waves_at_once: int = 2
    limit_left: int | None = None
    has_filter: bool = False
    hold_capacity: int = 100_000
    pace: int | None = None
    turns: int = 500


@dataclass(frozen=True)
class Tally:
    """What a lane has done so far.

    counts       messages by outcome, of closed pages only
    reasons      how many messages failed, by reason; only the first MOST_REASONS different ones
    groups       FIFO: which groups stopped, and why; only the first MOST_GROUPS
    more_groups  how many more stopped
    unseen       fields that `filter.where` names and that no message had which was judged by it, the first MOST_UNSEEN;
                 None before the first
    unmatched    messages that the filter passed over
    late_pages   pages in a row, up to the last, of nothing but what came after the run began
    requests     its bill; of failed attempts at a step all functions run, but only the requests that the worker still
                 knows
    """

    counts: Counts = field(default_factory=no_counts)
    reasons: dict[str, int] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    more_groups: int = 0
    unseen: list[str] | None = None
    unmatched: int = 0
    late_pages: int = 0
    requests: Requests = field(default_factory=no_requests)


@dataclass(frozen=True)
class Page:
    """The page in hand; `name` is None when nothing arrived.

    `received` counts its messages, `selected` those that are to leave the queue, and `visible_at` is when the first of
    them would become visible (epoch seconds).
    """

    name: str | None = None
    received: int = 0
    selected: int = 0
    visible_at: float = 0


@dataclass(frozen=True)
class Hold:
    """What a lane holds back, and until when (epoch seconds).

    until          earliest expiry among holds that were not renewed yet; None if there is none
    renewed_until  earliest expiry among holds already renewed
    renewed_to     last page renewed, "" for none
    since          nothing that any lane still holds was received before this; None before the first page
    """

    until: float | None = None
    renewed_until: float | None = None
    renewed_to: str = ""
    since: float | None = None


@dataclass(frozen=True)
class Next:
    """What comes after this turn.

    another_turn  whether the lane takes one
    why           why it ended, in a word or two
    pause_until   when the next page may start (ISO 8601), if `pause`
    """

    another_turn: bool = False
    why: str = ""
    pause: bool = False
    pause_until: str = NEVER


@dataclass(frozen=True)
class Lane:
    """One parallel drain.

    index        which lane, from 0; the same in every round
    round, turn  which round of the run, and which turn of the loop in it, both from 1 once started
    arrived      whether this turn brought a page
    more         whether it stopped only to keep its own history short (not in `next`: moto reads `$[*].next.more` of a
                 single lane as no list)
    error        what stopped it, as the state machine caught it
    """

    index: int
    budget: Budget
    tally: Tally = field(default_factory=Tally)
    page: Page = field(default_factory=Page)
    hold: Hold = field(default_factory=Hold)
    next: Next = field(default_factory=Next)
    round: int = 0
    turn: int = 0
    arrived: bool = False
    more: bool = False
    error: Failure | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the lane as it travels through the state machine."""
        return {**asdict(self), "error": self.error.to_json() if self.error else None}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Lane:
        """Read what `to_json` wrote, perhaps with an error that the state machine has put there."""
        parts = {"budget": Budget, "tally": Tally, "page": Page, "hold": Hold, "next": Next}
        read: dict[str, Any] = {name: kind(**value[name]) for name, kind in parts.items()}
        error = Failure.from_json(value["error"]) if value["error"] else None
        return cls(**{**value, **read, "error": error})

    def counting(self, counts: Counts) -> Lane:
        """Give the lane with `counts` added."""
        return self._telling(counts=add(self.tally.counts, counts))

    def blaming(self, reasons: dict[str, int]) -> Lane:
        """Give the lane with the failures of a page added, by reason."""
        return self._telling(reasons=first_reasons(add(self.tally.reasons, reasons)))

    def stopping(self, groups: dict[str, str]) -> Lane:
        """Give the lane with the groups that a page stopped added, each with its first reason."""
        old = self.tally.groups
        known = old | groups | old  # the first come first, and keep their first reason
        listed = dict(list(known.items())[:MOST_GROUPS])
        return self._telling(groups=listed, more_groups=self.tally.more_groups + len(known) - len(listed))

    def missing(self, unseen: list[str] | None) -> Lane:
        """Give the lane with the fields that no judged message of a page had (None: none was judged)."""
        return self._telling(unseen=unseen_in_all(self.tally.unseen, unseen))

    def passing_over(self, number: int) -> Lane:
        """Give the lane with so many more messages that the filter passed over."""
        return self._telling(unmatched=self.tally.unmatched + number)

    def meeting(self, *, only_late: bool) -> Lane:
        """Give the lane after a page of nothing but what came after the run began, or after another.

        It ends after MOST_LATE in a row: while letters keep coming it would never find the queue empty.
        """
        lane = self._telling(late_pages=self.tally.late_pages + 1 if only_late else 0)
        return lane.ending(ONLY_LATE) if lane.tally.late_pages >= MOST_LATE else lane

    def charged(self, requests: Requests) -> Lane:
        """Give the lane with `requests` added."""
        return self._telling(requests=add(self.tally.requests, requests))

    def ending(self, why: str, *, more: bool = False) -> Lane:
        """Give the lane as one that takes no other turn after this."""
        return replace(self, more=more, next=replace(self.next, another_turn=False, why=why))

    def _telling(self, **changes: Any) -> Lane:
        return replace(self, tally=replace(self.tally, **changes))


def unseen_in_all(*unseen: list[str] | None) -> list[str] | None:
    """Give the fields that were seen in none of several parts of a run; None where nothing was judged in any."""
    told = [fields for fields in unseen if fields is not None]
    if not told:
        return None
    return [field_ for field_ in told[0] if all(field_ in fields for fields in told)][:MOST_UNSEEN]
