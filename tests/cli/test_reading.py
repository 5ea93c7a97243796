"""A run is read as AWS tells it: in pages, while it grows, with throttling, retries and lanes of their own.

The histories have the shapes of AWS's HistoryEvent (Step Functions API).
"""
# ruff: noqa: N803  boto3's own argument names

import itertools
import json
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from redrive.history import tail
from redrive.history.events import Ended, Entered, Left
from redrive.history.visits import visits
from redrive.values.bill import no_requests
from redrive.values.outcome import Outcome, no_counts
from redrive.values.summary import Status, Summary
from redrive_cli.aws.executions import Machine, name_execution
from redrive_cli.errors import CliError
from redrive_cli.view.console import console
from redrive_cli.view.progress import Progress
from redrive_cli.view.summary import show_summary
from support.library import a_lane

RUN = "arn:aws:states:us-east-1:123456789012:execution:redrive:run-1"
MAP_RUN = "arn:aws:states:us-east-1:123456789012:mapRun:redrive/lane:1"
START = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


class NotThereError(ClientError):
    def __init__(self):
        super().__init__({"Error": {"Code": "ExecutionDoesNotExist", "Message": "no"}}, "DescribeExecution")


class FakeStepFunctions:
    """Step Functions with the executions of one run. Every look at a history reveals `grows_by` more of its events."""

    def __init__(self, grows_by=None):
        self.histories = {}
        self.inputs = {}
        self.children = []
        self.grows_by = grows_by
        self.shown = {}
        self.requests = 0
        self.throttled = iter(())
        self.meta = SimpleNamespace(endpoint_url="http://127.0.0.1:1")
        self.exceptions = SimpleNamespace(ExecutionDoesNotExist=NotThereError)

    def tell(self, arn, *events, given=None):
        """Give an execution the history that these make together."""
        numbered = []
        for number, event in enumerate(itertools.chain.from_iterable(events), 1):
            at = START + timedelta(seconds=number)
            numbered.append({"id": number, "previousEventId": number - 1, "timestamp": at, **event})
        self.histories[arn] = numbered
        self.inputs[arn] = json.dumps(given or {})
        return self

    def lane(self, index, *events):
        arn = f"{RUN}-lane-{index}"
        self.children.append(arn)
        return self.tell(arn, *events, given={"lane": lane(index=index)})

    def describe_execution(self, executionArn):
        if executionArn not in self.histories:
            raise NotThereError
        return {"input": self.inputs[executionArn]}

    def get_paginator(self, operation):
        return SimpleNamespace(paginate=getattr(self, f"_{operation}"))

    def _list_executions(self, mapRunArn):
        assert mapRunArn == MAP_RUN
        yield {"executions": [{"executionArn": arn} for arn in reversed(self.children)]}

    def _get_execution_history(self, executionArn, PaginationConfig, reverseOrder=False):
        events = self.histories[executionArn]
        if self.grows_by:
            self.shown[executionArn] = self.shown.get(executionArn, 0) + self.grows_by
            events = events[: self.shown[executionArn]]
        events = events[::-1] if reverseOrder else events
        size = PaginationConfig["PageSize"]
        for start in range(0, len(events), size):
            self.requests += 1
            if next(self.throttled, False):
                raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "GetExecutionHistory")
            yield {"events": events[start : start + size]}


def lane(*, index=0, turn=1, **counts):
    return a_lane(index=index, round=1, turn=turn, counts=no_counts() | counts).to_json()


def entered(kind, name, given=None):
    details = {"name": name, "input": json.dumps(given or {})}
    return {"type": f"{kind}StateEntered", "stateEnteredEventDetails": details}


def left(kind, name, gave=None):
    details = {"name": name, "output": json.dumps(gave or {})}
    return {"type": f"{kind}StateExited", "stateExitedEventDetails": details}


def failed(error, cause):
    return {"type": "LambdaFunctionFailed", "lambdaFunctionFailedEventDetails": {"error": error, "cause": cause}}


BEGUN = [{"type": "ExecutionStarted", "executionStartedEventDetails": {"input": "{}"}}]
TRY = [
    {"type": "LambdaFunctionScheduled", "lambdaFunctionScheduledEventDetails": {}},
    {"type": "LambdaFunctionStarted"},
]
DONE = [{"type": "LambdaFunctionSucceeded", "lambdaFunctionSucceededEventDetails": {"output": "{}"}}]
SUCCEEDED = [{"type": "ExecutionSucceeded", "executionSucceededEventDetails": {"output": "{}"}}]


def task(name, *attempts, given=None, gave=None):
    """A Task: its failed attempts, and then one that succeeds."""
    tries = [event for attempt in attempts for event in [*TRY, attempt]]
    return [entered("Task", name, given), *tries, *TRY, *DONE, left("Task", name, gave)]


