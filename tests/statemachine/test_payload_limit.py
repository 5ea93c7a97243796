"""A state's payload ends at 256 KiB: what a run makes of a step, or of its lanes together, that give more.

moto's interpreter has the limit itself: what a function returns is caught by the state, what a state gives on is not.
`moto_gaps` adds that States.ALL does not stand for it, and that a Map fails with its child. The embedded AWS has no such limit.
"""

import pytest

import cleanup
from redrive.values.outcome import conserves
from support.aws import numbered, where_they_are
from support.moto_machine import Context

LIMIT = 262_144  # bytes of a state's input or output (docs/facts.md B1)
ALL = list(range(6))
TOO_LARGE = "returned a result with a size exceeding the maximum number of bytes service limit"


@pytest.fixture
def queues(moto):
    return numbered(moto.client("sqs"), ALL)


def request(queues, **more):
    return {"queue": queues.name, "filter": {"where": "body.n >= 4"}, **more}


def swell(step, size):
    """Let a step do its work, and give `size` bytes more than it should."""

    def around(name, _event, go):
        result = go()
        if name == step:
            swollen = result.get("tally", result)  # a lane's reasons, or those of a step of the run
            swollen["reasons"] = {"x" * size: 1}
        return result

    return around


def must_conserve(summary):
    assert conserves(summary)
    assert summary["deleted"] == summary["sent"]


@pytest.mark.parametrize(
    ("step", "arrived"), [("receive", []), ("filter", []), ("send", [4, 5]), ("delete", [4, 5])], ids=str
)
def test_a_lanes_step_that_gives_too_much_stops_the_lane_and_its_page_is_closed(moto, queues, step, arrived):
    moto.around = swell(step, LIMIT)
    run = moto.run(request(queues))
    assert run.path[-1] == "Redrive incomplete"
    assert "1 of 1 lanes stopped (States.DataLimitExceeded" in run.cause
    assert TOO_LARGE in run.cause
    assert moto.steps.count(step) == 1  # States.ALL does not stand for it: it is not tried again, and caught by name
    must_conserve(run.summary)
    assert (run.summary["received"], run.summary["sent"]) == (6, len(arrived))
    assert where_they_are(queues, ALL) == ([n for n in ALL if n not in arrived], arrived)


@pytest.mark.parametrize("step", ["check", "count", "plan"])
def test_a_step_before_the_drain_that_gives_too_much_ends_red_and_touches_nothing(moto, queues, step):
    moto.around = swell(step, LIMIT)
    run = moto.run(request(queues))
    assert (run.path[-1], run.error) == ("Redrive failed", "DataLimitExceeded")
    assert TOO_LARGE in run.cause
    assert run.summary["status"] == "failed"
    assert where_they_are(queues, ALL) == (ALL, [])


def test_a_release_that_gives_too_much_has_released_and_the_run_is_incomplete(moto, queues):
    moto.around = swell("release", LIMIT)
    run = moto.run(request(queues))
    assert run.path[-1] == "Redrive incomplete"
    must_conserve(run.summary)
    assert where_they_are(queues, ALL) == ([0, 1, 2, 3], [4, 5])


def test_a_report_that_gives_too_much_is_written_and_the_run_ends_red(moto, queues):
    moto.around = swell("report", LIMIT)
    run = moto.run(request(queues))
    assert run.path[-1] == "Redrive unreported"
    assert run.status == "FAILED"  # what moto says of the error is its own: it lets no Fail end with a name of AWS's
    must_conserve(run.summary)
    assert where_they_are(queues, ALL) == ([0, 1, 2, 3], [4, 5])


def test_a_lane_that_is_too_large_with_its_run_around_it_is_lost_and_closed_from_the_ledger(moto, queues):
    """Each alone is small enough: the lane's child execution fails outside of every Catch of its own."""
    long = f"body.n >= 4 and '{'x' * 7_500}' != 'y'"
    moto.around = swell("send", LIMIT - 6_000)
    run = moto.run(request(queues, filter={"where": long}))
    assert run.path[-5:] == [
        "Drain the queue",
        "Release what was held",
        "Write the report",
        "Did everything arrive?",
        "Redrive failed",
    ]
    assert run.error == "ExceedToleratedFailureThreshold"
    must_conserve(run.summary)
    assert where_they_are(queues, ALL) == ([0, 1, 2, 3], [4, 5])


def test_lanes_that_are_too_large_together_end_the_execution_and_the_clean_up_closes_it(moto, queues):
    """moto fails the execution here, past the Map's Catch; should AWS catch it, the run compensates by itself."""
    moto.around = swell("receive", LIMIT * 3 // 4)
    run = moto.run(request(queues, lanes=2))
    assert (run.status, run.path[-1], run.summary) == ("FAILED", "Drain the queue", {})
    cleanup.handler(moto.status_change(run.arn, "FAILED"), Context("cleanup"))
    summary = moto.summary(run.arn)
    assert (summary["status"], summary["error"]) == ("failed", "ExecutionFailed")
    must_conserve(summary)
    assert where_they_are(queues, ALL) == ([0, 1, 2, 3], [4, 5])
