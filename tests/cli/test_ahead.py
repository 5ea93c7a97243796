"""Before a run starts it says what it is about to do, as far as the caller may know; and after it what to do next."""

import json
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.steps.lanes import choose_lanes
from redrive.steps.plan import NATIVE
from redrive.steps.validate import parse
from redrive.values.bill import no_requests
from redrive.values.errors import InvalidRequest
from redrive.values.estimate import estimate
from redrive.values.outcome import no_counts
from redrive.values.plan import Move, Path, Plan
from redrive.values.queue import QueueDepth
from redrive.values.summary import Status, Summary
from redrive_cli.app import cli
from redrive_cli.aws.ahead import look_ahead
from redrive_cli.aws.target import Target
from redrive_cli.commands import run as command
from redrive_cli.commands.next_steps import next_steps
from redrive_cli.commands.typed import typed
from redrive_cli.view.ahead import show_ahead
from redrive_cli.view.console import console
from support.aws import dead_letter, make_queues, send
from support.breaking import answer_with, refuse_calls
from support.library import a_queue

EVIL = "\x1b]0;PWNED\x07\x1b[2J\r\nfake line\u202e"


@dataclass(frozen=True)
class Allowed(Target):
    """A target on which the caller is denied what is listed: (service, operation)."""

    denied: tuple = ()
    answers: dict = field(default_factory=dict)

    def client(self, service):
        made = super().client(service)
        for of, operation in self.denied:
            if of == service:
                refuse_calls(made, operation, "AccessDenied", status=403)
        for (of, operation), answer in self.answers.items():
            if of == service:
                answer_with(made, operation, lambda answer=answer: answer)
        return made


@pytest.fixture
def target(embedded, monkeypatch):
    for name, value in embedded.environment.items():
        monkeypatch.setenv(name, value)
    return Allowed("redrive", embedded.endpoint, None, None)


@pytest.fixture
def queues(embedded):
    queues = make_queues(embedded.client("sqs"), sources=2)
    send(queues.sqs, queues.source, [json.dumps({"n": n}) for n in range(5)])
    dead_letter(queues)
    return queues


def told(capsys, ahead):
    show_ahead(console(), ahead)
    return capsys.readouterr().out


def test_it_says_queue_destination_path_what_is_not_recorded_and_what_it_takes(target, queues, capsys):
    first, second = sorted(url.rsplit("/", 1)[-1] for url in queues.sources)

    assert told(capsys, look_ahead(target, {"queue": queues.name})).splitlines() == [
        f"queue     {queues.name}: 5 visible, 0 in flight",
        "which     all that are there",
        f"to        each back to its source: {first}, {second}",
        f"path      native, because {NATIVE}",
        "record    none of single messages, and no copy of them; --record keeps both",
        "at most   5 messages, about 10 s, less than $0.01",
    ]


def test_it_says_which_time_is_asked_for_and_how_long_ago_that_was(target, queues, capsys):
    sent = {"from": "2026-11-20", "to": "2026-11-21"}
    text = told(capsys, look_ahead(target, {"queue": queues.name, "filter": {"sent": sent}, "timezone": "Asia/Seoul"}))

    assert "which     first sent from 2026-11-20 00:00:00 (" in text
    assert " ago) until 2026-11-2" in text
    assert ", Asia/Seoul\n" in text
    assert "record" not in text


DENIALS = [
    ("sqs", "GetQueueUrl", "what is in the queue, and what will become of it: you may not call GetQueueUrl", "path "),
    (
        "sqs",
        "ListDeadLetterSourceQueues",
        "which queues they came from: you may not call",
        "to        each back to its source:",
    ),
    ("sqs", "ListMessageMoveTasks", "whether a move task is at the queue: you may not call ListMessageMoveTasks", None),
    ("dynamodb", "GetItem", "whether another run is at the queue: you may not call GetItem", None),
    ("s3", "ListObjectsV2", "whether an earlier run has left what it sent: you may not call ListObjectsV2", None),
    ("cloudformation", "DescribeStackResource", "whether another run is at the queue: you may not call", None),
]


@pytest.mark.parametrize(("service", "operation", "unknown", "lost"), DENIALS)
def test_a_missing_permission_costs_only_the_line_it_is_for(target, queues, capsys, service, operation, unknown, lost):
    text = told(capsys, look_ahead(replace(target, denied=((service, operation),)), {"queue": queues.name}))

    assert unknown in text.partition("\nunknown   ")[2]
    assert f"queue     {queues.name}" in text
    assert "to        each back to its source" in text
    if lost:
        assert lost not in text
    else:
        assert "path      native" in text


def test_what_the_run_would_refuse_is_refused_now(target, queues):
    with pytest.raises(InvalidRequest, match="a limit with a filter is exact only in one lane"):
        look_ahead(target, {"queue": queues.name, "limit": 3, "lanes": 2, "filter": {"where": "true"}})


def test_a_queue_that_is_not_seen_is_left_to_the_run(target):
    ahead = look_ahead(target, {"queue": "no-such-queue"})

    assert (ahead.plan, ahead.takes_all) == (None, True)
    assert "there is no queue 'no-such-queue'" in ahead.unknown[0]


def test_hostile_texts_are_shown_as_text(target, queues, capsys):
    where = f"body.x = '{EVIL}'"
    text = told(capsys, look_ahead(target, {"queue": queues.name, "filter": {"where": where}}))

    assert not set(text) & set("\x1b\x07\r\u202e")
    assert "\\x1b[2J" in text
    assert not [line for line in text.splitlines() if line.startswith("fake")]


