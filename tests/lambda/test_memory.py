"""Every function, on pages as heavy as they can be, stays well below the memory that it has.

A text with one letter beyond 65,535 costs Python four bytes for each of its letters, and it is random, so that gzip makes
it little smaller. Each function is one worker for the whole of a run, as on Lambda: what one page leaves behind counts
with the next.
"""

import base64
import os
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from redrive.sqs.batch import tens
from redrive.steps.lanes import STANDARD
from redrive.stores import pages
from redrive.stores.ledger import Ledger
from redrive.values.queue import LARGEST
from redrive.values.run import End
from redrive_embedded import ACCOUNT, REGION
from support.sandbox import Sandbox, Share

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]

MARGIN = 0.85  # of the memory: what may be used of it at most
MOST = STANDARD.page_bytes
STARTED = (datetime.now(UTC) + timedelta(hours=1)).isoformat()  # a run leaves alone what is sent after it began
MERGE = '$merge([body, {"mended": true}])'
SEED = MOST // 72  # bytes; 70 of them are a page, of which GROW makes more than the 64 MiB that it may
GROW = "text & $substring(text, 0, 460000)"


def heavy(size):
    """A JSON document of so many bytes, with one letter that makes Python hold four bytes for each."""
    frame = '{"text": "\U0001f600%s"}'
    room = size - len((frame % "").encode())
    return frame % base64.b64encode(os.urandom(room)).decode()[:room]


