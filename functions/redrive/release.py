"""Release what was held: make every message that stays in the dead-letter queue visible again, at the end of a run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from redrive.count import count
from redrive.delete import finish
from redrive.errors import PageGone, WaveInFlight, explain
from redrive.lane import Lane, few, no_counts
from redrive.ledger import HELD, OUTCOMES, PAGES
from redrive.messages import Message
from redrive.metering import add
from redrive.outcomes import FAILED, GONE, SENT, STILL_SENDING, Outcome, blame, tally, write
from redrive.send import Destinations, cut, outcomes_of, pack, read_page
from redrive.unsettled import marks, take_away, wave_key, waves_of
from redrive.visibility import PAGES_AT_ONCE, VISIBILITY, change_visibility, still_ours

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from redrive.journal import Answers, Journal
    from redrive.ledger import Ledger
    from redrive.queues import Queue
    from redrive.unsettled import Mark


def release(
    sqs: SQSClient, ledger: Ledger, journal: Journal, destinations: Destinations, state: dict[str, Any]
) -> dict[str, Any]:
    """Settle the pages that were left unsettled, finish their deletions, and let everything still held show again.

    `state` is the run's: its request, lanes, `started`, perhaps `failure`. Works from the ledger, so it serves as well
    when the lanes themselves are lost; and it may be repeated. Gives `{"released": messages that show again}`,
    and where a lane stopped, was lost or left a deletion undone also the `counts` and `reasons`, counted anew from the
    ledger.
    """
    lanes = [Lane.from_json(lane) for lane in state["plan"]["drain"]["lanes"]]
    stopped = {lane.index: explain(lane.error)[1] for lane in lanes if lane.error}
    lost = explain(state["failure"])[1] if "failure" in state else "its lane was lost."
    queue = destinations.queue
    unfinished = marks(ledger, queue.name, ledger.run)
    marked = {mark.page: mark for mark in unfinished}
    settled = set(ledger.names(OUTCOMES))
    unsettled = sorted(set(ledger.names(PAGES)) - settled)
    for page in unsettled:
        why = stopped.get(int(page.split("/")[0]), lost)
        _close(ledger, journal, destinations, page, marked.get(page), why)
    undeleted = 0
    for mark in unfinished:
        try:
            wanted, deleted = finish(sqs, ledger, queue, mark.page)
        except PageGone:
            continue  # its page was gone before it could be settled: its mark tells the next run what was sent
        undeleted += wanted - deleted
    released, lapsed = 0, set()
    with ThreadPoolExecutor(PAGES_AT_ONCE) as pool:
        for lines in pool.map(lambda page: _let_go(sqs, ledger, queue, page), ledger.names(HELD)):
            released += sum(line.get("released", False) for line in lines)
            lapsed |= {line["id"] for line in lines if not line.get("released")}
    # A page may be left though no lane stopped: one that an outlived attempt stored when its retry had found nothing.
    if not stopped and not unfinished and not unsettled and "failure" not in state:
        if not state["request"].get("preview"):
            _forget_what_was_seen(sqs, ledger, queue, lanes, state["started"], released)
        return {"released": released}
    return {"released": released, **_recount(ledger, undeleted, lapsed)}


def _let_go(sqs: SQSClient, ledger: Ledger, queue: Queue, page: str) -> list[dict[str, Any]]:
    """Let what is still held of a page show again; give its lines, where `released` tells what was let go.

    That is recorded: a release that is repeated must not uncover what another run has received in the meantime.
    """
    lines = ledger.read(HELD, page)
    ours = [line for line in lines if not line.get("released") and still_ours(line["lapses"])]
    if ours:
        handles = {line["handle"] for line in change_visibility(sqs, queue.url, ours, 0)}
        lines = [line | {"released": True} if line["handle"] in handles else line for line in lines]
        ledger.write(HELD, page, lines)
    return lines


def _close(
    ledger: Ledger, journal: Journal, destinations: Destinations, page: str, mark: Mark | None, why: str
) -> None:
    """Settle a page whose step died: what the journal knows was sent is sent, and no wave of it is sent any more.

    `mark` is the page's, if it has one: without it, no wave was begun.
    """
    lapses = ledger.read(PAGES, page)[0]["at"] + VISIBILITY
    try:
        contents, verdicts = read_page(ledger, page)
    except PageGone:  # it was never judged, or its verdicts are gone
        _close_without_verdicts(ledger, journal, page, waves_of(ledger, mark) if mark else 0, why, lapses)
        return
    parcels, answers = pack(contents, verdicts, destinations, ledger.run)
    hidden: set[int] = set()
    for number, wave in enumerate(cut(parcels, in_order=destinations.queue.fifo)):
        unsent = [parcel.answer(error=why) for batch in wave for parcel in batch]

        def not_sent(unsent: Answers = unsent) -> Answers:
            return unsent

        try:
            # Recording the wave as not sent also stops a function that outlived its run from sending it now.
            answers += journal.once(wave_key(ledger.run, page, number), not_sent)
        except WaveInFlight:
            answers += [{**answer, "error": STILL_SENDING} for answer in unsent]
            hidden |= {answer["place"] for answer in unsent}
    outcomes = outcomes_of(contents, verdicts, parcels, answers, ledger.run)
    write(ledger, page, contents, outcomes, lapses, frozenset(hidden))


def _close_without_verdicts(ledger: Ledger, journal: Journal, page: str, waves: int, why: str, lapses: float) -> None:
    contents = [Message.from_json(line) for line in ledger.read(PAGES, page)]
    sent: dict[int, str] = {}
    hidden: frozenset[int] = frozenset()
    for number in range(waves):
        try:
            answers = journal.once(wave_key(ledger.run, page, number), list)
        except WaveInFlight:
            # Which messages are in it, only the verdicts knew.
            why, hidden = STILL_SENDING, frozenset(range(len(contents)))
        else:
            sent |= {answer["place"]: answer["id"] for answer in answers if "id" in answer}
    outcomes = [
        Outcome(message.id, SENT, new_id=sent[place]) if place in sent else Outcome(message.id, FAILED, why)
        for place, message in enumerate(contents)
    ]
    write(ledger, page, contents, outcomes, lapses, hidden)


def _recount(ledger: Ledger, undeleted: int, lapsed: set[str]) -> dict[str, Any]:
    """Count the outcomes in the ledger, each message once.

    Only a message whose hold `lapsed` (ids; no more than were held) can have come into this run's hands again.
    """
    counts: dict[str, int] = no_counts()
    reasons: dict[str, int] = {}
    again: dict[str, Outcome] = {}
    for page in ledger.names(OUTCOMES):
        outcomes = [Outcome.from_json(line) for line in ledger.read(OUTCOMES, page)]
        for outcome in outcomes:
            if outcome.id in lapsed:
                again[outcome.id] = max(again.get(outcome.id, outcome), outcome, key=_weight)
        once = [outcome for outcome in outcomes if outcome.id not in lapsed]
        counts = add(counts, tally(once))
        reasons = few(add(reasons, blame(once)))
    counts = add(counts, tally(list(again.values())))
    reasons = few(add(reasons, blame(list(again.values()))))
    return {"counts": {**counts, "deleted": counts["sent"] + counts["settled"] - undeleted}, "reasons": reasons}


def _weight(outcome: Outcome) -> int:
    """Sent is sent, whatever else a message met; and that its lane stopped says less of it than a verdict."""
    return 2 if outcome.outcome in GONE else int(outcome.outcome != FAILED)


def _forget_what_was_seen(
    sqs: SQSClient, ledger: Ledger, queue: Queue, lanes: list[Lane], started: str, released: int
) -> None:
    """Take away the marks of earlier runs whose messages this run has surely met and deleted.

    They showed again before it began, it drained the queue, and nothing is left there but what it held itself: while a
    message is in other hands, its mark stays.
    """
    if not all(lane.why == "drained" for lane in lanes):
        return
    began = datetime.fromisoformat(started).timestamp()
    seen = [mark for mark in marks(ledger, queue.name) if mark.run != ledger.run and mark.lapses < began]
    if seen and sum(count(sqs, queue.url).values()) <= released:
        for mark in seen:
            take_away(ledger, mark)