def a_plan(messages, path=Path.CUSTOM, **asked):
    request = parse({"queue": "q"} | asked)
    lanes, because = choose_lanes(request, a_queue("q"), QueueDepth(messages, 0, 0), lambda: 1_000)
    return request, Plan(path, ["r"], True, Move("arn"), [], lanes, because)


@pytest.mark.parametrize(("messages", "a_million"), [(1_000, 0.76), (10_000, 0.41), (100_000, 0.37)])
def test_dollars_are_estimated_as_they_were_measured(messages, a_million):
    """The row *together* of docs/performance.md."""
    request, plan = a_plan(messages)

    found = estimate(request, plan, messages, fifo=False)

    assert found.dollars * 1_000_000 / messages == pytest.approx(a_million, rel=0.05)


def test_a_rate_bounds_the_time():
    request, plan = a_plan(3_000, rate=10)
    assert estimate(request, plan, 3_000, fifo=False).seconds == pytest.approx(310)
    request, plan = a_plan(50_000, Path.NATIVE)
    assert estimate(request, plan, 50_000, fifo=False).seconds == pytest.approx(110)


def a_summary(status, request, **counts):
    return Summary(
        run="run-1",
        status=status,
        queue="orders-dlq",
        path="custom",
        because=[],
        counted=5,
        counts=no_counts() | counts,
        rounds=1,
        lanes=1,
        lanes_because=[],
        started="s",
        ended="e",
        seconds=1.0,
        ledger="s3://b/",
        requests=no_requests(),
        request={"queue": "orders-dlq"} | request,
    )


NOWHERE = Target("redrive", None, "xx-nowhere-1", None)  # so that it knows no alarms
NEXT = [
    (Status.COMPLETE, {}, {"sent": 5}, []),
    (
        Status.INCOMPLETE,
        {},
        {"failed": 2},
        ["redrive messages run-1 --outcome failed", "redrive retry run-1"],
    ),
    (
        Status.NOTHING_MATCHED,
        {"filter": {"where": "-1 = body.n"}},
        {"held": 5},
        ["redrive try orders-dlq '--where=-1 = body.n'", "redrive peek orders-dlq"],
    ),
    (
        Status.NOTHING_MATCHED,
        {"filter": {"sent": {"day": "yesterday"}}},
        {"held": 5},
        ["redrive peek orders-dlq"],
    ),
    (
        Status.COMPLETE,
        {"preview": True, "filter": {"where": "a = 'b c'"}, "limit": 3},
        {"previewed": 3},
        ["""redrive run orders-dlq --where 'a = '"'"'b c'"'"'' --limit 3"""],
    ),
    (Status.COMPLETE, {"preview": True, "transform": {"attributes": "{}"}}, {"previewed": 3}, []),
    (Status.IN_FLIGHT, {}, {}, ["redrive run orders-dlq"]),
]


@pytest.mark.parametrize(("status", "request_", "counts", "steps"), NEXT)
def test_a_run_ends_with_the_next_step_that_makes_sense(monkeypatch, status, request_, counts, steps):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    found = [step.rpartition(": ")[2] for step in next_steps(NOWHERE, a_summary(status, request_, **counts))]

    assert found == [f"{step} --region xx-nowhere-1" for step in steps]


def test_when_messages_in_flight_are_visible_again(target, queues):
    queues.sqs.set_queue_attributes(QueueUrl=queues.dlq, Attributes={"VisibilityTimeout": "90"})
    [step] = next_steps(target, a_summary(Status.IN_FLIGHT, {"queue": queues.name}))

    assert "when the queue's own 1 min 30 s are over: redrive run" in step


def test_an_alarm_that_is_on_is_named_and_one_that_is_off_is_not(target):
    alarms = [{"AlarmName": "orders\x1b are dead", "StateValue": "ALARM"}, {"AlarmName": "x", "StateValue": "OK"}]
    watched = replace(target, answers={("cloudwatch", "DescribeAlarmsForMetric"): {"MetricAlarms": alarms}})

    [step] = next_steps(watched, a_summary(Status.COMPLETE, {}, sent=5))

    assert step.startswith("On at orders-dlq: the alarm orders\x1b are dead. ")


def test_nobody_is_kept_from_a_run_by_an_alarm_that_may_not_be_asked_for(target):
    denied = replace(target, denied=(("cloudwatch", "DescribeAlarmsForMetric"),))

    assert list(next_steps(denied, a_summary(Status.COMPLETE, {}, sent=5))) == []


words = st.text("abc -='\"ü", min_size=1, max_size=8)
numbers = st.integers(1, 32)
documents = st.fixed_dictionaries(
    {"queue": st.just("q")},
    optional={
        "destination": words,
        "transform": words,
        "limit": numbers,
        "rate": numbers,
        "lanes": numbers,
        "path": st.sampled_from(["auto", "native", "custom"]),
        "record": st.just(True),
        "alone": st.just(True),
        "preview": st.just(True),
        "timezone": st.just("Asia/Seoul"),
        "filter": st.fixed_dictionaries(
            {"where": words},
            optional={
                "max_redrives": numbers,
                "sent": st.sampled_from([{"day": "yesterday"}, {"from": "a"}, {"to": "b"}, {"older_than": "2h"}]),
            },
        ),
    },
)


@given(documents)
def test_what_is_typed_for_a_request_makes_that_request(document):
    context = cli.get_command(None, "run").make_context("run", [*typed(document), "q"])
    given_ = {name: context.params[name] for name in context.params if name not in {"yes", "as_json"}}
    for name in Target.__dataclass_fields__:
        del given_[name]

    assert command.build_request(**given_) == document
