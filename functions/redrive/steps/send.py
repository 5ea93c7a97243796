"""Send the matches: in waves that the journal remembers, at the lane's pace, and close the page."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from redrive import clock
from redrive.sqs.deliver import deliver, deliver_in_order
from redrive.sqs.parcels import into_waves, pack, places_in
from redrive.steps.close import (
    close_in_lane,
    forgotten_waves,
    intent_key,
    maybe_sent,
    outcomes_of,
    remember_unstamped,
)
from redrive.stores import intents, pages
from redrive.stores.intents import Intent
from redrive.values.errors import OutOfTime, PageLapsed
from redrive.values.lane import DESTINATION_LOST
from redrive.values.outcome import Outcome
from redrive.values.timeline import MARGIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient

    from redrive.origins.destinations import Destinations
    from redrive.sqs.parcels import Wave
    from redrive.stores.journal import Journal
    from redrive.stores.ledger import Ledger
    from redrive.values.lane import Lane
    from redrive.values.message import SendResult

RESERVE_MS = 10_000  # with less time left, a step begins no more waves
PACED = 0.95  # of the rate: a page leaves in one burst, and any ten seconds must see nine or ten of them, not eleven
BATCHES_AT_ONCE = 12  # on their way, of all waves
TRUNCATED = 1  # second that a Wait by timestamp may be short of: it drops the milliseconds (docs/facts.md B5)
CATCH_UP = 0.4  # seconds that a turn may be late and still not delay the next one
NO_RESULT = "the step that was to send it did not finish"


def send_page(
    sqs: SQSClient,
    ledger: Ledger,
    journal: Journal,
    destinations: Destinations,
    lane: Lane,
    remaining_ms: Callable[[], int],
) -> Lane:
    """Send what the page's verdicts selected, and close the page.

    Raises OutOfTime or WaveInFlight, and the next attempt goes on where this one stopped; PageLapsed when the page's
    messages are about to become visible in the queue, or the run has closed it, and nothing more of it may be sent.
    """
    began = clock.now()
    name = lane.page.name or ""
    page = pages.read(ledger, name)
    verdicts = pages.read_verdicts(ledger, name, page)
    in_order = destinations.queue.fifo
    parcels, results = pack(page.messages, verdicts, destinations.of, ledger.run, in_order=in_order)
    waves = into_waves(parcels, lane.budget, in_order=in_order)
    key = intent_key(ledger, destinations.queue, name, page)
    # Also without a wave: a page may hold only messages that were sent before, whose deletion must survive a crash.
    ids = [message.id for message in page.messages]
    first = intents.declare(ledger, key, Intent(ids, [places_in(wave) for wave in waves], results))
    forgotten = set() if first else forgotten_waves(journal, key, len(waves))
    _wait_for_the_rest(lane)

    def send_wave(number: int, wave: Wave, send: Callable[[Wave], list[SendResult]]) -> list[SendResult]:
        if number in forgotten:
            return maybe_sent(places_in(wave))
        if remaining_ms() < RESERVE_MS:
            raise OutOfTime("the step's time is nearly over; it goes on in its next attempt.")
        if clock.now() > page.visible_at - MARGIN:
            raise PageLapsed("the page took so long that its messages are about to become visible in the queue.")
        answered = journal.once(key.wave(number), lambda: send(wave))
        # Not within the wave: what was sent is recorded first. An attempt that dies in between comes here again.
        remember_unstamped(journal, ledger.run, page.messages, verdicts, answered)
        return answered

    if in_order:
        stopped: set[str | None] = set()
        for number, wave in enumerate(waves):
            answered = send_wave(number, wave, lambda wave: deliver_in_order(sqs, wave, stopped))
            stopped.update(page.messages[result.place].group for result in answered if result.error)
            results += answered
    else:
        with ThreadPoolExecutor(BATCHES_AT_ONCE) as batches, ThreadPoolExecutor(lane.budget.waves_at_once) as pool:
            send = partial(send_wave, send=lambda wave: deliver(sqs, wave, batches))
            for answered in pool.map(send, range(len(waves)), waves):
                results += answered
    outcomes = outcomes_of(page.messages, verdicts, results, NO_RESULT)
    lane = close_in_lane(ledger, destinations.queue, lane, page, outcomes)
    lane = _keep_pace(lane, began, sum(outcome.outcome == Outcome.SENT for outcome in outcomes))
    if destinations.are_lost({result.to for result in results if result.lost and result.to}):
        return lane.ending(DESTINATION_LOST)
    return lane


def _wait_for_the_rest(lane: Lane) -> None:
    """Wait until the turn's own time, where the state machine's Wait ended a little before it."""
    rest = datetime.fromisoformat(lane.next.pause_until).timestamp() - clock.now()
    if rest > 0:
        clock.pause(min(rest, TRUNCATED))


def _keep_pace(lane: Lane, began: float, sent: int) -> Lane:
    pace = lane.budget.pace
    if pace is None:
        return lane
    planned = datetime.fromisoformat(lane.next.pause_until).timestamp()
    due = max(began - CATCH_UP, planned) + sent / (pace * PACED)
    until = datetime.fromtimestamp(due, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return replace(lane, next=replace(lane.next, pause=due > clock.now(), pause_until=until))
