"""Runs that take longer than a page is hidden, or longer than the twelve hours that SQS hides a message at most."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from redrive.values.errors import PageLapsed
from redrive.values.lane import HOLD_ENDS
from redrive.values.run import name_in
from redrive.values.timeline import HOLD, MOST_HIDDEN, VISIBILITY
from support.findings import dishonest, look
from support.letters import Letter

if TYPE_CHECKING:
    from support.rig import Rig

LETTERS = [Letter(n, json.dumps({"n": n, "tag": f"#{n}#"})) for n in range(30)]


@pytest.fixture
def slow(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A rig where hours pass between the pages of its first run: just so many that no hold ends."""
    go, pages, first = rig.machine.around, 0, ""

    def around(step: str, event: dict[str, Any], work: Any) -> Any:
        nonlocal pages, first
        first = first or name_in(event["run"])
        if step == "receive" and name_in(event["run"]) == first:
            pages += 1
            rig.clock.sleep({1: 0, 2: 500}.get(pages, HOLD - 100))
        return go(step, event, work)

    monkeypatch.setattr(rig.machine, "around", around)
    return rig


def test_a_run_that_holds_a_message_ends_before_its_12_hours_and_the_next_one_goes_on(slow: Rig) -> None:
    queues = slow.queues(LETTERS)
    request = {"queue": queues.name, "rate": 1, "filter": {"where": "body.n != 0"}}
    began = slow.clock.time()
    run = slow.run(request)
    assert run.path[-3:] == ["Write the report", "Did everything arrive?", "Redrive incomplete"]
    assert run.cause is not None
    assert run.cause.startswith(HOLD_ENDS)
    assert 10 * 3_600 < slow.clock.time() - began < MOST_HIDDEN
    assert (run.summary["held"], run.summary["failed"]) == (1, 0)
    assert 10 < run.summary["sent"] < 20
    found = look(slow, queues, LETTERS, Counter())
    assert not found.broken(later=True)  # nothing is hidden either: what was held is released
    assert not dishonest(run, queues, slow, slow.ledger(run))
    again = slow.run({**request, "rate": 10})
    assert again.path[-1] == "Redrive complete"
    assert (again.summary["held"], again.summary["sent"]) == (1, 29 - run.summary["sent"])
    assert not look(slow, queues, LETTERS, Counter()).broken(later=True)


def test_a_run_that_holds_nothing_goes_on_past_12_hours(slow: Rig) -> None:
    queues = slow.queues(LETTERS)
    began = slow.clock.time()
    run = slow.run({"queue": queues.name, "path": "custom", "rate": 1})
    assert run.path[-1] == "Redrive complete"
    assert slow.clock.time() - began > 24 * 3_600
    assert run.summary["sent"] == len(LETTERS)
    assert not look(slow, queues, LETTERS, Counter()).broken(later=True)


@pytest.mark.parametrize("stops", ["nothing", "send"])
def test_a_release_that_comes_late_leaves_alone_what_is_in_other_hands(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, stops: str
) -> None:
    """Given a hold, or a page of a stopped lane, that becomes visible before the release, and a consumer that takes it."""
    queues = rig.queues(LETTERS[:6])
    go = rig.machine.around
    theirs: list[Any] = []

    def around(step: str, event: dict[str, Any], work: Any) -> Any:
        if step == stops:
            raise PageLapsed("broken on purpose.")
        if step == "release":
            rig.clock.sleep(VISIBILITY + 1)
            received = queues.sqs.receive_message(
                QueueUrl=queues.dlq, VisibilityTimeout=900, MessageSystemAttributeNames=["All"]
            )
            theirs.extend(received["Messages"])
        return go(step, event, work)

    monkeypatch.setattr(rig.machine, "around", around)
    run = rig.run({"queue": queues.name, "filter": {"where": "body.n != 0"}})
    assert run.path[-1] == ("Redrive complete" if stops == "nothing" else "Redrive incomplete")
    [shown] = theirs
    hidden = {copy.number for copy in rig.copies(queues) if copy.place == "dlq" and not copy.visible}
    assert hidden == {rig.ids[shown["MessageId"]]}
    rig.later(901)
    assert not look(rig, queues, LETTERS[:6], Counter()).broken(later=True)
