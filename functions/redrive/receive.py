"""Receive a page: fill it from the dead-letter queue with parallel long polls, and store it before anything else."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from redrive.count import IN_FLIGHT_LIMIT, IN_FLIGHT_MARGIN, count
from redrive.errors import PageGone
from redrive.lane import HOLD_ENDS, NEAR_LIMIT, Page
from redrive.ledger import HELD, PAGES
from redrive.messages import Message
from redrive.visibility import MARGIN, PAGES_AT_ONCE, VISIBILITY, change_visibility, still_ours

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from redrive.lane import Lane
    from redrive.ledger import Ledger
    from redrive.queues import Queue

HOLD = 3_600  # seconds that held messages are kept back at a time, once the first VISIBILITY is nearly over
# Seconds before a hold would lapse. A turn may send until MARGIN before its own page lapses, and then deletes.
RENEW = VISIBILITY - MARGIN // 2
MOST_HIDDEN = 12 * 3_600  # seconds from its receive, however often that is extended (docs/facts.md A1)
LONG_POLL = 1  # second: any long poll asks all of SQS's servers, a longer one only waits longer
FILL_TIME = 20  # seconds until a page is closed with what it has
PAGE_BYTES = 32 * 1024 * 1024
BATCH = 10  # SQS API, ReceiveMessage
MOST_TURNS = 500  # about 30 events a turn, of the 25,000 that an execution's history may hold


def receive_page(sqs: SQSClient, ledger: Ledger, queue: Queue, lane: Lane, *, retried: bool) -> Lane:
    """Start the lane's next turn with a page of messages; `lane.arrived` is false when the lane is done.

    `retried` tells that an earlier attempt at this very turn may have stored its page already.
    """
    if lane.error:
        # It stopped in an earlier round, and stays stopped.
        return replace(lane, arrived=False, go_on=False, more=False)
    lane = _next_turn(lane)
    lane = _knowing_held_since(ledger, lane)
    lane = _renew_hold(sqs, ledger, queue, lane)
    if ended := _why_end(lane):
        return _end(lane, ended)
    name = f"{lane.index}/{lane.round:03}-{lane.turn:04}"
    filling = (_stored(ledger, name) if retried else None) or _fill(sqs, queue, lane)
    if not filling.messages:
        return _end(lane, _why_dry(sqs, queue))
    if not filling.stored:
        lines = (message.to_json() | {"at": filling.started} for message in filling.messages.values())
        if not ledger.write_once(PAGES, name, lines):
            filling = _give_way(sqs, ledger, queue, name, filling)
    page = Page(name, received=len(filling.messages), lapses=filling.started + VISIBILITY)
    # Before its first page nothing is held: all lanes begin together.
    lane = replace(lane, page=page, arrived=True, held_since=lane.held_since or filling.started)
    # A FIFO queue shows a group's next messages only after the deletion of these: it is dry when nothing arrives.
    if filling.dry and not queue.fifo:
        return replace(lane, go_on=False, why=_why_dry(sqs, queue))
    if lane.turn >= MOST_TURNS:
        return replace(lane, go_on=False, more=True, why="its history is long enough")
    return lane


def _next_turn(lane: Lane) -> Lane:
    if lane.go_on:
        return replace(lane, turn=lane.turn + 1, wait=False)
    return replace(lane, round=lane.round + 1, turn=1, go_on=True, more=False, why="", wait=False)


def _end(lane: Lane, why: str) -> Lane:
    return replace(lane, page=Page(), arrived=False, go_on=False, more=False, why=why)


def _why_end(lane: Lane) -> str:
    if lane.share == 0:
        return "the limit is reached"
    if lane.counts["received"] - lane.counts["deleted"] + lane.page_size > lane.room:
        return NEAR_LIMIT
    if _hold_ends(lane):
        return HOLD_ENDS
    return ""


def _why_dry(sqs: SQSClient, queue: Queue) -> str:
    # At the limit a long poll brings no message, and no error either (docs/facts.md A1).
    full = count(sqs, queue.url)["in_flight"] >= IN_FLIGHT_LIMIT - IN_FLIGHT_MARGIN
    return NEAR_LIMIT if full else "drained"


@dataclass
class _Filling:
    """A page while it fills. Shared by the pollers, under `lock`."""

    started: float
    room: int
    messages: dict[str, Message] = field(default_factory=dict)
    bytes: int = 0
    asked_for: int = 0
    empty_polls: int = 0
    dry: bool = False
    stored: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def claim(self) -> int:
        """Claim places for one poll: how many messages it may ask for; 0 when the page is full."""
        with self.lock:
            if self.bytes >= PAGE_BYTES or time.time() - self.started > FILL_TIME:
                return 0
            places = min(BATCH, self.room - len(self.messages) - self.asked_for)
            self.asked_for += places
            return places

    def put(self, places: int, arrived: list[Message]) -> None:
        """Put in what one poll of `places` brought. A repeated message keeps its place, with its newer handle."""
        with self.lock:
            self.asked_for -= places
            self.empty_polls += not arrived
            for message in arrived:
                self.messages[message.id] = message
                self.bytes += message.bytes


def _fill(sqs: SQSClient, queue: Queue, lane: Lane) -> _Filling:
    size = lane.page_size if lane.share is None or lane.sifts else min(lane.page_size, lane.share)
    filling = _Filling(started=time.time(), room=size)

    def ask(wait: int) -> bool:
        """Ask once; tell whether it is worth asking again."""
        places = filling.claim()
        if places <= 0:
            return False
        answer = sqs.receive_message(
            QueueUrl=queue.url,
            MaxNumberOfMessages=places,
            WaitTimeSeconds=wait,
            VisibilityTimeout=VISIBILITY,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        arrived = [Message.from_sqs(received) for received in answer.get("Messages", [])]
        filling.put(places, arrived)
        return bool(arrived)

    def poll(wait: int) -> None:
        while ask(wait):
            pass

    # A FIFO queue has shown all it will until these are deleted as soon as one answer is empty: only the first waits.
    if queue.fifo and not ask(LONG_POLL):
        return filling
    with ThreadPoolExecutor(lane.pollers) as pool:
        for done in [pool.submit(poll, 0 if queue.fifo else LONG_POLL) for _ in range(lane.pollers)]:
            done.result()
    # Dry only when every poller's last long poll came back empty: one alone may have been unlucky.
    filling.dry = filling.empty_polls == lane.pollers
    return filling


def _give_way(sqs: SQSClient, ledger: Ledger, queue: Queue, name: str, filling: _Filling) -> _Filling:
    """Take the page that another attempt at this turn has stored first, and let what this one received show again.

    Lambda may run a step whose answer was lost to its end, while the state machine has begun its retry.
    """
    stored = _read(ledger, name)
    spare = [{"handle": message.handle} for message in filling.messages.values() if message.id not in stored.messages]
    change_visibility(sqs, queue.url, spare, 0)
    return stored


def _stored(ledger: Ledger, name: str) -> _Filling | None:
    try:
        return _read(ledger, name)
    except PageGone:
        return None


def _read(ledger: Ledger, name: str) -> _Filling:
    lines = ledger.read(PAGES, name)
    messages = {line["id"]: Message.from_json(line) for line in lines}
    return _Filling(started=lines[0]["at"], room=0, messages=messages, stored=True)


def _knowing_held_since(ledger: Ledger, lane: Lane) -> Lane:
    """Look up since when messages are held, when that begins to matter.

    By any lane of the run: what one of them holds would come back to all of them.
    """
    if not _hold_ends(lane):
        return lane
    in_hand = time.time() - VISIBILITY  # pages that are not settled yet, in whichever lane, are no older
    oldest: dict[str, str] = {}
    for page in ledger.names(HELD):
        oldest.setdefault(page.split("/")[0], page)
    return replace(lane, held_since=min([in_hand, *(ledger.read(PAGES, page)[0]["at"] for page in oldest.values())]))


def _hold_ends(lane: Lane) -> bool:
    """Tell whether a hold that was renewed now, or a little later, could reach past what SQS allows."""
    return lane.held_since is not None and time.time() > lane.held_since + MOST_HIDDEN - HOLD - RENEW


def _renew_hold(sqs: SQSClient, ledger: Ledger, queue: Queue, lane: Lane) -> Lane:
    if _hold_ends(lane):
        return lane
    if _is_near(lane.renewed_until):
        lane = replace(lane, renewed_until=None, renewed_to="")  # it is the turn of all of them again
    elif not _is_near(lane.held_until):
        return lane
    pages = [page for page in ledger.names(HELD, lane.index) if page > lane.renewed_to]
    with ThreadPoolExecutor(PAGES_AT_ONCE) as pool:
        holds = [lane.renewed_until, *pool.map(lambda page: _renew_page(sqs, ledger, queue, page), pages)]
    until = min((until for until in holds if until), default=None)
    return replace(lane, held_until=None, renewed_until=until, renewed_to=max(pages, default=lane.renewed_to))


def _is_near(lapses: float | None) -> bool:
    return lapses is not None and time.time() >= lapses - RENEW


def _renew_page(sqs: SQSClient, ledger: Ledger, queue: Queue, page: str) -> float | None:
    """Renew a page's hold, and record until when; None when nothing of it is held any more."""
    held = ledger.read(HELD, page)
    until = time.time() + HOLD
    # What shows already may be in another run's hands by now: it is not hidden again.
    renewed = change_visibility(sqs, queue.url, [line for line in held if still_ours(line["lapses"])], HOLD)
    if not renewed:
        return None
    handles = {line["handle"] for line in renewed}
    ledger.write(HELD, page, (line | {"lapses": until} if line["handle"] in handles else line for line in held))
    return until
