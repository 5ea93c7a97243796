"""What a look at the queues after a run finds: lost, repeated, changed, overtaken, hidden, or wrongly deleted."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redrive.values.message import MOST_ATTRIBUTES, STAMP
from redrive.values.outcome import GONE, conserves

if TYPE_CHECKING:
    from support.aws import Queues
    from support.engine import Ended
    from support.letters import Copy, Letter
    from support.rig import Rig


@dataclass(frozen=True)
class Findings:
    """Messages by their numbers.

    lost             in no queue at all
    wrongly_deleted  deleted from the dead-letter queue while no destination had it
    hidden           still in flight
    twice            how many copies more than one arrived
    beyond           those with more copies than the faults allow
    undeleted        arrived, and still in the dead-letter queue
    overtaken        FIFO: arrived although an earlier message of their group had not
    changed          arrived, or stayed, with something different; and what
    """

    lost: set[int] = field(default_factory=set)
    wrongly_deleted: set[int] = field(default_factory=set)
    hidden: set[int] = field(default_factory=set)
    twice: Counter[int] = field(default_factory=Counter)
    beyond: set[int] = field(default_factory=set)
    undeleted: set[int] = field(default_factory=set)
    overtaken: set[int] = field(default_factory=set)
    changed: dict[int, str] = field(default_factory=dict)

    def broken(self, *, later: bool = False) -> dict[str, Any]:
        """What must never be; `later`, when a next run and ten minutes are over, nothing may be left undone either."""
        never = ("lost", "wrongly_deleted", "beyond", "overtaken", "changed")
        names = (*never, "hidden", "undeleted") if later else never
        return {name: found for name in names if (found := getattr(self, name))}


def look(
    rig: Rig,
    queues: Queues,
    letters: list[Letter],
    may_repeat: Counter[int],
    *,
    transformed: Any = lambda body: body,
) -> Findings:
    """Look at all queues. `may_repeat` is what the faults of every run so far allow to arrive again."""
    copies = rig.copies(queues)
    stayed = [copy for copy in copies if copy.place == "dlq"]
    arrived = [copy for copy in copies if copy.place != "dlq"]
    times = Counter(copy.number for copy in arrived)
    here = {copy.number for copy in copies}
    changed = {
        copy.number: what for copy in stayed if (what := _difference(letters[copy.number], copy, lambda body: body, 0))
    }
    changed |= {
        copy.number: what for copy in arrived if (what := _difference(letters[copy.number], copy, transformed, 1))
    }
    return Findings(
        lost={letter.number for letter in letters} - here,
        wrongly_deleted=set(rig.wrongly_deleted),
        hidden={copy.number for copy in copies if not copy.visible},
        twice=Counter({number: count - 1 for number, count in times.items() if count > 1}),
        beyond={number for number, count in times.items() if count > 1 + may_repeat[number]},
        undeleted=set(times) & {copy.number for copy in stayed},
        overtaken=_overtaken(letters, [number for _, number in rig.arrivals])
        if queues.name.endswith(".fifo")
        else set(),
        changed=changed,
    )


def _difference(letter: Letter, copy: Copy, transformed: Any, redrives: int) -> str:
    """Say how a copy differs from what was sent; `redrives` tells whether it must carry the stamp."""
    message = copy.message
    attributes = {
        name: {key: value[key] for key in ("DataType", "StringValue", "BinaryValue") if value.get(key)}
        for name, value in message.message_attributes.items()
        if name != STAMP
    }
    if message.body != transformed(letter.body):
        return f"its body is {message.body!r}"
    if attributes != letter.attributes:
        return f"its attributes are {attributes}"
    if message.group_id != letter.group:
        return f"its group is {message.group_id!r}"
    trace = (message.system_attributes or {}).get("AWSTraceHeader", {}).get("StringValue")
    if trace != letter.trace:
        return f"its trace header is {trace!r}"
    expected = redrives if len(letter.attributes) < MOST_ATTRIBUTES else 0
    if copy.stamp.count != expected:
        return f"its stamp is {copy.stamp}"
    return ""


def _overtaken(letters: list[Letter], arrivals: list[int]) -> set[int]:
    """A group must have arrived from its front, without a gap: what is missing stays, and so does all behind it."""
    groups: dict[str | None, list[int]] = defaultdict(list)
    for letter in letters:
        groups[letter.group].append(letter.number)
    seen: set[int] = set()
    early: set[int] = set()
    for number in arrivals:
        line = groups[letters[number].group]
        ahead = line[: line.index(number)]
        if number not in seen and not set(ahead) <= seen:
            early.add(number)
        seen.add(number)
    return early


def dishonest(run: Ended, queues: Queues, rig: Rig, ledger: Any) -> str:
    """Say where a run's summary and ledger tell something else than the queues; nothing when they agree."""
    summary = run.summary
    if not summary:
        return ""
    if not conserves(summary):
        return f"received is not what became of it: {summary}"
    copies = rig.copies(queues)
    arrived = {copy.number for copy in copies if copy.place != "dlq"}
    stayed = {copy.number for copy in copies if copy.place == "dlq"}
    lines = [line for page in ledger.names("outcomes") for line in ledger.read("outcomes", page)]
    gone = {rig.ids[line["id"]] for line in lines if line["outcome"] in GONE}
    behind = {rig.ids[line["id"]] for line in lines} - gone
    told = Counter(line["outcome"] for line in lines)
    if gone - arrived:
        return f"the ledger says that they arrived, and they did not: {gone - arrived}"
    # Counted anew by the release; where that died too, the summary has what the lanes said last.
    counted = "could not be released" not in summary.get("cause", "")
    if counted and (told["sent"] != summary["sent"] or told["held"] != summary["held"]):
        return f"the ledger has {told}, the summary {summary}"
    if summary["status"] == "complete" and gone & stayed:
        return f"complete, and yet sent messages are left in the dead-letter queue: {gone & stayed}"
    hidden = {copy.number for copy in copies if copy.place == "dlq" and not copy.visible}
    if summary["status"] == "complete" and behind & hidden:
        return f"complete, and yet it has not released what it held: {behind & hidden}"
    return ""
