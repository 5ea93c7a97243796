"""Close a page: put together what became of each of its messages, and write it, once for good."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from redrive.sqs.parcels import next_stamp
from redrive.stores import intents, pages
from redrive.stores.intents import IntentKey
from redrive.values.errors import PageGone, WaveInFlight
from redrive.values.message import SendResult
from redrive.values.outcome import GONE, MAYBE_SENT, STILL_SENDING, MessageOutcome, Outcome, reasons_of, tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from redrive.stores.intents import Intent
    from redrive.stores.journal import Journal
    from redrive.stores.ledger import Ledger
    from redrive.values.lane import Lane
    from redrive.values.message import Message, StoredPage
    from redrive.values.queue import Queue
    from redrive.values.verdict import Verdict


def intent_key(ledger: Ledger, queue: Queue, name: str, page: StoredPage) -> IntentKey:
    """Name the intent of a page of this run."""
    return IntentKey(queue.name, ledger.run, name, int(page.visible_at))


def close_in_lane(
    ledger: Ledger, queue: Queue, lane: Lane, page: StoredPage, outcomes: Sequence[MessageOutcome]
) -> Lane:
    """Close the page in hand; give the lane with its messages counted, and what stays in the queue held.

    Of a FIFO queue the lane also tells which groups the page stopped.
    """
    if pages.close(ledger, queue.name, lane.page.name or "", page, outcomes):
        until = min(page.visible_at, lane.hold.until or page.visible_at)
        lane = replace(lane, hold=replace(lane.hold, until=until))
    stopped = stopped_groups(page.messages, outcomes) if queue.fifo else {}
    return lane.counting(tally(outcomes)).blaming(reasons_of(outcomes)).stopping(stopped)


def close_after_a_stop(ledger: Ledger, journal: Journal, queue: Queue, name: str, why: str) -> None:
    """Close a page whose step died, without sending anything: what the journal knows was sent is sent.

    `why` is what stopped the step. No wave of the page is begun any more: each is recorded as not sent, or the page has
    no intent and gets none. A wave that may still be on its way stays hidden; one that a journal of later would not
    know is nobody's to record. Raises PageUnreadable.
    """
    page = pages.read(ledger, name)
    key = intent_key(ledger, queue, name, page)
    intent = intents.close(ledger, key)
    try:
        verdicts: list[Verdict] | None = pages.read_verdicts(ledger, name, page)
    except PageGone:  # it was never judged, or its verdicts are gone
        verdicts = None
    results: list[SendResult] = []
    hidden: set[int] = set()
    if intent:
        results, hidden = _results_of(journal, key, intent, why)
        remember_unstamped(journal, ledger.run, page.messages, verdicts, results)
    outcomes = outcomes_of(page.messages, verdicts, results, why)
    pages.close(ledger, queue.name, name, page, outcomes, frozenset(hidden))


def _results_of(journal: Journal, key: IntentKey, intent: Intent, why: str) -> tuple[list[SendResult], set[int]]:
    """Give what became of an intent's messages, and the places of those that may still be on their way."""
    results = list(intent.unsendable)
    hidden: set[int] = set()
    forgotten = forgotten_waves(journal, key, len(intent.waves))
    for number, places in enumerate(intent.waves):
        if number in forgotten:
            results += maybe_sent(places)
            continue

        def not_sent(places: list[int] = places) -> list[SendResult]:
            return [SendResult(place, error=why) for place in places]

        try:
            # Recording the wave as not sent also stops a function that outlived its run from sending it now.
            results += journal.once(key.wave(number), not_sent)
        except WaveInFlight:
            results += [SendResult(place, error=STILL_SENDING) for place in places]
            hidden.update(places)
    return results, hidden


def forgotten_waves(journal: Journal, key: IntentKey, number: int) -> set[int]:
    """Give those of a page's waves of which nobody can say whether an earlier attempt began them.

    They have no record, in a journal that does not know their run: it was lost, and made anew.
    """
    begun = journal.recall([key.wave(each) for each in range(number)])
    silent = {each for each in range(number) if key.wave(each) not in begun}
    return silent if silent and not journal.known([key.run]) else set()


def maybe_sent(places: Iterable[int]) -> list[SendResult]:
    """Give the results of a forgotten wave: a person must decide whether it is sent, perhaps again."""
    return [SendResult(place, error=MAYBE_SENT) for place in places]


def remember_unstamped(
    journal: Journal,
    run: str,
    messages: Sequence[Message],
    verdicts: Sequence[Verdict] | None,
    results: Iterable[SendResult],
) -> None:
    """Remember how often the messages were redriven that were sent without a stamp. May be repeated."""
    if verdicts is None:
        return  # what was remembered of them is gone with the verdicts, and must not begin at one again
    stamps = {}
    for result in results:
        if result.id and not result.stamped:
            message = messages[result.place]
            earlier = verdicts[result.place].earlier
            stamps[result.id] = next_stamp(message, earlier or message.stamp, run)
    if stamps:
        journal.redrives.remember(stamps)


def outcomes_of(
    messages: Sequence[Message], verdicts: Sequence[Verdict] | None, results: Iterable[SendResult], why: str
) -> list[MessageOutcome]:
    """Put verdicts and results together: one outcome for each message of the page.

    What was to be sent and has no result has failed, because of `why`: nobody knows that SQS took it. So has what has
    neither, where there are no verdicts.
    """
    result_at = {result.place: result for result in results}
    outcomes = []
    for place, message in enumerate(messages):
        verdict = verdicts[place] if verdicts else None
        if verdict and verdict.outcome:
            outcome = MessageOutcome(message.id, verdict.outcome, verdict.reason, verdict.new_id)
        else:
            outcome = _outcome_of(message, result_at.get(place, SendResult(place, error=why)))
        outcomes.append(replace(outcome, key=verdict.key) if verdict else outcome)
    return outcomes


def _outcome_of(message: Message, result: SendResult) -> MessageOutcome:
    if result.id:
        return MessageOutcome(message.id, Outcome.SENT, "", result.id, result.to, result.stamped)
    if result.archived:
        return MessageOutcome(message.id, Outcome.DISCARDED)
    return MessageOutcome(message.id, Outcome.HELD if result.behind else Outcome.FAILED, result.error)


def stopped_groups(messages: Sequence[Message], outcomes: Sequence[MessageOutcome]) -> dict[str, str]:
    """Give the FIFO groups of a page that stopped, and why the first message of each that stays behind does."""
    stopped: dict[str, str] = {}
    for message, outcome in zip(messages, outcomes, strict=True):
        if message.group and outcome.outcome not in {*GONE, Outcome.PREVIEWED}:
            stopped.setdefault(message.group, outcome.reason)
    return stopped
