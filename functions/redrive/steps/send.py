"""Send the matches: in waves that the journal remembers, at the lane's pace, and close the page."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from redrive import clock
from redrive.sqs.deliver import deliver
from redrive.sqs.parcels import into_waves, pack, places_in
from redrive.steps.close import close_in_lane, intent_key, outcomes_of
from redrive.stores import intents, pages
from redrive.stores.intents import Intent
from redrive.values.errors import OutOfTime, PageLapsed
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
    intents.declare(ledger, key, Intent(ids, [places_in(wave) for wave in waves], results))
    stopped: set[str | None] = set()

    def send_wave(number: int, wave: Wave) -> list[SendResult]:
        if remaining_ms() < RESERVE_MS:
            raise OutOfTime("the step's time is nearly over; it goes on in its next attempt.")
        if clock.now() > page.visible_at - MARGIN:
            raise PageLapsed("the page took so long that its messages are about to become visible in the queue.")
        return journal.once(key.wave(number), lambda: deliver(sqs, wave, in_order=in_order, stopped=stopped))

    if in_order:
        for number, wave in enumerate(waves):
            answered = send_wave(number, wave)
            stopped |= {page.messages[result.place].group for result in answered if result.error}
            results += answered
    else:
        with ThreadPoolExecutor(lane.budget.waves_at_once) as pool:
            for answered in pool.map(send_wave, range(len(waves)), waves):
                results += answered
    outcomes = outcomes_of(page.messages, verdicts, results, NO_RESULT)
    lane = close_in_lane(ledger, lane, page, outcomes, in_order=in_order)
    lane = _keep_pace(lane, began, sum(outcome.outcome == Outcome.SENT for outcome in outcomes))
    if results and all(result.lost for result in results):
        return lane.ending(results[0].error)
    return lane


def _keep_pace(lane: Lane, began: float, sent: int) -> Lane:
    pace = lane.budget.pace
    if pace is None:
        return lane
    planned = datetime.fromisoformat(lane.next.pause_until).timestamp()
    due = max(began - CATCH_UP, planned) + sent / (pace * PACED)
    until = datetime.fromtimestamp(due, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return replace(lane, next=replace(lane.next, pause=due > clock.now(), pause_until=until))
