"""Real kills on the embedded AWS: the worker processes of its functions die by SIGKILL, and executions are stopped."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from redrive.values.outcome import conserves
from support.aws import count, drain, make_queues, send
from support.engine import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MESSAGES = 1_000  # one page of the deployed plan: ten waves
WAVE = 100
# An attempt that was killed keeps its waves for as long as it could still be sending them.
SEND_TIMEOUT = 20


@pytest.fixture
def queues(aws: Any) -> Any:
    """A thousand dead letters, put into the queue by hand: its only source is where they go."""
    queues = make_queues(aws.client("sqs"))
    send(queues.sqs, queues.dlq, [json.dumps({"n": n, "filling": "x" * 400}) for n in range(MESSAGES)])
    return queues


@pytest.fixture
def short_send(aws: Any) -> Iterator[None]:
    """A Send that may take 20 seconds instead of 120, so that a retry need not wait long for what the dead one began."""
    functions = aws.client("lambda")
    name = function(aws, "Send")
    functions.update_function_configuration(FunctionName=name, Timeout=SEND_TIMEOUT)
    yield
    functions.update_function_configuration(FunctionName=name, Timeout=120)


def function(aws: Any, step: str) -> str:
    pages = aws.client("lambda").get_paginator("list_functions").paginate()
    names = [found["FunctionName"] for page in pages for found in page["Functions"]]
    (name,) = [name for name in names if f"{step}Function" in name or name.lower().endswith(f"-{step.lower()}")]
    return name


def workers(aws: Any, name: str) -> list[int]:
    """The worker processes of one function of this very AWS, by what they were started with."""
    wanted = f"AWS_LAMBDA_FUNCTION_NAME={name}".encode()
    here = aws.stack.endpoint.rsplit(":", 1)[1].encode()
    found = []
    for process in Path("/proc").iterdir():
        try:
            environment = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # not a process, not ours, or gone
        if wanted in environment and any(
            line.startswith(b"AWS_ENDPOINT_URL") and line.endswith(b":" + here) for line in environment
        ):
            found.append(int(process.name))
    return found


def kill_when(aws: Any, step: str, moment: Callable[[], Any]) -> int:
    """Kill the function's workers as soon as the moment has come; give how many."""
    name = function(aws, step)
    give_up = time.monotonic() + 60
    victims: list[int] = []
    while not moment():
        assert time.monotonic() < give_up, "the moment never came"
        victims = victims or workers(aws, name)  # known before: a step may be done in a blink
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    return len(victims)


def numbers(messages: list[dict[str, Any]]) -> Counter[int]:
    return Counter(json.loads(message["Body"])["n"] for message in messages)


def unfinished_waves(aws: Any) -> int:
    """The waves that the journal has begun and not recorded."""
    found = 0
    for table in aws.client("dynamodb").list_tables()["TableNames"]:
        for item in aws.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]:
            found += item.get("status", {}).get("S") == "INPROGRESS"
    return found


def exit_errors(aws: Any, arn: str) -> list[str]:
    """The errors of tasks that failed, in a run's lanes."""
    return [
        details["error"]
        for lane in aws.lanes(arn)
        for event in aws.events(lane)
        for kind, details in event.items()
        if kind in {"taskFailedEventDetails", "lambdaFunctionFailedEventDetails"}
    ]


@pytest.mark.slow
def test_a_send_that_is_killed_is_tried_again_and_repeats_at_most_the_waves_in_flight(aws, queues, short_send):
    arn = aws.start({"queue": queues.name, "path": "custom"})
    assert kill_when(aws, "Send", lambda: count(queues.sqs, queues.source)[0] > 0)
    waves = unfinished_waves(aws)
    at_the_kill = count(queues.sqs, queues.source)[0]
    assert 0 < at_the_kill < MESSAGES, "it was not in the middle"
    run = aws.wait(arn, timeout=200)
    assert "Runtime.ExitError" in exit_errors(aws, arn)
    assert run.output["status"] == "complete"
    assert (run.output["received"], run.output["sent"], run.output["deleted"]) == (MESSAGES,) * 3
    assert count(queues.sqs, queues.dlq) == (0, 0)
    arrived = numbers(drain(queues.sqs, queues.source))
    assert set(arrived) == set(range(MESSAGES))
    repeated = arrived.total() - MESSAGES
    assert repeated <= min(waves * WAVE, at_the_kill)
    assert max(arrived.values()) <= 2


@pytest.mark.slow
def test_a_delete_that_is_killed_is_tried_again_and_repeats_nothing(aws, queues):
    arn = aws.start({"queue": queues.name, "path": "custom"})
    assert kill_when(aws, "Delete", lambda: 0 < sum(count(queues.sqs, queues.dlq)) < MESSAGES)
    run = aws.wait(arn, timeout=120)
    assert "Runtime.ExitError" in exit_errors(aws, arn)
    assert run.output["status"] == "complete"
    assert run.output["sent"] == MESSAGES
    assert count(queues.sqs, queues.dlq) == (0, 0)
    assert numbers(drain(queues.sqs, queues.source)) == Counter(range(MESSAGES))


@pytest.mark.slow
def test_a_receive_that_is_killed_gives_its_messages_back_by_itself_and_the_rest_arrives(aws, queues):
    arn = aws.start({"queue": queues.name, "path": "custom"})
    assert kill_when(aws, "Receive", lambda: count(queues.sqs, queues.dlq)[1] > 0)
    run = aws.wait(arn, timeout=120)
    assert "Runtime.ExitError" in exit_errors(aws, arn)
    arrived = numbers(drain(queues.sqs, queues.source))
    assert run.summary["sent"] == arrived.total() == len(arrived)
    # What the dead one had taken is in flight, for ten minutes at most, and nobody else has it.
    assert count(queues.sqs, queues.dlq) == (0, MESSAGES - len(arrived))


@pytest.mark.slow
def test_an_execution_that_is_stopped_while_it_sends_leaves_each_message_in_a_queue_and_a_report(aws, queues):
    """A function outlives its execution: clean-up and Send are at the same page at once, and only one of them has it."""
    arn = aws.start({"queue": queues.name, "path": "custom", "filter": {"where": "body.n < 900"}})
    eventually(lambda: count(queues.sqs, queues.source)[0])
    aws.client("stepfunctions").stop_execution(executionArn=arn, error="Stopped", cause="by hand")
    run = aws.wait(arn)
    assert run.status == "ABORTED"
    summary = eventually(lambda: aws.summary(arn))
    assert summary["error"] == "ExecutionAborted"
    assert conserves(summary)
    eventually(lambda: at_rest(queues), within=60)
    arrived = numbers(drain(queues.sqs, queues.source))
    shown = numbers(drain(queues.sqs, queues.dlq))
    assert max(arrived.values()) == 1
    assert set(arrived) <= set(range(900))
    assert summary["sent"] <= len(arrived)
    # What was held is back; of what was to be sent, nothing shows that has arrived as well.
    hidden = count(queues.sqs, queues.dlq)[1]
    assert set(range(900, 1000)) <= set(shown)
    assert not set(shown) & set(arrived)
    assert len(shown) + len(arrived) + hidden >= MESSAGES
    again = aws.client("lambda").invoke(
        FunctionName=function(aws, "Cleanup"),
        Payload=json.dumps(aws.status_change(arn, "ABORTED")).encode(),
    )
    assert json.load(again["Payload"])["summary"] is None


def at_rest(queues: Any) -> bool:
    before = count(queues.sqs, queues.source), count(queues.sqs, queues.dlq)
    time.sleep(2)
    return before == (count(queues.sqs, queues.source), count(queues.sqs, queues.dlq))
