"""Release what was held: make every message that stays in the dead-letter queue visible again, at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redrive.errors import explain
from redrive.ledger import HELD, OUTCOMES, PAGES
from redrive.messages import Message
from redrive.outcomes import FAILED, Outcome, settle
from redrive.send import Destinations, cut, outcomes_of, pack, read_page, wave_key
from redrive.visibility import change_visibility

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from redrive.journal import Journal
    from redrive.lane import Lane
    from redrive.ledger import Ledger


def release(
    sqs: SQSClient,
    ledger: Ledger,
    journal: Journal,
    destinations: Destinations,
    lanes: list[Lane],
) -> dict[str, Any]:
    """Settle the pages that stopped lanes left unsettled, then let everything held show again.

    Gives `{"lanes": the lanes with those pages counted, "released": how many messages show again}`.
    """
    settled = [_settle_left(ledger, journal, destinations, lane) for lane in lanes]
    released = 0
    for page in ledger.names(HELD):
        released += change_visibility(sqs, destinations.queue.url, ledger.read(HELD, page), 0)
    return {"lanes": [lane.to_json() for lane in settled], "released": released}


def _settle_left(ledger: Ledger, journal: Journal, destinations: Destinations, lane: Lane) -> Lane:
    if lane.error is None or lane.page.name is None or lane.page.settled:
        return lane
    _, why = explain(lane.error)
    contents, outcomes = _what_became(ledger, journal, destinations, lane.page.name, why)
    return settle(ledger, lane, contents, outcomes)


def _what_became(
    ledger: Ledger, journal: Journal, destinations: Destinations, page: str, why: str
) -> tuple[list[Message], list[Outcome]]:
    try:
        written = [Outcome.from_json(line) for line in ledger.read(OUTCOMES, page)]
        return [Message.from_json(line) for line in ledger.read(PAGES, page)], written
    except KeyError:
        pass  # the lane stopped before its page was settled
    try:
        contents, verdicts = read_page(ledger, page)
    except KeyError:
        contents = [Message.from_json(line) for line in ledger.read(PAGES, page)]
        return contents, [Outcome(message.id, FAILED, why) for message in contents]
    parcels, answers = pack(contents, verdicts, destinations, ledger.run)
    for number, _wave in enumerate(cut(parcels, in_order=destinations.queue.fifo)):
        answers += journal.recall(wave_key(ledger.run, page, number)) or []
    return contents, outcomes_of(contents, verdicts, parcels, answers)
