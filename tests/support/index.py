"""The index of runs, as the clean contract has it: lines that tell of themselves, several gzip members in an object."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redrive.stores.ledger import Ledger


def line(run: str, id_: str, outcome: str, **more: Any) -> dict[str, Any]:
    """A line of the index. Without `at`, it is of the run's day."""
    return {
        "run": run,
        "queue": "orders-dlq",
        "source": "orders",
        "id": id_,
        "outcome": outcome,
        "reason": "",
        "new_id": None,
        "destination": None,
        "stamped": outcome == "sent",
        "first_sent": 1_763_700_000_000,
        "at": f"{run[:10]}T06:00:03.412+00:00",
        **more,
    }


def write_index(s3: Any, bucket: str, run: str, lines: Iterable[dict[str, Any]], *, part: int = 0) -> str:
    """Write a part of a run's index, each line a gzip member of its own; gives its key."""
    day, _, name = run.partition("/")
    key = f"index/day={day}/{name}.{part:04}.jsonl.gz"
    body = b"".join(gzip.compress(json.dumps(each).encode() + b"\n", 1) for each in lines)
    s3.put_object(Bucket=bucket, Key=key, Body=body)
    return key


def index_outcomes(ledger: Ledger, **common: Any) -> None:
    """Write the index of a run from its outcomes."""
    lines = [
        line(ledger.run, each["id"], each["outcome"]) | each | common
        for page in sorted(ledger.names("outcomes"))
        for each in ledger.read("outcomes", page)
    ]
    write_index(ledger.s3, ledger.bucket, ledger.run, lines)
