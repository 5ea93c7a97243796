"""Members: which messages, by their ids, ended in some way in an earlier run."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

from redrive.stores import index
from redrive.values.errors import InvalidRequest

if TYPE_CHECKING:
    from redrive.stores.ledger import Ledger
    from redrive.values.request import OfRun

MOST_MEMBERS = 2_000_000  # some 200 MiB; each worker has them all, and the messages in a queue are no more than a few
_BYTES = 16  # of a digest, which is shorter than the id, and as unlikely to be another's


class Members:
    """A set of message ids. `id in members` asks."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def add(self, id_: str) -> None:
        """Add an id. Raises InvalidRequest when there are too many."""
        self._digests.add(_digest(id_))
        if len(self._digests) > MOST_MEMBERS:
            raise InvalidRequest(
                f"filter.of_run: the run has more than {MOST_MEMBERS:,} such messages; choose them by another filter."
            )

    def __contains__(self, id_: object) -> bool:
        return isinstance(id_, str) and _digest(id_) in self._digests

    def __len__(self) -> int:
        return len(self._digests)


def of_run(ledger: Ledger, wanted: OfRun) -> Members:
    """Give the messages that a filter means; `ledger` may be any run's. Raises InvalidRequest.

    They are read once a worker: what is in the ledger of a run that has ended does not change.
    """
    asked = (ledger.bucket, wanted)
    with _lock:
        if asked not in _kept:
            members = Members()
            for line in index.lines(ledger.of(wanted.run)):
                if line.get("outcome") in wanted.outcomes and isinstance(line.get("id"), str):
                    members.add(line["id"])
            _kept.clear()  # a worker serves one run after another, and hardly two at once
            _kept[asked] = members
        return _kept[asked]


def _digest(id_: str) -> bytes:
    return hashlib.blake2b(id_.encode(errors="surrogatepass"), digest_size=_BYTES).digest()


_lock = threading.Lock()
_kept: dict[tuple[str, OfRun], Members] = {}
