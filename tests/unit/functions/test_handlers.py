"""The handlers: thin, counted to the last request, and silent about what a message says."""

import importlib
import inspect
import io
import json
import logging
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

import clients
import steps
from redrive.values.errors import InvalidRequest, PageLapsed, QueueNotFound
from support import aws
from support.breaking import answer_with, fail_attempts, refuse_calls
from support.context import Context
from support.library import BUCKET, STARTED, STARTED_MS, TABLE, a_lane, criteria, run_named, text

SECRET = "s3cret-4711"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:redrive:run-1"
LANE_STEPS = ["receive", "filter", "send", "delete"]
STEPS = ["check", "count", "plan", "find", *LANE_STEPS, "release", "report", "cleanup"]
CLIENTS = ("sqs", "s3", "dynamodb", "stepfunctions")


@pytest.fixture
def lambdas(monkeypatch, run):
    """The handlers over the queues of `run`: `lambdas("check", event)`."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BUCKET": BUCKET,
        "JOURNAL_TABLE": TABLE,
    }.items():
        monkeypatch.setenv(name, value)
    clients.forget()
    answer_with(
        clients.stepfunctions(),
        "DescribeExecution",
        lambda: {"status": "RUNNING", "startDate": datetime.fromtimestamp(STARTED_MS / 1000, UTC)},
    )

    def call(step, event):
        return json.loads(json.dumps(importlib.import_module(step).handler(event, Context())))

    yield call
    clients.forget()


@pytest.fixture
def event(run):
    """What each step's event has in common."""
    return {
        "run": run_named("run-1"),
        "execution": EXECUTION,
        "started": STARTED,
        "retries": 0,
        "request": {"queue": "orders-dlq"},
        "queue": run.queue.to_json(),
        "destination": None,
        "sources": [source.to_json() for source in run.sources],
        "more_sources": 0,
        "count": {"visible": 3, "in_flight": 0, "delayed": 0},
        "criteria": criteria().to_json(),
    }


def story(lambdas, event, *, lane=None):
    """Every step once, with its results by name."""
    found = {}
    found["check"] = lambdas("check", event | {"run": "run-1", "document": event["request"]})
    found["count"] = lambdas("count", event)
    found["plan"] = lambdas("plan", event)
    value = (lane or a_lane()).to_json()
    for step in LANE_STEPS:
        value = found[step] = lambdas(step, event | {"lane": value})
    state = {**event, "plan": found["plan"] | {"path": "custom", "drain": {"lanes": [value], "more": False}}}
    found["release"] = lambdas("release", {"run": event["run"], "retries": 0, "state": state})
    state["release"] = found["release"]
    found["report"] = lambdas("report", event | {"run": "run-1", "state": state})
    return found


def fill(run, queues, number=3):
    aws.send(
        run.sqs,
        queues.dlq,
        [json.dumps({"secret": SECRET, "n": n}) for n in range(number)],
        MessageAttributes={"token": text(SECRET)},
    )


@pytest.fixture
def log(monkeypatch):
    """What is logged; `log.lines()` are its records."""
    stream = io.StringIO()
    stream.lines = lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for handler in logging.getLogger("redrive").handlers:
        monkeypatch.setattr(handler, "stream", stream)
    return stream


def test_every_step_gives_plain_json_and_a_redrive_comes_out_of_them(lambdas, event, run, queues):
    fill(run, queues)
    found = story(lambdas, event)
    assert found["check"]["queue"] == event["queue"]
    assert {name: found["count"][name] for name in ("visible", "in_flight", "delayed")} == event["count"]
    assert found["plan"]["path"] == "native"
    assert found["report"]["status"] == "complete"
    assert (found["report"]["sent"], found["report"]["deleted"]) == (3, 3)
    assert len(aws.drain(run.sqs, queues.source)) == 3


@pytest.mark.parametrize("step", LANE_STEPS)
def test_a_lanes_step_always_gives_a_lane_with_the_same_keys(lambdas, event, run, queues, step):
    fill(run, queues)
    assert set(story(lambdas, event)[step]) == set(a_lane().to_json())


def test_each_line_of_the_log_has_the_run_the_lane_and_the_step(lambdas, event, run, queues, log):
    fill(run, queues)
    story(lambdas, event, lane=a_lane(index=7))
    found = log.lines()
    assert len(found) == 9
    assert {line["run"] for line in found} == {"run-1"}
    assert [line.get("lane") for line in found] == [None] * 3 + [7] * 4 + [None] * 2
    assert {line["step"] for line in found} == {Context().function_name}
    sent = found[5]
    assert (sent["message"], sent["page"], sent["received"], sent["sent"]) == ("done", "7/001-0001", 3, 3)


