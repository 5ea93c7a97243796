"""Archive the page: keep what is to be discarded, and close the page. What follows deletes nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redrive import clock
from redrive.steps.close import close_in_lane, intent_key, outcomes_of
from redrive.stores import intents, pages
from redrive.stores.intents import Intent
from redrive.values.errors import PageLapsed
from redrive.values.message import SendResult
from redrive.values.timeline import MARGIN

if TYPE_CHECKING:
    from redrive.stores.journal import Journal
    from redrive.stores.ledger import Ledger
    from redrive.values.lane import Lane
    from redrive.values.queue import Queue

NO_RESULT = "the step that was to archive it did not finish"


def archive_page(ledger: Ledger, journal: Journal, queue: Queue, lane: Lane) -> Lane:
    """Archive what the page's verdicts selected, and close the page.

    To archive is to a deletion what sending is to a redrive, and goes by the same protocol: one wave, declared by the
    page's intent and recorded in the journal, so that the release knows of a step that died whether the archive has its
    messages, and an attempt that outlived its run discards nothing. Raises WaveInFlight, and PageLapsed when the page's
    messages are about to become visible in the queue, or the run has closed it.
    """
    name = lane.page.name or ""
    page = pages.read(ledger, name)
    verdicts = pages.read_verdicts(ledger, name, page)
    places = [place for place, verdict in enumerate(verdicts) if verdict.sends]
    key = intent_key(ledger, queue, name, page)
    # Also without any: a page may hold only messages that were sent before, whose deletion must survive a crash.
    intents.declare(ledger, key, Intent([message.id for message in page.messages], [places] if places else []))
    if clock.now() > page.visible_at - MARGIN:
        raise PageLapsed("the page took so long that its messages are about to become visible in the queue.")

    def keep() -> list[SendResult]:
        pages.archive(ledger, name, (page.messages[place] for place in places))
        return [SendResult(place, archived=True) for place in places]

    results = journal.once(key.wave(0), keep) if places else []
    return close_in_lane(ledger, queue, lane, page, outcomes_of(page.messages, verdicts, results, NO_RESULT))
