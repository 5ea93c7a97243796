"""Cut work into the tens that SQS's batch calls take."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Item = TypeVar("Item")
MOST_ENTRIES = 10  # SQS API, every *Batch action


def tens(items: Sequence[Item], most: int = MOST_ENTRIES) -> Iterator[Sequence[Item]]:
    """Cut `items` into runs of at most `most`, in order."""
    for start in range(0, len(items), most):
        yield items[start : start + most]
