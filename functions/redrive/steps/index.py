"""Index the run: join its outcomes for whoever looks for a message later. It is an aid, and no run fails by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redrive.stores import index

if TYPE_CHECKING:
    from collections.abc import Callable

    from redrive.stores.ledger import Ledger

RESERVE_MS = 30_000  # of the step's time: the report itself, and a part that is being written


def index_run(ledger: Ledger, remaining_ms: Callable[[], int]) -> str | None:
    """Write the run's index; give a sentence where it does not tell of every message, else None. Never raises."""
    try:
        written = index.write(ledger, lambda: remaining_ms() > RESERVE_MS)
    except Exception as error:  # noqa: BLE001 - whatever it is, the ledger has it all, and the run must end as it did
        return f"the index of this run could not be written ({type(error).__name__}): its outcomes tell of each message"
    if missing := written.pages - written.indexed:
        why = f"{written.unreadable:,} could not be read" if written.unreadable else "there was no more time"
        has = f"the index has {written.indexed:,} of the {written.pages:,} pages of this run"
        return f"{has}, and {missing:,} are not in it: {why}"
    return None
