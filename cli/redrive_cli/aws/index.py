"""The index: the outcomes of all runs, fetched once, and asked here.

An object of the index is not changed once it is written, so it is fetched once, and kept beside its ETag as Parquet, in
which DuckDB finds a line among millions in less than a second. What the bucket no longer has is not looked at.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from redrive.stores import moves
from redrive.stores.ledger import FOREIGN, get
from redrive_cli.aws.outcomes import forms_of
from redrive_cli.cache import name_for
from redrive_cli.errors import CliError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from redrive.stores.ledger import Ledger

Line: TypeAlias = dict[str, Any]

_OUTCOMES = {
    **dict.fromkeys(("run", "queue", "source", "id", "key", "outcome", "reason", "new_id", "destination"), "VARCHAR"),
    "first_sent": "BIGINT",
    "at": "VARCHAR",
}
_MOVES = {
    **dict.fromkeys(("run", "queue", "destination", "started", "ended"), "VARCHAR"),
    "moved": "BIGINT",
}
_AT_ONCE = 16  # objects that are fetched side by side
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")  # of which DuckDB takes none that has no other half
_VERSION = "1"  # of what is kept; another is fetched anew


@dataclass(frozen=True)
class Fetched:
    """The index of the runs since a day: its files here, how many objects had to be fetched, which cannot be read."""

    outcomes: Sequence[Path]
    moves: Sequence[Path]
    fetched: int
    unreadable: Sequence[str]


@dataclass(frozen=True)
class _Object:
    key: str
    etag: str
    columns: dict[str, str]

    @property
    def file(self) -> str:
        return f"{name_for(_VERSION, self.key, self.etag)}.parquet"


class Index:
    """The index of a stack's runs, kept in `folder`."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self._ledger, self._folder = ledger, folder
        try:
            import duckdb  # noqa: PLC0415  large, and only this needs it
        except ImportError as error:
            raise CliError("duckdb is not installed.", "Install it beside redrive: pip install duckdb") from error
        self._db: DuckDBPyConnection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
        self._error = duckdb.Error

    def fetch(self, since: datetime | None) -> Fetched:
        """Fetch what is not here yet of the runs that began on that day or later. Raises botocore's errors."""
        objects = [*self._listed("index/", _OUTCOMES, since), *self._listed(moves.PREFIX, _MOVES, since)]
        missing = [each for each in objects if not (self._folder / each.file).exists()]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            kept = list(pool.map(self._keep, missing))
        unreadable = {each.key for each, there in zip(missing, kept, strict=True) if not there}
        if since is None:
            self._forget_others({each.file for each in objects})
        readable = [each for each in objects if each.key not in unreadable]
        outcomes, moved = (
            [self._folder / each.file for each in readable if each.columns is columns]
            for columns in (_OUTCOMES, _MOVES)
        )
        return Fetched(outcomes, moved, len(missing), sorted(unreadable))

    def follow(self, fetched: Fetched, text: str) -> list[Line]:
        """Give the lines of every message that the text is the id or the key of, in any run, as whatever id.

        A message that is sent gets a new id, by which a later run may have met it again: ids are followed both ways.
        """
        forms = list(forms_of(text))
        found = self._lines(fetched.outcomes, "id IN $texts OR new_id IN $texts OR key IN $texts", forms)
        known: set[str] = set()
        lines = {_identity(line): line for line in found}
        while ids := {line[name] for line in lines.values() for name in ("id", "new_id") if line[name]} - known:
            known |= ids
            for line in self._lines(fetched.outcomes, "id IN $texts OR new_id IN $texts", sorted(ids)):
                lines[_identity(line)] = line
        return sorted(lines.values(), key=lambda line: (str(line["at"]), str(line["run"]), str(line["id"])))

    def moved(self, fetched: Fetched) -> list[Line]:
        """Give the runs in which SQS moved messages itself, the oldest first."""
        return self._asked(fetched.moves, "SELECT * FROM read_parquet($files) ORDER BY started", {})

    def size(self, fetched: Fetched) -> tuple[int, int]:
        """Count the runs and the lines of the index."""
        asked = "SELECT count(DISTINCT run) AS runs, count(*) AS lines FROM read_parquet($files)"
        (found,) = self._asked(fetched.outcomes, asked, {}) or [{"runs": 0, "lines": 0}]
        return found["runs"], found["lines"]

    def _lines(self, files: Sequence[Path], which: str, texts: Iterable[str]) -> list[Line]:
        which = which.replace("IN $texts", "IN (SELECT unnest($texts))")
        shown = [text.encode(errors="replace").decode() for text in texts]
        return self._asked(files, f"SELECT DISTINCT * FROM read_parquet($files) WHERE {which}", {"texts": shown})  # noqa: S608

    def _asked(self, files: Sequence[Path], query: str, given: dict[str, Any]) -> list[Line]:
        if not files:
            return []
        try:
            answer = self._db.execute(query, {"files": [str(file) for file in files], **given})
            names = [column[0] for column in answer.description or []]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
        except self._error as error:
            raise CliError(
                f"What is kept of the index cannot be read: {str(error).splitlines()[0]}.",
                f"Delete {self._folder}, or do without it once: --no-cache",
            ) from error

    def _listed(self, prefix: str, columns: dict[str, str], since: datetime | None) -> Iterator[_Object]:
        first = f"{prefix}day={since:%Y-%m-%d}" if since else prefix
        pages = self._ledger.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._ledger.bucket, Prefix=prefix, StartAfter=first
        )
        for page in pages:
            yield from (_Object(found["Key"], found["ETag"], columns) for found in page.get("Contents", []))

    def _keep(self, wanted: _Object) -> bool:
        """Fetch an object and keep its lines; False when it cannot be read. What is half written has another name."""
        target = self._folder / wanted.file
        lines, half = (target.with_suffix(f".{secrets.token_hex(8)}.{kind}") for kind in ("jsonl", "half"))
        try:
            _write_lines(get(self._ledger.s3, self._ledger.bucket, wanted.key), lines)
            columns = ", ".join(f"\"{name}\": '{kind}'" for name, kind in wanted.columns.items())
            self._db.cursor().execute(
                f"COPY (SELECT * FROM read_json($lines, format = 'newline_delimited', columns = {{{columns}}}, "  # noqa: S608
                "ignore_errors = true) WHERE run IS NOT NULL) TO $half (FORMAT parquet, COMPRESSION zstd)",
                {"lines": str(lines), "half": str(half)},
            )
            half.replace(target)
        except (self._error, *FOREIGN):
            return False
        finally:
            lines.unlink(missing_ok=True)
            half.unlink(missing_ok=True)
        return True

    def _forget_others(self, files: set[str]) -> None:
        """Delete what is kept of objects that the bucket no longer has."""
        for entry in os.scandir(self._folder):
            if entry.name.endswith(".parquet") and entry.name not in files:
                os.unlink(entry.path)  # noqa: PTH108


def _write_lines(body: bytes, to: Path) -> None:
    """Write an object's lines as DuckDB takes them: whole characters alone. Raises what is in FOREIGN."""
    with (
        gzip.open(io.BytesIO(body)) if body.startswith(b"\x1f\x8b") else io.BytesIO(body) as lines,
        to.open("wb") as file,
    ):
        for line in lines:
            if _HALF_CHARACTER.search(line):
                file.write(json.dumps(json.loads(line), ensure_ascii=False).encode(errors="replace") + b"\n")
            else:
                file.write(line)


def _identity(line: Line) -> tuple[Any, ...]:
    return tuple(line.values())
