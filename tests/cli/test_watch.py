"""`redrive watch`: the view of a run that somebody else has started, and the end of one that is over."""

import json
import re
import signal
import time

import pytest

from redrive_cli.aws.executions import Machine, name_execution
from support.aws import dead_letter, make_queues, send

SLOW = {"filter": {"where": "true"}, "rate": 1}


@pytest.fixture
def queues(embedded):
    queues = make_queues(embedded.client("sqs"))
    send(queues.sqs, queues.source, [json.dumps({"n": n}) for n in range(20)])
    dead_letter(queues)
    return queues


@pytest.fixture
def begin(embedded):
    """Start a run as a schedule does, and give its name; what still goes on after the test is stopped."""
    sfn = embedded.client("stepfunctions")
    started = []

    def start(queue, **asked):
        execution = Machine(sfn, embedded.state_machine).start({"queue": queue, **asked}, name_execution(queue))
        started.append(execution)
        return execution.rpartition(":")[2]

    yield start
    for execution in started:
        if sfn.describe_execution(executionArn=execution)["status"] == "RUNNING":
            sfn.stop_execution(executionArn=execution)


def until_ended(embedded, name):
    execution = f"{embedded.state_machine.replace(':stateMachine:', ':execution:')}:{name}"
    while embedded.client("stepfunctions").describe_execution(executionArn=execution)["status"] == "RUNNING":
        time.sleep(0.1)


def test_a_run_that_is_under_way_is_shown_from_its_beginning_to_its_end(on_embedded, queues, begin):
    name = begin(queues.name, filter={"where": "true"})

    done = on_embedded("watch", name, "--json")

    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"Run {name}\n▸ step    Check the request\n")
    assert "✔ ok      Redrive complete" in done.stderr
    assert json.loads(done.stdout)["sent"] == 20


def test_without_a_name_it_is_the_one_that_started_last_and_it_says_which_others_there_are(
    start, embedded, queues, begin
):
    first = begin(queues.name, **SLOW)
    time.sleep(1.1)  # executions are listed with whole seconds
    second = begin(queues.name, **SLOW)

    watching = start("watch", **embedded.environment)

    assert watching.stderr.readline().endswith(" runs are under way, and this is the one that started last.\n")
    assert watching.stderr.readline() == f"hint: See another: redrive watch {first}\n"
    assert watching.stderr.readline() == f"Run {second}\n"


def test_of_an_ended_run_it_shows_the_end_and_exits_with_it_if_told_to(on_embedded, embedded, queues, begin):
    name = begin(queues.name, transform="$error('no')")
    until_ended(embedded, name)

    done = on_embedded("watch", name)
    assert done.returncode == 0
    assert f"Run {name} has ended.\n" in done.stderr
    assert re.search(r"^status +incomplete$", done.stdout, re.MULTILINE)
    assert "error: 20 of 20 messages failed" in done.stderr
    assert f"hint: Send them again, when the reason is gone: redrive retry {name}\n" in done.stderr
    assert on_embedded("watch", name, "--exit-status").returncode == 1


def test_a_run_that_was_refused_is_told_with_the_hint_where_to_look(on_embedded, embedded, begin):
    name = begin("no-such-queue\x1b[2J")
    until_ended(embedded, name)

    done = on_embedded("watch", name, "--exit-status")

    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert f"hint: See every step with: redrive show {name}\n" in done.stderr


def test_ctrl_c_only_ends_the_watching(start, embedded, queues, begin):
    name = begin(queues.name, **SLOW)
    watching = start("watch", name, **embedded.environment)
    while "Drain the queue" not in watching.stderr.readline():
        pass

    watching.send_signal(signal.SIGINT)
    stdout, stderr = watching.communicate(timeout=30)

    assert (watching.returncode, stdout) == (130, "")
    assert "No longer watching; the run goes on." in stderr
    assert f"hint: Stop it with: redrive stop {name} (" in stderr


def test_a_run_that_there_is_not(on_embedded):
    done = on_embedded("watch", "nobody")

    assert done.returncode == 1
    assert done.stderr.startswith("error: There is no execution nobody of the stack redrive in us-east-1")
