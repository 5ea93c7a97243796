"""Batch calls: cut into the tens that SQS takes, and with every entry that SQS refuses accounted for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from redrive import clock

Item = TypeVar("Item")
Entry: TypeAlias = dict[str, Any]
# A batch action of SQS with its queue: entries → the answer, `Successful` and `Failed`.
Call: TypeAlias = Callable[[list[Any]], Mapping[str, Any]]

MOST_ENTRIES = 10  # SQS API, every *Batch action
TRIES = 3  # for the entries that SQS itself failed at; botocore retries whole calls
PAUSE = 0.2  # seconds before the second try, doubled at each


@dataclass
class Answered(Generic[Item]):
    """What SQS answered to the entries of a batch, each with its item.

    taken    the items that SQS took, with their entries of `Successful`
    refused  those that it refused for what they are, with their entries of `Failed`
    failed   those that SQS itself failed at, at each try
    """

    taken: list[tuple[Item, Entry]] = field(default_factory=list)
    refused: list[tuple[Item, Entry]] = field(default_factory=list)
    failed: list[tuple[Item, Entry]] = field(default_factory=list)


def ask(call: Call, items: Sequence[Item], entry: Callable[[Item], Entry]) -> Answered[Item]:
    """Make a batch call with an entry for each item (without its `Id`), and again for those that SQS failed at."""
    answered: Answered[Item] = Answered()
    left = items
    for attempt in range(TRIES):
        if attempt:
            clock.back_off(PAUSE, attempt)
        answer = call([{"Id": str(place), **entry(item)} for place, item in enumerate(left)])
        answered.taken += [(left[int(done["Id"])], done) for done in answer.get("Successful", [])]
        refusals = [(left[int(refusal["Id"])], refusal) for refusal in answer.get("Failed", [])]
        answered.refused += [refused for refused in refusals if refused[1]["SenderFault"]]
        answered.failed = [refused for refused in refusals if not refused[1]["SenderFault"]]
        left = [item for item, _ in answered.failed]
        if not left:
            break
    return answered


def tens(items: Sequence[Item], most: int = MOST_ENTRIES) -> Iterator[Sequence[Item]]:
    """Cut `items` into runs of at most `most`, in order."""
    for start in range(0, len(items), most):
        yield items[start : start + most]