@pytest.mark.parametrize("where", ["true", "$number(body.secret) > 1", "$error(text)", "text"])
def test_neither_the_log_nor_the_state_ever_holds_a_body_or_an_attribute(
    lambdas, event, run, queues, log, capfd, where
):
    fill(run, queues)
    event["criteria"] = criteria(where=where).to_json()
    state = {} if where == "true" else None
    if state is None:
        lane = lambdas("receive", event | {"lane": a_lane().to_json()})
        found = [lane, lambdas("filter", event | {"lane": lane})]
        assert found[1]["tally"]["counts"]["failed"] == 3
    else:
        found = story(lambdas, event)
    assert SECRET not in json.dumps(found)
    captured = capfd.readouterr()
    assert len(log.lines()) >= 2
    assert SECRET not in captured.out + captured.err + log.getvalue()


def test_an_error_of_ours_is_logged_with_its_sentence_and_raised(lambdas, event, log):
    with pytest.raises(QueueNotFound):
        lambdas("check", event | {"document": {"queue": "nowhere"}})
    [line] = log.lines()
    assert (line["level"], line["message"], line["error"]) == ("WARNING", "failed", "QueueNotFound")
    assert line["why"].startswith("queue: there is no queue 'nowhere'")
    with pytest.raises(InvalidRequest):
        lambdas("check", event | {"document": 5})