def fill(sqs, *sizes):
    """A dead-letter queue with heavy messages of so many bytes each, and a queue to send them to."""
    name = f"heavy-{uuid.uuid4().hex[:8]}"
    for suffix in ("-dlq", ""):
        sqs.create_queue(QueueName=name + suffix)
    url = sqs.get_queue_url(QueueName=f"{name}-dlq")["QueueUrl"]
    for some in [batch for alike in sizes for batch in tens(alike, 10 if max(alike) < LARGEST // 10 else 1)]:
        entries = [{"Id": str(n), "MessageBody": heavy(size)} for n, size in enumerate(some)]
        assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
    return name


class Machine:
    """The steps of one run, each in a sandbox of its own, in the order and with the input that the machine gives them."""

    def __init__(self, functions, place, request):
        self.run = f"run-{uuid.uuid4().hex[:8]}"
        self.execution = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:redrive:{self.run}"
        self._functions, self._place, self._open = functions, place, ExitStack()
        self.workers = {}
        self.state = self.call("check", document=request, started=STARTED)
        self.state["count"] = self.call("count", queue=self.state["queue"])
        self.state["plan"] = self.call("plan", **self.given("started", "request", "queue", "destination", "count"))
        self.lane = self.state["plan"]["drain"]["lanes"][0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._open.close()

    def given(self, *names):
        return {name: self.state[name] for name in names}

    def call(self, step, **event):
        if step not in self.workers:
            self.workers[step] = self._open.enter_context(Sandbox(self._functions[step], self._place))
        # The request is checked, and the report written, for an execution of this name.
        run = self.run if step in {"check", "report"} else self.state["run"]
        common = {"run": run, "execution": self.execution, "retries": 0}
        return self.workers[step].invoke(common | event)

    def step(self, step):
        plan = self.state["plan"]
        there = {**self.given("destination"), "sources": plan["sources"], "more_sources": plan["more_sources"]}
        more = {"filter": {**self.given("criteria"), **there}, "send": there}
        self.lane = self.call(step, **self.given("queue"), lane=self.lane, **more.get(step, {}))

    def turn(self, *steps):
        self.step("receive")
        if self.lane["arrived"]:
            for step in steps or ("filter", "send", "delete"):
                self.step(step)
        return self.lane

    def end(self):
        self.state["plan"]["drain"]["lanes"] = [self.lane]
        self.state["release"] = self.call("release", state=self.state)
        return self.call("report", started=STARTED, state=self.state)


@pytest.fixture(scope="module")
def peaks():
    return {}


@pytest.fixture
def run(functions, place, embedded, peaks):
    """Begin a run over heavy messages of these sizes; at its end every function's peak is noted, and held to its memory."""
    began = []

    def begin(*sizes, **request):
        name = fill(embedded.client("sqs"), *sizes)
        asked = {"queue": f"{name}-dlq", "destination": name, "path": "custom", **request}
        document = {field: value for field, value in asked.items() if value is not None}
        began.append(Machine(functions, place, document))
        return began[-1]

    yield begin
    for machine in began:
        for step, worker in machine.workers.items():
            print(step, f"{worker.peak:.0f} MiB")
            peaks[step] = max(peaks.get(step, 0), worker.peak)
        machine.__exit__()


def bytes_of(embedded, machine):
    """The bytes of each page of a run, as SQS counts them."""
    ledger = Ledger(embedded.client("s3"), embedded.bucket, machine.state["run"])
    return {
        name: sum(message.bytes for message in pages.read(ledger, name).messages) for name in pages.stored_names(ledger)
    }


def test_whole_runs_over_the_heaviest_pages(run, embedded, relay):
    machine = run([LARGEST - 256] * 45, filter={"where": "$contains(text, '\U0001f600')"}, transform=MERGE)
    while machine.turn()["next"]["another_turn"]:
        pass
    summary = machine.end()
    assert (summary["sent"], summary["deleted"], summary["failed"]) == (45, 45, 0)
    assert max(relay.received) > 9 * LARGEST  # SQS's answers were as heavy as they can be
    assert MOST - 10 * LARGEST < max(bytes_of(embedded, machine).values()) <= MOST


def test_the_heaviest_pages_are_archived(run):
    machine = run([LARGEST - 256] * 45, action="delete", destination=None, filter={"where": "true"})
    while machine.turn("filter", "archive", "delete")["next"]["another_turn"]:
        pass
    summary = machine.end()
    assert (summary["discarded"], summary["deleted"], summary["failed"]) == (45, 45, 0)


def test_messages_that_are_suddenly_large(run, embedded):
    """Of messages that are all small, four polls are on their way; each brings ten of the largest that there are."""
    machine = run([30_000] * 800, [LARGEST - 256] * 40)
    machine.step("receive")
    [page] = bytes_of(embedded, machine).values()
    assert 800 * 30_000 + 10 * LARGEST < page <= MOST
    assert machine.lane["next"]["another_turn"]


def test_bodies_that_grow(run):
    machine = run([SEED] * 72, transform=GROW)
    while machine.turn()["next"]["another_turn"]:
        pass
    summary = machine.end()
    assert summary["sent"] + summary["failed"] == 72
    assert 0 < summary["failed"] < 12  # its new bodies were as many as a page may have


def test_a_page_that_was_judged_and_not_sent_is_closed_by_the_release_and_by_the_clean_up(run, embedded):
    machine = run([SEED] * 70, transform=GROW)
    machine.turn("filter")
    machine.lane["error"] = {"Error": "Lambda.Unknown", "Cause": "killed"}
    machine.state["plan"]["drain"]["lanes"] = [machine.lane]
    assert machine.call("release", state=machine.state)["counts"]["failed"] == 70
    # As if the release had died before it could write that.
    key = f"runs/{machine.state['run']}/outcomes/{machine.lane['page']['name']}.jsonl.gz"
    embedded.client("s3").delete_object(Bucket=embedded.bucket, Key=key)
    ended = End(machine.execution, "ABORTED", datetime.fromisoformat(STARTED)).to_event()
    assert machine.call("cleanup", **ended)["summary"]["failed"] == 70
    machine.call("find", started=STARTED, **machine.given("queue"), move=machine.state["plan"]["move"])


def test_no_function_came_near_its_memory(place, functions, peaks, report):
    report.append(f"{'function':10}{'MiB at most':>12}{'of':>6}")
    report += [f"{step:10}{peak:12.0f}{functions[step].memory:6}" for step, peak in sorted(peaks.items())]
    if not Share.possible():
        report.append("without a function's share of a processor: this machine has no cgroup (v1) for it")
    assert set(peaks) == set(functions)
    assert {step: peak for step, peak in peaks.items() if peak > MARGIN * functions[step].memory} == {}
