"""The manifest: `manifest.json` of a run's ledger, the SHA-256 of everything in it that is kept for long.

    {"format": 1, "run": "<day>/<name>", "objects": [{"key", "sha256", "bytes"}, …]}

It covers the documents, the outcomes and the run's part of the index; `sha256` is hexadecimal, and null where there was
no time to ask for it. What holds messages is gone after days and not in it, and neither is the manifest itself, nor
what is made of the rest for people to look at (`report.html`).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from redrive.stores.ledger import FOREIGN, HELD, PAGES, VERDICTS, get

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mypy_boto3_s3 import S3Client

    from redrive.stores.ledger import Ledger

FORMAT = 1
NAME = "manifest"
THREADS = 32  # that ask S3 side by side, as many as a client's pool has connections
RESERVE_MS = 15_000  # of the step's time, for what comes after it
_CHUNK = 1_048_576  # bytes
_SHORT_LIVED = (f"{PAGES}/", f"{VERDICTS}/", f"{HELD}/")
_MADE_OF_THE_REST = {f"{NAME}.json", "report.html"}
_PART = re.compile(r"[0-9]{4,}\.jsonl\.gz")
_UNANSWERED = (ClientError, BotoCoreError, *FOREIGN)


@dataclass(frozen=True)
class Recorded:
    """An object as it is in the bucket, or was: its SHA-256 (hexadecimal; None for nobody asked) and its size."""

    key: str
    sha256: str | None
    bytes: int


def gather(ledger: Ledger, remaining_ms: Callable[[], int]) -> list[Recorded]:
    """Look up the SHA-256 of all that the run has left so far, while there is time. Never raises.

    S3 has computed it itself when the object was put, and tells it without its content.
    """
    try:
        found = sorted(listed(ledger))
    except _UNANSWERED:
        return []

    def look_up(item: tuple[str, int]) -> Recorded:
        key, size = item
        known = _told(ledger, key) if remaining_ms() > RESERVE_MS else None
        return Recorded(key, known, size)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(look_up, found))


def write(ledger: Ledger, gathered: Iterable[Recorded]) -> None:
    """Write the manifest: what was gathered, and the summary, which was written since. Never raises."""
    key = f"runs/{ledger.run}/summary.json"
    with contextlib.suppress(*_UNANSWERED):
        summary = get(ledger.s3, ledger.bucket, key)
        objects = {entry.key: entry for entry in gathered}
        objects[key] = Recorded(key, hashlib.sha256(summary).hexdigest(), len(summary))
        lines = [asdict(objects[key]) for key in sorted(objects)]
        ledger.write_document(NAME, {"format": FORMAT, "run": ledger.run, "objects": lines})


def parse(text: bytes) -> dict[str, Recorded]:
    """Read a manifest's text; gives what it recorded, by key. Raises ValueError when it is no manifest that we know."""
    try:
        document = json.loads(text)
        entries = [Recorded(str(line["key"]), line["sha256"], int(line["bytes"])) for line in document["objects"]]
        known = document["format"] == FORMAT
    except FOREIGN as error:
        raise ValueError("it is no manifest") from error
    if not known:
        raise ValueError(f"it has the format {document['format']!r}, and this tool knows {FORMAT}")
    return {entry.key: entry for entry in entries}


def listed(ledger: Ledger) -> Iterator[tuple[str, int]]:
    """List what a manifest of the run covers: keys and sizes."""
    folder = f"runs/{ledger.run}/"
    for key, size in _objects(ledger, folder):
        name = key.removeprefix(folder)
        if not name.startswith(_SHORT_LIVED) and name not in _MADE_OF_THE_REST:
            yield key, size
    day, _, run = ledger.run.partition("/")
    index = f"index/day={day}/{run}."
    for key, size in _objects(ledger, index):
        if _PART.fullmatch(key.removeprefix(index)):  # else it is of a run whose name begins with this one's
            yield key, size


def sha256_of(s3: S3Client, bucket: str, key: str) -> str:
    """Compute the SHA-256 of what stands in the bucket. Raises KeyError when there is no such object."""
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    except s3.exceptions.NoSuchKey as error:
        raise KeyError(key) from error
    digest = hashlib.sha256()
    for chunk in body.iter_chunks(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _objects(ledger: Ledger, prefix: str) -> Iterator[tuple[str, int]]:
    for batch in ledger.s3.get_paginator("list_objects_v2").paginate(Bucket=ledger.bucket, Prefix=prefix):
        for found in batch.get("Contents", []):
            yield found["Key"], found["Size"]


def _told(ledger: Ledger, key: str) -> str | None:
    """Ask S3 for the checksum that it has of the object; compute it where it has none. None if neither can be."""
    with contextlib.suppress(*_UNANSWERED):
        told = ledger.s3.head_object(Bucket=ledger.bucket, Key=key, ChecksumMode="ENABLED").get("ChecksumSHA256", "")
        if told and "-" not in told:  # with a hyphen it is the checksum of its parts' checksums
            return base64.b64decode(told).hex()
        return sha256_of(ledger.s3, ledger.bucket, key)
    return None