def test_an_error_of_anybody_else_is_logged_by_its_name_only(lambdas, event, run, queues, log):
    fill(run, queues)
    lane = lambdas("receive", event | {"lane": a_lane().to_json()})
    lane = lambdas("filter", event | {"lane": lane})
    clients.sqs().meta.events.register("before-call.sqs.SendMessageBatch", lambda params, **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        lambdas("send", event | {"lane": lane})
    assert SECRET not in log.getvalue()
    failed = log.lines()[-1]
    assert (failed["message"], failed["error"], failed.get("why")) == ("failed", "ZeroDivisionError", None)
    assert "exception" not in failed


def test_the_metrics_are_counts_by_queue_and_only_what_happened(lambdas, event, run, queues, capsys):
    fill(run, queues)
    story(lambdas, event)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [{name: line[name] for name in line if name.startswith("Messages")} for line in found] == [
        {"MessagesReceived": [3.0], "MessagesSent": [3.0]}
    ]
    assert found[0]["queue"] == "orders-dlq"
    assert found[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Redrive"


def requests_to(service):
    made = []
    client = getattr(clients, service)()
    client.meta.events.register(f"before-send.{service}", lambda **_: made.append(1))
    return made


def test_the_bill_is_what_really_went_over_the_wire(lambdas, event, run, queues):
    fill(run, queues, 13)
    made = {service: requests_to(service) for service in ("sqs", "s3", "dynamodb")}
    found = story(lambdas, event)
    billed = found["report"]["requests"]
    # What `check` and `count` cost is in the state machine's own state, which this story does not keep.
    before = {service: sum(found[step]["requests"][service] for step in ("check", "count")) for service in made}
    assert {service: billed[service] + before[service] for service in made} == {
        service: len(calls) for service, calls in made.items()
    }
    assert billed["lambda"] == len(LANE_STEPS) + 3


@pytest.mark.parametrize("step", ["check", "count"])
def test_a_request_that_botocore_repeats_is_billed_each_time(lambdas, event, step):
    event["document"] = event["request"]
    once = lambdas(step, event)["requests"]
    fail_attempts(clients.sqs(), "GetQueueAttributes", 1)
    again = lambdas(step, event)["requests"]
    assert again["sqs"] == once["sqs"] + 1
    assert {name: again[name] for name in again if name != "sqs"} == {
        name: once[name] for name in once if name != "sqs"
    }


@pytest.mark.parametrize("retries", [0, 1, 5])
def test_a_step_that_was_retried_is_billed_for_each_attempt(lambdas, event, retries):
    found = lambdas("count", event | {"retries": retries})["requests"]
    assert (found["lambda"], found["transitions"]) == (1 + retries, 1 + retries)


@pytest.fixture
def asking(lambdas, event, monkeypatch):
    """A step that asks SQS once and then fails, if told so; gives how many requests it was billed, None if it failed."""
    monkeypatch.setattr(steps, "unbilled", {})

    @steps.step("release")
    def handler(event, _context):
        clients.sqs().list_queues()
        if event["fails"]:
            raise PageLapsed("broken on purpose.")
        return {}

    def attempt(*, retries=0, fails=False, run="run-1", lane=0):
        told = event | {"run": run, "lane": {"index": lane}, "retries": retries, "fails": fails}
        if not fails:
            return handler(told, Context())["requests"]["sqs"]
        with pytest.raises(PageLapsed):
            handler(told, Context())
        return None

    return attempt


def test_what_attempts_asked_before_they_failed_is_billed_once_with_their_retry_in_the_same_worker(asking):
    asking(fails=True)
    asking(fails=True, retries=1)
    assert asking(retries=2) == 3
    assert asking(retries=2) == 1


@pytest.mark.parametrize("other", [{"run": "run-2"}, {"lane": 1}], ids=str)
def test_what_an_attempt_asked_is_not_billed_to_another_run_or_lane(asking, other):
    asking(fails=True)
    assert asking(retries=1, **other) == 1
    assert asking(retries=1) == 2


def test_a_first_attempt_is_billed_for_itself_alone(asking):
    asking(fails=True)
    assert asking() == 1
    assert steps.unbilled == {}


def test_a_worker_keeps_the_requests_of_few_failed_attempts(asking):
    for number in range(steps.MOST_UNBILLED + 3):
        asking(fails=True, run=f"run-{number}")
    assert [run for run, _, _ in steps.unbilled] == [f"run-{3 + number}" for number in range(steps.MOST_UNBILLED)]


def test_a_lane_is_charged_on_top_of_what_it_had(lambdas, event, run, queues):
    fill(run, queues)
    lane = a_lane().charged({"sqs": 100, "lambda": 7})
    found = lambdas("receive", event | {"lane": lane.to_json(), "retries": 2})["tally"]["requests"]
    assert found["lambda"] == 7 + 3
    assert found["sqs"] == 103  # the message, an empty answer, and a look whether the queue is full
    assert found["s3"] == 1 + 1  # it looks for the page of the attempt before, and stores its own


def test_an_end_without_a_page_is_one_state_more(lambdas, event):
    found = lambdas("receive", event | {"lane": a_lane().to_json()})
    assert found["arrived"] is False
    assert found["tally"]["requests"]["transitions"] == 3


@pytest.mark.parametrize(("where", "transitions"), [("true", 2), ("false", 4)])
def test_a_filter_that_selects_nothing_leads_past_send_and_delete(lambdas, event, run, queues, where, transitions):
    fill(run, queues)
    event["criteria"] = criteria(where=where).to_json()
    lane = lambdas("receive", event | {"lane": a_lane().to_json()})
    after = lambdas("filter", event | {"lane": lane})
    assert after["tally"]["requests"]["transitions"] - lane["tally"]["requests"]["transitions"] == transitions


def test_the_ledger_has_the_request_and_what_a_clean_up_needs(lambdas, event, run, queues):
    fill(run, queues)
    planned = lambdas("plan", event)
    assert run.ledger.read_document("request") == event["request"]
    kept = run.ledger.read_document("plan")
    assert kept["plan"] | {"requests": ...} == planned | {"requests": ...}
    for name in ("run", "execution", "started", "request", "queue", "destination", "count"):
        assert kept[name] == event[name]


def test_a_run_enters_with_its_plan_and_leaves_with_its_report(lambdas, event, run, queues):
    other = event | {"run": run_named("run-2"), "execution": EXECUTION[:-1] + "2"}
    lambdas("plan", event)
    beside = "run run-1 is working on the queue as well"
    planned = lambdas("plan", other)
    assert beside in planned["because"]
    lambdas("report", event | {"run": "run-1", "state": {**event, "plan": planned}})
    assert beside not in lambdas("plan", other)["because"]


def test_a_stopped_run_is_cleaned_up_by_its_event(lambdas, event, run, queues):
    fill(run, queues)
    lambdas("plan", event | {"request": {"queue": "orders-dlq", "path": "custom"}})
    run.ledger.write_document("plan", run.ledger.read_document("plan"))
    lambdas("receive", event | {"lane": a_lane().to_json()})
    detail = {"executionArn": EXECUTION, "status": "ABORTED", "startDate": STARTED_MS}
    answer_with(clients.stepfunctions(), "GetExecutionHistory", lambda: {"events": []})
    summary = lambdas("cleanup", {"detail": detail})["summary"]
    assert (summary["run"], summary["status"], summary["received"], summary["failed"]) == ("run-1", "failed", 3, 3)
    assert aws.count(run.sqs, queues.dlq) == (3, 0)
    assert lambdas("cleanup", {"detail": detail})["summary"] is None


def test_an_error_of_aws_is_raised_for_the_state_machine(lambdas, event):
    refuse_calls(clients.sqs(), "GetQueueAttributes", "RequestThrottled")
    with pytest.raises(ClientError):
        lambdas("count", event)


def test_clients_are_made_once_and_only_when_needed(lambdas, event):
    clients.forget()
    lambdas("count", event)
    lambdas("count", event)
    info = clients._client.cache_info()
    assert (info.currsize, info.misses) == (1, 1)


@pytest.mark.parametrize("step", STEPS)
def test_a_handler_is_short_and_says_its_shapes(step):
    module = importlib.import_module(step)
    assert len(inspect.getsource(module).splitlines()) <= 45
    assert "→" in (module.handler.__doc__ or "")
