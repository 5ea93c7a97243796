"""Steps broken on purpose: what Retry, Catch and the compensation make of it. On moto, where a step can be broken."""

import functools
import importlib
import json

import pytest

import clients
import redrive.steps.send
import steps
from redrive.values import bill
from redrive.values.errors import PageLapsed
from redrive.values.timeline import VISIBILITY
from support.aws import count, dead_letter, drain, make_queues, send
from support.clock import Clock
from support.moto_machine import LambdaError, planned_with

STEPS = ["check", "count", "plan", "receive", "filter", "send", "delete", "release", "report"]


@pytest.fixture
def queues(moto):
    queues = make_queues(moto.client("sqs"))
    send(queues.sqs, queues.source, [json.dumps({"n": n}) for n in range(6)])
    dead_letter(queues)
    return queues


def request(queues):
    return {"queue": queues.name, "filter": {"where": "body.n >= 4"}}


def everywhere(queues):
    """The number of every message in the two queues, however often it is there."""
    found = drain(queues.sqs, queues.dlq) + drain(queues.sqs, queues.source)
    return sorted(json.loads(message["Body"])["n"] for message in found)


def fail(step, error, *, times=1, after=False):
    """Break a step: raise `error` the first `times`, before the step does anything or after it did it all."""
    left = [times]

    def around(name, _event, go):
        if name != step or not left[0]:
            return go()
        left[0] -= 1
        if after:
            go()
        raise error

    return around


def late(step, clock, *, seconds):
    """Hold a step up before it begins."""

    def around(name, _event, go):
        if name == step:
            clock.sleep(seconds)
        return go()

    return around


@pytest.mark.parametrize("after", [False, True], ids=["before it began", "after it was done"])
@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_dies_once_is_retried_and_the_run_ends_as_if_it_had_not(moto, queues, step, after):
    moto.around = fail(step, LambdaError("Lambda.Unknown"), after=after)
    run = moto.run(request(queues))
    assert run.path[-1] == "Redrive complete"
    assert moto.steps.count(step) >= 2
    assert (run.output["received"], run.output["sent"], run.output["held"]) == (6, 2, 4)
    assert run.output["requests"]["lambda"] == len(moto.steps) - (step == "report")  # not its own second try
    assert everywhere(queues) == list(range(6))


@pytest.mark.parametrize("step", STEPS[:-1])  # the report bills itself in advance
def test_what_an_attempt_asked_before_it_raised_is_in_the_runs_bill(moto, queues, monkeypatch, step):
    """Where the retry is in the same worker; here all steps are in one process, whose meter counts every request."""
    module, left = importlib.import_module(step), [1]
    work = module.handler.__wrapped__

    @functools.wraps(work)
    def work_and_raise(*given):
        done = work(*given)
        if left[0]:
            left[0] -= 1
            raise LambdaError("Lambda.Unknown")
        return done

    def first_way(_):
        return next(iter(bill.WAYS[step]))  # however many states: the requests are what is looked at

    of_a_lane = step in {"receive", "filter", "send", "delete"}
    monkeypatch.setattr(
        module, "handler", (steps.lane_step if of_a_lane else steps.step)(step, first_way)(work_and_raise)
    )
    before = clients.meter.read()
    run = moto.run(request(queues))
    assert run.path[-1] == "Redrive complete"
    assert moto.steps.count(step) >= 2
    asked = clients.meter.since(before)
    assert {service: run.output["requests"][service] for service in asked} == asked


@pytest.mark.parametrize("step", ["receive", "filter", "send"])
def test_a_lane_that_stops_before_its_page_is_deleted_loses_and_repeats_nothing(moto, queues, step):
    moto.around = fail(step, PageLapsed("broken on purpose."), times=99)
    run = moto.run(request(queues))
    assert run.path[-3:] == ["Write the report", "Did everything arrive?", "Redrive incomplete"]
    assert run.error == "RedriveIncomplete"
    assert "1 of 1 lanes stopped (PageLapsed: broken on purpose)" in run.cause
    assert run.summary["sent"] == 0
    # What a Receive took before it died is the only thing that nobody can release; here it took nothing.
    assert everywhere(queues) == list(range(6))


