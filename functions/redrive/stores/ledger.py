"""The ledger: what a run leaves under `runs/<day>/<name>/` in the bucket, and how its steps hand each other a page.

    request.json, plan.json, summary.json, manifest.json
    pages/<page>.jsonl.gz      the messages, as received: the backup (short life)
    verdicts/<page>.jsonl.gz   what the filter decided, with new bodies (short life)
    held/<page>.jsonl.gz       receipt handles of what is to become visible, and until when it is held (short life)
    declared/<page>.jsonl.gz   ids of what a restore is about to send (short life)
    restored/<run>.json        which run restores messages of this one, and to where
    archive/<page>.jsonl.gz    the messages that were discarded, to be restored (a life of its own)
    outcomes/<page>.jsonl.gz   what became of each message; never a body (long life)

Beside the runs, `stores.index` keeps the outcomes of each run in few objects.

A page's name is `<lane>/<round>-<turn>`. Every object is written whole in one PutObject: it is there, or it is not. And
a page never changes after its first write: verdicts, journal and outcomes name messages by position.
"""

from __future__ import annotations

import functools
import gzip
import io
import json
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from botocore.exceptions import ClientError

from redrive.values.errors import PageGone, PageUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mypy_boto3_s3 import S3Client

PAGES, VERDICTS, HELD, OUTCOMES, ARCHIVE = "pages", "verdicts", "held", "outcomes", "archive"
DECLARED, RESTORED = "declared", "restored"
SHORT_LIFE = "life=short"  # the bucket's lifecycle rule finds by this tag what holds messages, or is of no use for long
_LIVES = {OUTCOMES: None, ARCHIVE: "life=archive"}  # of the others: short
_FAST = 1  # gzip's fastest level: pages are read once or twice, and time is what a lane has least of
_MISSING = {"NoSuchKey", "404"}
_SUFFIX = ".jsonl.gz"
_PAGE = re.compile(r"\d+/\d+-\d+")
# What comes of reading what we did not write, or not so.
FOREIGN = (
    ValueError,  # no JSON, no text, no base64, no such outcome
    LookupError,  # a field, or all of it, is missing
    TypeError,
    AttributeError,
    RecursionError,
    OverflowError,
    EOFError,
    zlib.error,
    gzip.BadGzipFile,
)
P = ParamSpec("P")
Read = TypeVar("Read")


def legible(read: Callable[P, Read]) -> Callable[P, Read]:
    """Let a reader of stored objects raise PageUnreadable where one is not what we wrote, whatever it is instead."""

    @functools.wraps(read)
    def reader(*args: P.args, **kwargs: P.kwargs) -> Read:
        try:
            return read(*args, **kwargs)
        except FOREIGN as error:
            what = type(error).__name__  # and no more: the error's own text may quote what stands there
            raise PageUnreadable(f"an object in the bucket cannot be read ({what}).") from error

    return reader


def life_of(kind: str) -> str | None:
    """Give the tag by which the bucket's lifecycle finds a page's `kind`; None for what lives as long as the ledger."""
    return _LIVES.get(kind, SHORT_LIFE)


@dataclass(frozen=True)
class Ledger:
    """One run's part of the bucket. `run` is its identity, `<day>/<name>` (`values.run`)."""

    s3: S3Client
    bucket: str
    run: str

    @property
    def address(self) -> str:
        """Where the ledger is, for people."""
        return f"s3://{self.bucket}/runs/{self.run}/"

    def of(self, run: str) -> Ledger:
        """Give another run's."""
        return Ledger(self.s3, self.bucket, run)

    def write(self, kind: str, page: str, lines: Iterable[dict[str, Any]]) -> None:
        """Write the lines of one page's `kind`."""
        self._write(kind, page, lines)

    def write_once(self, kind: str, page: str, lines: Iterable[dict[str, Any]]) -> bool:
        """Write them unless the page has some. True if this call created the object."""
        return created(lambda: self._write(kind, page, lines, IfNoneMatch="*"))

    def _write(self, kind: str, page: str, lines: Iterable[dict[str, Any]], **condition: Any) -> None:
        body = io.BytesIO()
        with gzip.open(body, "wb", _FAST) as file:  # line by line, as it is read
            for line in lines:
                file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        life = life_of(kind)
        # What is kept for long has a SHA-256 in S3 from its first moment on: the manifest asks for it.
        tags: dict[str, Any] = {"Tagging": life} if life else {"ChecksumAlgorithm": "SHA256"}
        self.s3.put_object(
            Bucket=self.bucket,
            Key=self.page_key(kind, page),
            Body=body.getvalue(),
            ContentType="application/x-ndjson",
            **tags,
            **condition,
        )

    def read(self, kind: str, page: str) -> list[dict[str, Any]]:
        """Read the lines of one page's `kind`. Raises PageGone when there is none."""
        try:
            return _lines(get(self.s3, self.bucket, self.page_key(kind, page)))
        except KeyError as error:
            raise PageGone(
                f"page {page} has no {kind} in the bucket; its messages become visible by themselves."
            ) from error

    def names(self, kind: str, lane: int | None = None) -> Iterator[str]:
        """List the pages that have a `kind`, of one lane or of all. What is no page's object is passed over."""
        folder = f"runs/{self.run}/{kind}/"
        prefix = folder if lane is None else f"{folder}{lane}/"
        for batch in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            for found in batch.get("Contents", []):
                name, dot, suffix = found["Key"].removeprefix(folder).partition(".")
                if _PAGE.fullmatch(name) and f"{dot}{suffix}" == _SUFFIX:
                    yield name

    def write_document(self, name: str, document: dict[str, Any]) -> None:
        """Write `request`, `plan`, `summary` or `manifest`, for people to read."""
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        key = f"runs/{self.run}/{name}.json"
        self.s3.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=text.encode(errors="backslashreplace"),  # half a character has no UTF-8, and this is JSON's own escape
            ContentType="application/json",
            ChecksumAlgorithm="SHA256",
        )

    def read_document(self, name: str) -> dict[str, Any]:
        """Read what `write_document` wrote. Raises KeyError when there is none, and PageUnreadable."""
        return _document(get(self.s3, self.bucket, f"runs/{self.run}/{name}.json"))

    def has_document(self, name: str) -> bool:
        """Whether `write_document` has written it; what nobody can read does not count."""
        try:
            self.read_document(name)
        except (KeyError, PageUnreadable):
            return False
        return True

    def page_key(self, kind: str, page: str) -> str:
        """Give the key of the object that has a page's `kind`."""
        return f"runs/{self.run}/{kind}/{page}{_SUFFIX}"


def get(s3: S3Client, bucket: str, key: str) -> bytes:
    """Read an object. Raises KeyError when there is none."""
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            raise KeyError(key) from error
        raise


def created(put: Any) -> bool:
    """Put an object under the condition that there is none. True if this call created it."""
    try:
        put()
    except ClientError as error:
        # S3 answers 412 when the key exists (docs/facts.md H).
        if error.response["Error"]["Code"] == "PreconditionFailed":
            return False
        raise
    return True


@legible
def _document(body: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(body)
    if not isinstance(document, dict):
        raise TypeError
    return document


def _lines(body: bytes) -> list[dict[str, Any]]:
    # Line by line, and never the whole text: it may be some times as large as what it says.
    with gzip.open(io.BytesIO(body)) as file:
        lines = [json.loads(line) for line in file]
    if not lines:
        raise EOFError  # nothing of ours is written without a line
    return lines
