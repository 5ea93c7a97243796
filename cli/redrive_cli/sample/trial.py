"""A trial: what a run's criteria would do with a sample, and how near they came where they did nothing."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from redrive.expressions.exact import is_number, order
from redrive.expressions.jsonata import Expression
from redrive.expressions.judge import NO_MATCH, Judge
from redrive.expressions.shapes import view_of
from redrive_cli.sample import jsonata
from redrive_cli.sample.judging import NO_RUN, judged_by
from redrive_cli.sample.traits import fields_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redrive.values.criteria import Criteria
    from redrive.values.message import Message
    from redrive.values.outcome import Outcome
    from redrive.values.verdict import Verdict

MOST_VALUES = 3  # of a field that are named
_FIELD = "filter.where"
_MISSING = object()


@dataclass(frozen=True)
class Part:
    """One of the conditions that `and` joins.

    failed  how many of the messages that `where` does not match do not satisfy it
    alone   how many of these satisfy all the others
    found   what they have in the fields that it names: field → value → how many, the most frequent first
    """

    condition: str
    failed: int
    alone: int
    found: dict[str, list[tuple[str, int]]]


@dataclass(frozen=True)
class Trial:
    """The verdict of each message, and of those that `where` does not match what they miss.

    unseen  fields that `where` names and no message has, each with the one that may be meant
    """

    messages: Sequence[Message]
    verdicts: list[Verdict]
    parts: list[Part] = field(default_factory=list)
    unseen: dict[str, str | None] = field(default_factory=dict)

    @property
    def chosen(self) -> list[tuple[Message, Verdict]]:
        """The messages that a run would send."""
        return [(m, v) for m, v in zip(self.messages, self.verdicts, strict=True) if v.sends]

    @property
    def reasons(self) -> Counter[tuple[Outcome, str]]:
        """How many of the others have which outcome, for which reason."""
        return Counter((v.outcome, v.reason) for v in self.verdicts if v.outcome is not None)


def tried(messages: Sequence[Message], criteria: Criteria, *, in_order: bool) -> Trial:
    """Judge messages as a run would. Raises InvalidRequest, ExpressionTooSlow."""
    judge = Judge(criteria, NO_RUN)
    verdicts = judge.judge_all(messages, limit=None, in_order=in_order)
    if criteria.where is None:
        return Trial(messages, verdicts)
    missed = [message for message, verdict in zip(messages, verdicts, strict=True) if verdict == NO_MATCH]
    unseen = judge.unseen or []
    near = _near(unseen, messages) if unseen else {}
    return Trial(messages, verdicts, _parts(criteria.where, missed), near)


def _parts(where: str, missed: Sequence[Message]) -> list[Part]:
    """Look at each condition of `where` by itself, over the messages that the whole does not match."""
    if not missed:
        return []
    conditions = Expression(where, _FIELD).conjuncts
    holds = [[verdict.sends for verdict in judged_by(condition, missed)] for condition in conditions]
    parts = []
    for place, (condition, held) in enumerate(zip(conditions, holds, strict=True)):
        failing = [message for message, is_held in zip(missed, held, strict=True) if not is_held]
        alone = sum(not row[place] and sum(row) == len(row) - 1 for row in zip(*holds, strict=True))
        parts.append(Part(condition, len(failing), alone, _found(condition, failing)))
    return parts


def _found(condition: str, messages: Sequence[Message]) -> dict[str, list[tuple[str, int]]]:
    paths = Expression(condition, _FIELD).fields
    values: dict[str, list[Any]] = {path: [] for path in paths}
    for message in messages:
        for path, names in paths.items():
            values[path].append(_value(message, names))
    return {path: _most_common(found) for path, found in values.items()}


def _most_common(values: list[Any]) -> list[tuple[str, int]]:
    """Give the most frequent values; numbers of which there are many, as a span."""
    numbers = [value for value in values if is_number(value)]
    counts = Counter(jsonata.constant(value) or _type_of(value) for value in values)
    if len({jsonata.number(number) for number in numbers}) > MOST_VALUES:
        others = Counter(jsonata.constant(value) or _type_of(value) for value in values if not is_number(value))
        ordered = sorted(numbers, key=cmp_to_key(order))
        span = f"{jsonata.number(ordered[0])} to {jsonata.number(ordered[-1])}"
        counts = others + Counter({span: len(numbers)})
    return counts.most_common(MOST_VALUES)


def _type_of(value: Any) -> str:
    return "missing" if value is _MISSING else "an object" if isinstance(value, dict) else "an array"


def _value(message: Message, names: Sequence[str]) -> Any:
    try:
        value: Any = view_of(message, message.stamp)
        for name in names:
            while isinstance(value, list) and len(value) == 1:
                value = value[0]
            if not isinstance(value, dict) or name not in value:
                return _MISSING
            value = value[name]
    except Exception:  # noqa: BLE001 - whatever a message carries, it hides no other
        return _MISSING
    return value


def _near(unseen: Sequence[str], messages: Sequence[Message]) -> dict[str, str | None]:
    """Give for each field that no message has the one that may be meant."""
    known: dict[str, str] = {}
    for message in messages:
        for names in _fields_in(message):
            for end in range(1, len(names) + 1):
                known.setdefault(".".join(names[:end]).lower(), jsonata.path(names[:end]))
    return {missing: _nearest(missing, known) for missing in unseen}


def _fields_in(message: Message) -> list[tuple[str, ...]]:
    try:
        return [names for names, _ in fields_of(view_of(message, message.stamp))]
    except Exception:  # noqa: BLE001 - whatever a message carries, it hides no other
        return []


def _nearest(missing: str, known: dict[str, str]) -> str | None:
    near = difflib.get_close_matches(missing.lower(), known, n=1, cutoff=0.7)
    last = missing.lower().rpartition(".")[2]
    ends_alike = [path for path in known if path.rpartition(".")[2] == last]
    found = near or ends_alike
    return known[found[0]] if found else None