def test_what_was_sent_before_its_lane_stopped_is_known_from_the_journal_and_deleted(moto, queues, monkeypatch):
    """The step sends, then dies for good before it can close the page: the journal knows what was accepted."""
    monkeypatch.setattr(redrive.steps.send, "close_in_lane", broken)
    run = moto.run(request(queues))
    assert run.path[-1] == "Redrive incomplete"
    assert (run.summary["received"], run.summary["sent"], run.summary["held"]) == (6, 2, 4)
    assert run.summary["deleted"] == 2
    assert count(queues.sqs, queues.dlq) == (4, 0)
    assert count(queues.sqs, queues.source) == (2, 0)


def broken(*_, **__):
    raise PageLapsed("broken on purpose.")


def test_what_a_stopped_lane_did_not_delete_is_deleted_at_the_end_of_the_run(moto, queues):
    moto.around = fail("delete", PageLapsed("broken on purpose."), times=99)
    run = moto.run(request(queues))
    assert run.path[-1] == "Redrive incomplete"
    assert (run.summary["sent"], run.summary["deleted"]) == (2, 2)
    assert everywhere(queues) == list(range(6))


def test_what_was_sent_but_not_deleted_is_said_and_the_next_run_deletes_it_without_sending_it(
    moto, queues, monkeypatch
):
    """The page is visible before its deletion: its handles may be somebody else's, so they are left alone."""
    clock = Clock()
    clock.rule(monkeypatch)
    moto.around = late("delete", clock, seconds=VISIBILITY)
    run = moto.run(request(queues))
    assert run.path[-1] == "Redrive incomplete"
    assert "2 messages were sent but not deleted" in run.cause
    moto.around = None
    second = moto.run({"queue": queues.name, "path": "custom"})
    assert (second.output["already_sent"], second.output["sent"], second.output["deleted"]) == (2, 4, 6)
    assert everywhere(queues) == list(range(6))


def test_a_lane_whose_history_is_long_enough_goes_on_in_another_round(moto, queues):
    moto.around = planned_with(turns=1)
    run = moto.run({"queue": queues.name, "rate": 3, "path": "custom"})
    rounds = run.path.count("Drain the queue")
    assert rounds == run.output["rounds"] > 1
    assert run.output["sent"] == 6
    assert everywhere(queues) == list(range(6))


def test_held_messages_that_cannot_be_released_make_the_run_incomplete(moto, queues):
    moto.around = fail("release", PageLapsed("broken on purpose."), times=99)
    run = moto.run(request(queues))
    assert run.path[-1] == "Redrive incomplete"
    assert "becomes visible by itself" in run.cause
    assert (run.summary["sent"], run.summary["held"]) == (2, 4)


def test_a_report_that_cannot_be_written_ends_red_with_the_cause_as_it_came(moto, queues):
    moto.around = fail("report", PageLapsed("broken on purpose."), times=99)
    run = moto.run(request(queues))
    assert run.path[-1] == "Redrive unreported"
    assert run.error == "RedriveUnreported"  # what was caught may be called `States.…`, which AWS refuses here
    assert "PageLapsed" in run.cause
    assert "broken on purpose" in run.cause


@pytest.mark.parametrize("step", ["count", "plan"])
def test_a_step_that_fails_for_good_before_the_drain_ends_red_and_touches_nothing(moto, queues, step):
    moto.around = fail(step, PageLapsed("broken on purpose."), times=99)
    run = moto.run(request(queues))
    assert run.path[-1] == "Redrive failed"
    assert (run.error, run.cause) == ("PageLapsed", "broken on purpose.")
    assert count(queues.sqs, queues.dlq) == (6, 0)
