"""Stories: the lines of the index put together, message by message: what it went through, under which ids."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.exceptions import ClientError

from redrive.stores.ledger import PAGES
from redrive.values.outcome import GONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from redrive.stores.ledger import Ledger

Line: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Backup:
    """Where a message's body is: the folder of a run's pages; `until` when, None if nobody may know."""

    run: str
    address: str
    until: datetime | None


@dataclass(frozen=True)
class Story:
    """One message's life over all runs, as far as it is recorded.

    ids      the message ids that it had, the first one first
    lines    the ledger's lines of it, the oldest first
    moves    runs in which SQS moved messages of its queue itself, and of which it may have been one: those that ended
             after it was last met, and those during which it was first sent, for then that id may be of SQS's making
    backups  where its body is, the newest first
    """

    ids: Sequence[str]
    lines: Sequence[Line]
    moves: Sequence[Line] = ()
    backups: Sequence[Backup] = field(default_factory=tuple)

    @property
    def key(self) -> str | None:
        """Its key, where a run had one for it."""
        return next((line["key"] for line in reversed(self.lines) if line["key"] is not None), None)

    @property
    def first_sent(self) -> datetime | None:
        """When it was first sent, in milliseconds since the epoch."""
        told = next((line["first_sent"] for line in self.lines if line["first_sent"] is not None), None)
        try:
            return None if told is None else datetime.fromtimestamp(told / 1000, UTC)
        except (ValueError, OverflowError, OSError):  # a time that nobody can write
            return None

    @property
    def is_gone(self) -> bool:
        """Whether the last that is known of it is that it was sent."""
        return self.lines[-1]["outcome"] in GONE

    def came_back(self) -> Iterator[tuple[Line, bool]]:
        """Give each line, and whether it is the first to tell that the message had come back after it was sent."""
        sent: set[str] = set()
        for line in self.lines:
            yield line, line["id"] in sent
            sent.discard(line["id"])
            if line["new_id"]:
                sent.add(line["new_id"])


def tell(lines: Iterable[Line], moved: Sequence[Line], ledger: Ledger) -> list[Story]:
    """Put lines, the oldest first, together to stories, the oldest first. Raises botocore's errors."""
    stories = list(_by_message(lines))
    backups = _backups(ledger, {line["run"] for story in stories for line in story.lines})
    return [
        Story(
            story.ids,
            story.lines,
            [move for move in moved if _may_have_taken(move, story)],
            [backups[run] for run in dict.fromkeys(line["run"] for line in reversed(story.lines)) if run in backups],
        )
        for story in stories
    ]


def _by_message(lines: Iterable[Line]) -> Iterator[Story]:
    """Two lines are of one message if they share an id."""
    first: dict[str, str] = {}

    def root(id_: str) -> str:
        while first.setdefault(id_, id_) != id_:
            first[id_] = first[first[id_]]
            id_ = first[id_]
        return id_

    lines = [line for line in lines if line["id"]]
    for line in lines:
        if line["new_id"]:
            first[root(line["new_id"])] = root(line["id"])
    found: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        found[root(line["id"])].append(line)
    for own in found.values():
        yield Story(_in_order(own), own)


def _in_order(lines: Sequence[Line]) -> list[str]:
    ids = dict.fromkeys(id_ for line in lines for id_ in (line["id"], line["new_id"]) if id_)
    return list(ids)


def _may_have_taken(move: Line, story: Story) -> bool:
    """Whether SQS may have moved the message in a run: SQS gives it a new id and a new time, and tells nobody of it.

    Between two lines it was not moved so: its id was followed from one to the other.
    """
    if move["queue"] not in {line["queue"] for line in story.lines}:
        return False
    began, ended, last = time_in(move["started"]), time_in(move["ended"]), time_in(story.lines[-1]["at"])
    if not (began and ended and last):
        return True
    return ended >= last or bool(story.first_sent and began <= story.first_sent <= ended)


def time_in(text: Any) -> datetime | None:
    """Read a time of a line; None where it is none."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _backups(ledger: Ledger, runs: Iterable[str]) -> dict[str, Backup]:
    found = {}
    days = _days_kept(ledger)
    for run in runs:
        folder = f"runs/{run}/{PAGES}/"
        pages = ledger.s3.list_objects_v2(Bucket=ledger.bucket, Prefix=folder, MaxKeys=1).get("Contents")
        if pages:
            until = None if days is None else _midnight_after(pages[0]["LastModified"] + timedelta(days=days))
            found[run] = Backup(run, f"s3://{ledger.bucket}/{folder}", until)
    return found


def _days_kept(ledger: Ledger) -> int | None:
    """Give for how many days the bucket keeps what holds messages, by its own rule; None where it tells none."""
    try:
        rules = ledger.s3.get_bucket_lifecycle_configuration(Bucket=ledger.bucket)["Rules"]
    except ClientError:
        return None
    days = [
        rule["Expiration"]["Days"] for rule in rules if _is_of_messages(rule) and "Days" in rule.get("Expiration", {})
    ]
    return min(days, default=None)


def _is_of_messages(rule: Any) -> bool:
    tag = rule.get("Filter", {}).get("Tag", {})
    return bool(rule.get("Status") == "Enabled" and f"{tag.get('Key')}={tag.get('Value')}" == "life=short")


def _midnight_after(at: datetime) -> datetime:
    """S3 rounds the end of an object's life to the next midnight, UTC."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1)
