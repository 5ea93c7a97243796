"""Verify: what stands in the bucket, against what the run's manifest recorded when it ended."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redrive.report.files import object_lock
from redrive.stores import manifest

if TYPE_CHECKING:
    from redrive.stores.ledger import Ledger
    from redrive.stores.manifest import Recorded

OK, UNRECORDED = "ok", "unrecorded"
CHANGED, MISSING, ADDED = "changed", "missing", "added"
DIFFERENT = {CHANGED, MISSING, ADDED}
_AT_ONCE = 16


@dataclass(frozen=True)
class Verdict:
    """What became of an object: ok, changed, missing, added, or unrecorded, where the run had no time for its hash."""

    key: str
    what: str
    recorded: str | None = None
    found: str | None = None


def verify(ledger: Ledger, recorded: dict[str, Recorded]) -> list[Verdict]:
    """Hash everything of the run that is kept for long; give what became of each object. Raises botocore's errors."""
    keys = sorted({*recorded, *(key for key, _ in manifest.listed(ledger))})
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda key: _judge(ledger, key, recorded.get(key)), keys))


def told_lock(ledger: Ledger) -> str:
    """Say whether the bucket's Object Lock keeps anybody from changing what is in it."""
    lock = object_lock(ledger)
    if lock is None:
        return "not known: it cannot be asked"
    if not lock["on"]:
        return "off: whoever may write to the bucket may change both the ledger and its manifest"
    if not lock["mode"]:
        return "on, without a retention of its own: only objects that were given one are kept"
    length = f"{lock['days']} days" if lock["days"] else f"{lock['years']} years"
    return f"on: {lock['mode'].lower()}, {length}"


def _judge(ledger: Ledger, key: str, recorded: Recorded | None) -> Verdict:
    expected = recorded.sha256 if recorded else None
    try:
        found = manifest.sha256_of(ledger.s3, ledger.bucket, key)
    except KeyError:
        return Verdict(key, MISSING, expected)
    if recorded is None:
        what = ADDED
    elif expected is None:
        what = UNRECORDED
    else:
        what = OK if found == expected else CHANGED
    return Verdict(key, what, expected, found)