def drain(lanes):
    given = {"plan": {"drain": {"lanes": [lane(index=index) for index in range(lanes)]}}}
    return [
        entered("Map", "Drain the queue", given),
        {"type": "MapRunStarted", "mapRunStartedEventDetails": {"mapRunArn": MAP_RUN}},
        {"type": "MapRunSucceeded"},
        left("Map", "Drain the queue"),
    ]


def turns(index, number):
    """A lane that receives ten messages in each of its turns."""
    for turn in range(1, number + 1):
        before = {"lane": lane(index=index, turn=turn - 1, received=10 * (turn - 1))}
        after = {"lane": lane(index=index, turn=turn, received=10 * turn)}
        yield from task("Receive a page", given=before, gave=after)
    yield entered("Succeed", "Lane drained", after)
    yield left("Succeed", "Lane drained", after["lane"])


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(tail, "_LOOK_EVERY_LOCALLY", 0)


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(tail, "_PAGE", 7)
    monkeypatch.setattr(tail, "_NEWS", 3)


def read(sfn, *, live=False):
    return list(Machine(sfn, "arn:aws:states:us-east-1:123456789012:stateMachine:redrive").events(RUN, live=live))


def told(events):
    return [(event.lane, type(event), event.state) for event in events if isinstance(event, Entered | Left)]


STEPS = [task(f"Step {number}") for number in range(12)]


@pytest.mark.parametrize("grows_by", [1, 2, 5, 50])
def test_a_growing_history_is_told_as_a_finished_one_is_each_event_once(small_pages, grows_by):
    whole = read(FakeStepFunctions().tell(RUN, BEGUN, *STEPS, SUCCEEDED))

    growing = read(FakeStepFunctions(grows_by).tell(RUN, BEGUN, *STEPS, SUCCEEDED), live=True)

    assert growing == whole
    assert len(told(whole)) == 24
    assert isinstance(whole[-1], Ended)


def test_a_look_at_a_long_history_asks_for_its_news_only():
    steps = [task(f"Step {number}") for number in range(2_000)]  # 10,002 events: eleven pages
    sfn = FakeStepFunctions(grows_by=9_990).tell(RUN, BEGUN, *steps, SUCCEEDED)

    read(sfn, live=True)

    assert sfn.requests == 10 + 1


def test_a_throttled_look_loses_nothing(small_pages):
    sfn = FakeStepFunctions(grows_by=4).tell(RUN, BEGUN, *STEPS, SUCCEEDED)
    sfn.throttled = iter([True, False, True, True, False, True])

    assert read(sfn, live=True) == read(FakeStepFunctions().tell(RUN, BEGUN, *STEPS, SUCCEEDED))


@pytest.mark.parametrize("live", [True, False])
def test_lanes_are_told_as_part_of_the_state_that_started_them(live):
    sfn = FakeStepFunctions().tell(RUN, BEGUN, drain(3), SUCCEEDED)
    for index in range(3):
        sfn.lane(index, BEGUN, turns(index, 2), SUCCEEDED)

    events = read(sfn, live=live)

    states, end = visits(events)
    assert end.status == "SUCCEEDED"
    assert [state.state for state in states] == ["Drain the queue"]
    each = ["Receive a page", "Receive a page", "Lane drained"]
    assert [(visit.lane, visit.state) for visit in states[0].lanes] == [
        (number, state) for number in (1, 2, 3) for state in each
    ]


def test_each_turn_of_a_lane_is_one_line_with_what_it_gained(capsys):
    sfn = FakeStepFunctions().tell(RUN, BEGUN, drain(1), SUCCEEDED).lane(0, BEGUN, turns(0, 2), SUCCEEDED)
    progress = Progress(console())

    for event in read(sfn):
        progress.show(event)

    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [
        "≡ lanes   Drain the queue",
        "lane 1 · turn 1 · Receive a page  (10 received)",
        "lane 1 · turn 2 · Receive a page \u203a Lane drained  (10 received)",
    ]


def a_summary(**changes):
    known = {"queue": "q.fifo", "path": "custom", "because": ["path is custom"], "counted": 3, "rounds": 1, "lanes": 1}
    given = {
        "lanes_because": ["it is a FIFO queue"],
        "started": "s",
        "ended": "e",
        "seconds": 1.0,
        "ledger": "s",
        "requests": no_requests(),
    }
    return Summary(**{"run": "r", "status": Status.INCOMPLETE, "counts": no_counts(), **known, **given, **changes})


def test_the_summary_of_a_fifo_run_has_a_line_for_each_group_that_stopped(capsys):
    counts = no_counts() | {"received": 3, "sent": 1, "held": 1, "failed": 1}
    groups = {"a": "why", "b": "filter.where does not match"}
    show_summary(console(), a_summary(counts=counts, reasons={"why": 1}, groups=groups, more_groups=1200))
    lines = capsys.readouterr().out.splitlines()
    first = lines.index("          1 failed: why")
    assert lines[first + 1 : first + 4] == [
        "stopped   group a: why",
        "          group b: filter.where does not match",
        "          and 1,200 more groups",
    ]


