"""Moves: that SQS moved messages of a queue itself, in a run of which there is no record of single ones.

`moves/day=<YYYY-MM-DD>/<name>.json` has one line: {"run", "queue", "destination", "moved", "started", "ended"}.
`destination` is null where each message went to the queue that it came from. Whoever looks for a message over many runs
must know of these: it may have gone with one of them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redrive.stores.ledger import Ledger
    from redrive.values.summary import Summary

PREFIX = "moves/"


def write(ledger: Ledger, summary: Summary, moved: int) -> None:
    """Write that SQS moved messages itself, `moved` of them as it counted."""
    day, _, name = ledger.run.partition("/")
    line = {
        "run": ledger.run,
        "queue": summary.queue,
        "destination": summary.destination,
        "moved": moved,
        "started": summary.started,
        "ended": summary.ended,
    }
    ledger.s3.put_object(
        Bucket=ledger.bucket,
        Key=f"{PREFIX}day={day}/{name}.json",
        Body=json.dumps(line).encode() + b"\n",
        ContentType="application/x-ndjson",
        ChecksumAlgorithm="SHA256",
    )
