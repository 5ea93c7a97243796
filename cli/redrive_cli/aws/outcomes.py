"""Outcomes: what became of each message of a run, line by line, from the pages of its ledger."""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from redrive.stores.ledger import FOREIGN, OUTCOMES
from redrive.values.errors import PageGone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from redrive.stores.ledger import Ledger

Line: TypeAlias = dict[str, Any]

_AHEAD = 8  # pages that are read while one is shown; each has up to a thousand lines


@dataclass(frozen=True)
class Wanted:
    """Which lines are wanted: each part that is given must hold.

    `id` is the message's id before or after, `key` the key itself or its SHA-256, `reason` a part of the reason.
    """

    outcomes: frozenset[str] = frozenset()
    id: str | None = None
    key: str | None = None
    reason: str | None = None

    def __call__(self, line: Line) -> bool:
        """Whether a line is wanted."""
        return (
            (not self.outcomes or line.get("outcome") in self.outcomes)
            and (self.id is None or self.id in {line.get("id"), line.get("new_id")})
            and (self.key is None or line.get("key") in forms_of(self.key))
            and (self.reason is None or self.reason.casefold() in str(line.get("reason", "")).casefold())
        )


def forms_of(key: str) -> tuple[str, ...]:
    """Give the forms in which a ledger may have a key: as it is, or hashed."""
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
    return key, digest, f"sha256:{digest}"


def lines_of(ledger: Ledger, unreadable: Callable[[str], None]) -> Iterator[Line]:
    """Give a run's outcomes in the order of its pages, a few pages at a time. Raises botocore's errors.

    `unreadable` is told the name of a page that cannot be read.
    """
    names = sorted(ledger.names(OUTCOMES), key=_place)
    with ThreadPoolExecutor(_AHEAD) as pool:
        waiting = deque((name, pool.submit(ledger.read, OUTCOMES, name)) for name in names[:_AHEAD])
        rest = iter(names[_AHEAD:])
        while waiting:
            name, page = waiting.popleft()
            try:
                lines = [line for line in page.result() if isinstance(line, dict)]
            except (PageGone, *FOREIGN):
                lines = []
                unreadable(name)
            if (following := next(rest, None)) is not None:
                waiting.append((following, pool.submit(ledger.read, OUTCOMES, following)))
            yield from lines


def _place(name: str) -> tuple[int, ...]:
    """Where a page stands in its run: `<lane>/<round>-<turn>`."""
    return tuple(int(number) for number in name.replace("/", "-").split("-"))
