"""The index: the outcomes of a whole run in few objects, by day, for whoever looks for a message over many runs.

`index/day=<YYYY-MM-DD>/<name>.<part>.jsonl.gz` is nothing but the run's outcome objects one after another: a gzip file
may have several members (RFC 1952, 2.2). Like outcomes it has a long life, and no body in it.
"""

from __future__ import annotations

import gzip
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from redrive.stores.ledger import FOREIGN, OUTCOMES, get
from redrive.values.run import name_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from redrive.stores.ledger import Ledger

PAGES_IN_A_PART = 200  # some 10 MiB, which is held in memory
THREADS = 8  # that read outcomes side by side
_CHUNK = 1_048_576  # bytes of an object's lines that are looked at, at once
_KEY = re.compile(r"index/day=(?P<day>\d{4}-\d\d-\d\d)/(?P<name>.+)\.(?P<part>\d{4,})\.jsonl\.gz")


@dataclass(frozen=True)
class Indexed:
    """How many of a run's closed pages are in the index, of `pages` in all; `unreadable` ones are left out."""

    pages: int = 0
    indexed: int = 0
    unreadable: int = 0


def write(ledger: Ledger, goes_on: Callable[[], bool]) -> Indexed:
    """Write a run's index, part by part while `goes_on`. May be repeated: the same pages make the same parts."""
    names = sorted(ledger.names(OUTCOMES))
    indexed = unreadable = 0
    with ThreadPoolExecutor(THREADS) as pool:
        for part, start in enumerate(range(0, len(names), PAGES_IN_A_PART)):
            if not goes_on():
                break
            read = list(pool.map(lambda name: _whole(ledger, name), names[start : start + PAGES_IN_A_PART]))
            if members := [member for member in read if member]:
                _put(ledger, part, members)
            indexed += len(members)
            unreadable += len(read) - len(members)
    return Indexed(len(names), indexed, unreadable)


def parts(ledger: Ledger, days: Sequence[str], name: str = "") -> Iterator[str]:
    """List the keys of all parts of the runs that began on these days (UTC, `YYYY-MM-DD`), or of those named so."""
    for day in days:
        listed = ledger.s3.get_paginator("list_objects_v2").paginate(
            Bucket=ledger.bucket, Prefix=f"index/day={day}/{name}"
        )
        for batch in listed:
            yield from (item["Key"] for item in batch.get("Contents", []) if _KEY.fullmatch(item["Key"]))


def lines(ledger: Ledger) -> Iterator[dict[str, Any]]:
    """Give what became of each message of a run, as its outcomes say, in few reads where its index is whole.

    What cannot be read is passed over.
    """
    names = sorted(ledger.names(OUTCOMES))
    keys = [key_of(ledger.run, part) for part in range(ceil(len(names) / PAGES_IN_A_PART))]
    day = ledger.run.partition("/")[0]
    if len(keys) < len(names) and set(keys) <= set(parts(ledger, [day], name_in(ledger.run))):
        for key in keys:
            yield from _lines(get(ledger.s3, ledger.bucket, key))
        return
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(names), PAGES_IN_A_PART):
            for member in pool.map(lambda name: _whole(ledger, name), names[start : start + PAGES_IN_A_PART]):
                yield from _lines(member or b"")


def key_of(run: str, part: int) -> str:
    """Give the key of a part of a run's index."""
    day, _, name = run.partition("/")
    return f"index/day={day}/{name}.{part:04}.jsonl.gz"


def _put(ledger: Ledger, part: int, members: Sequence[bytes]) -> None:
    ledger.s3.put_object(
        Bucket=ledger.bucket,
        Key=key_of(ledger.run, part),
        Body=b"".join(members),
        ContentType="application/x-ndjson",
        ChecksumAlgorithm="SHA256",
    )


def _whole(ledger: Ledger, page: str) -> bytes | None:
    """Read the outcomes of a page as they are stored; None when they are no gzip: they would spoil the whole part."""
    try:
        body = get(ledger.s3, ledger.bucket, ledger.page_key(OUTCOMES, page))
        with gzip.open(io.BytesIO(body)) as file:
            while file.read(_CHUNK):
                pass
    except FOREIGN:
        return None
    return body


def _lines(body: bytes) -> Iterator[dict[str, Any]]:
    with gzip.open(io.BytesIO(body)) as file:
        for text in file:
            try:
                line = json.loads(text)
            except FOREIGN:
                continue
            if isinstance(line, dict):
                yield line
