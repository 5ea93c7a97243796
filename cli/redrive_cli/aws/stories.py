"""Stories: the lines of the index put together, message by message: what it went through, under which ids."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.exceptions import ClientError

from redrive.stores.ledger import ARCHIVE, PAGES, life_of
from redrive.values.outcome import ARRIVED, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from redrive.stores.ledger import Ledger

Line: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Backup:
    """Where a message's body is: the folder of a run's pages or archive; `until` when, None if nobody may know."""

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
    def has_arrived(self) -> bool:
        """Whether the last that is known of it is that it was sent."""
        return self.lines[-1]["outcome"] in ARRIVED

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
    backups = _backups(ledger, {(line["run"], _keeper(line)) for story in stories for line in story.lines})
    return [
        Story(
            story.ids,
            story.lines,
            [move for move in moved if _may_have_taken(move, story)],
            [
                backups[place]
                for place in dict.fromkeys((line["run"], _keeper(line)) for line in reversed(story.lines))
                if place in backups
            ],
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


def _keeper(line: Line) -> str:
    """What of a run keeps the body: what was discarded is in the archive, which is kept for longer."""
    return ARCHIVE if line["outcome"] == Outcome.DISCARDED else PAGES


def _backups(ledger: Ledger, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Backup]:
    found = {}
    days = _days_kept(ledger)
    for run, kind in places:
        folder = f"runs/{run}/{kind}/"
        stored = ledger.s3.list_objects_v2(Bucket=ledger.bucket, Prefix=folder, MaxKeys=1).get("Contents")
        if stored:
            kept = days.get(life_of(kind) or "")
            until = None if kept is None else _midnight_after(stored[0]["LastModified"] + timedelta(days=kept))
            found[run, kind] = Backup(run, f"s3://{ledger.bucket}/{folder}", until)
    return found


def _days_kept(ledger: Ledger) -> dict[str, int]:
    """Give for how many days the bucket keeps what has which tag, by its own rules."""
    try:
        rules = ledger.s3.get_bucket_lifecycle_configuration(Bucket=ledger.bucket)["Rules"]
    except ClientError:
        return {}
    days: dict[str, int] = {}
    for rule in rules:
        tag, kept = rule.get("Filter", {}).get("Tag", {}), rule.get("Expiration", {}).get("Days")
        if rule.get("Status") == "Enabled" and tag and kept is not None:
            name = f"{tag.get('Key')}={tag.get('Value')}"
            days[name] = min(kept, days.get(name, kept))
    return days


def _midnight_after(at: datetime) -> datetime:
    """S3 rounds the end of an object's life to the next midnight, UTC."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1)