def test_where_a_stopped_run_was_cleaned_up_after_what_nobody_knows_is_not_shown(capsys):
    show_summary(console(), a_summary(lanes=None, rounds=None, requests=None, notes=["one", "two"], started_by="anna"))
    out = capsys.readouterr().out
    assert not re.search("^(lanes|requests) ", out, re.MULTILINE)
    assert "by        anna\n" in out
    assert "note      one\n          two\n" in out


@pytest.mark.parametrize("outcome", Outcome)
def test_no_outcome_is_left_out_so_that_what_is_shown_adds_up(capsys, outcome):
    show_summary(
        console(), a_summary(counts=no_counts() | {"received": 10, "sent": 3, outcome: 7 + 3 * (outcome == "sent")})
    )
    shown = dict(re.findall(r"^(\w[\w ]*?) +([\d,]+)$", capsys.readouterr().out, re.MULTILINE))
    numbers = {name: int(number) for name, number in shown.items() if name != "seconds"}
    assert numbers.pop("received") == sum(numbers.values()) == 10


def test_a_retried_state_says_how_often_and_a_caught_one_by_which_error():
    caught = [
        entered("Task", "Send the matches"),
        *TRY,
        failed("Lambda.Unknown", "died"),
        left("Task", "Send the matches"),
    ]
    retried = task("Receive a page", failed("Lambda.Unknown", "died"), failed("Sandbox.Timedout", "late"))
    sfn = FakeStepFunctions().tell(RUN, BEGUN, retried, caught, SUCCEEDED)

    (first, second), _ = visits(read(sfn))

    assert (first.status, first.attempts, first.error) == ("ok", 3, "")
    assert (second.status, second.attempts, second.error, second.cause) == ("caught", 1, "Lambda.Unknown", "died")


def test_errors_and_retries_are_progress(capsys):
    cause = json.dumps({"errorType": "WaveInFlight", "errorMessage": "An earlier attempt may still be sending."})
    sfn = FakeStepFunctions().tell(RUN, BEGUN, task("Send the matches", failed("WaveInFlight", cause)), SUCCEEDED)
    progress = Progress(console())

    for event in read(sfn):
        progress.show(event)

    assert capsys.readouterr().out.splitlines() == [
        "▸ step    Send the matches",
        "✘ error   Send the matches: WaveInFlight: An earlier attempt may still be sending.",
        "↻ retry   Send the matches, attempt 2",
    ]


@pytest.mark.parametrize(
    ("type_", "status", "details"),
    [
        ("ExecutionAborted", "ABORTED", {"executionAbortedEventDetails": {}}),
        ("ExecutionTimedOut", "TIMED_OUT", {"executionTimedOutEventDetails": {"error": "States.Timeout"}}),
    ],
)
def test_a_run_that_was_cut_off_says_so_and_where(type_, status, details):
    cut = [entered("Task", "Send the matches"), *TRY, {"type": type_, **details}]
    sfn = FakeStepFunctions().tell(RUN, BEGUN, task("Receive a page"), cut)

    (_, last), end = visits(read(sfn, live=True))

    assert end.status == status
    assert (last.state, last.status) == ("Send the matches", "failed")


def test_the_history_of_a_running_execution_is_what_happened_so_far():
    sfn = FakeStepFunctions().tell(RUN, BEGUN, task("Receive a page"), [entered("Task", "Send the matches"), *TRY])

    (_, last), end = visits(read(sfn))

    assert end is None
    assert (last.status, last.seconds) == ("running", None)


def test_an_execution_that_does_not_show_yet_is_waited_for(monkeypatch):
    sfn = FakeStepFunctions()
    sleeps = []

    def appear(seconds):
        sleeps.append(seconds)
        sfn.tell(RUN, BEGUN, task("Receive a page"), SUCCEEDED)

    monkeypatch.setattr(tail.time, "sleep", appear)

    assert read(sfn, live=True)
    assert len(sleeps) == 1


def test_the_history_of_an_execution_that_is_not_there_is_an_error_at_once():
    with pytest.raises(CliError, match="no execution run-1 of the stack redrive"):
        read(FakeStepFunctions())


def test_reading_in_small_pages_reads_the_same_from_a_real_engine(embedded, small_pages):
    sfn = embedded.client("stepfunctions")
    machine = Machine(sfn, embedded.state_machine)
    execution = machine.start({"queue": "no-such-queue"}, name_execution("no-such-queue"))

    followed = list(machine.events(execution, live=True))

    assert followed == list(machine.events(execution, live=False))
    assert [event.state for event in followed if isinstance(event, Entered)][-1] == "Redrive failed"
