"""`redrive run` and `redrive show`, as processes with pipes, on the embedded AWS."""

import json
import re
import signal

import pytest

from support.aws import count, dead_letter, make_queues, send

WHERE = 'body.code = "TIMEOUT"'
ESCAPE = "\x1b"
TURN = ["Receive a page", "Filter the page", "Send the matches", "Delete what was sent", "Lane drained"]
THEN = " \u203a "


def five_dead_letters(embedded):
    """Three timeouts and two others in a DLQ."""
    queues = make_queues(embedded.client("sqs"))
    send(queues.sqs, queues.source, [json.dumps({"n": n, "code": "TIMEOUT" if n < 3 else "OTHER"}) for n in range(5)])
    dead_letter(queues)
    return queues


@pytest.fixture
def queues(embedded):
    return five_dead_letters(embedded)


@pytest.fixture(scope="module")
def redriven(embedded, on_embedded):
    """A run that redrove the timeouts, as its process ended."""
    return on_embedded("run", five_dead_letters(embedded).name, "--where", WHERE)


def states_of(stdout):
    """The lines of the states, and the one of the end."""
    lines = stdout.splitlines()
    return lines[lines.index("States") + 1 :]


def run_name(stderr):
    """The execution's name, in the first line of the progress."""
    word, name = stderr.splitlines()[0].split()
    assert word == "Run"
    return name


def test_json_on_stdout_is_the_summary_and_nothing_else(on_embedded, queues):
    done = on_embedded("run", queues.name, "--where", WHERE, "--json")

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["status"], summary["path"], summary["because"]) == ("complete", "custom", ["filter.where is set"])
    assert (summary["received"], summary["sent"], summary["held"]) == (5, 3, 2)
    assert summary["run"] == run_name(done.stderr)
    assert count(queues.sqs, queues.source) == (3, 0)
    assert count(queues.sqs, queues.dlq) == (2, 0)


def test_progress_on_stderr_names_every_state_as_it_is_entered(redriven):
    _, *lines = redriven.stderr.splitlines()
    assert lines == [
        "▸ step    Check the request",
        "▸ step    Count dead letters",
        "          5 visible, 0 in flight",
        "▸ step    Plan the redrive",
        "          custom path, because filter.where is set",
        "◇ choice  Must this run step back?",
        "◇ choice  Can SQS move them itself?",
        "≡ lanes   Drain the queue",
        f"          lane 1 · turn 1 · {THEN.join(TURN)}  (5 received, 3 sent, 2 held)",
        "◇ choice  Another round?",
        "▸ step    Release what was held",
        "          2 are visible in the queue again",
        "▸ step    Write the report",
        "◇ choice  Did everything arrive?",
        "✔ ok      Redrive complete",
    ]


def test_the_summary_for_people_is_aligned_lines(on_embedded, queues):
    done = on_embedded("run", queues.name, "--preview")

    lines = {line[:10].strip(): line[10:] for line in done.stdout.splitlines()}
    assert lines["status"] == "complete"
    assert lines["queue"] == queues.name
    assert lines["path"] == "custom, because preview is set"
    assert (lines["received"], lines["sent"], lines["previewed"]) == ("5", "0", "5")
    assert lines["ledger"].startswith("s3://")


def test_the_native_path_tells_what_sqs_moved(on_embedded, queues):
    done = on_embedded("run", queues.name)

    assert done.returncode == 0, done.stderr
    assert "COMPLETED: 5 of 5 moved" in done.stderr
    assert count(queues.sqs, queues.source) == (5, 0)


def test_a_refused_request_exits_with_1_and_says_why(on_embedded, queues):
    done = on_embedded("run", queues.name, "--destination", "nowhere", "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["status"] == "failed"
    *_, error, hint = done.stderr.splitlines()
    assert error.startswith("error: destination: there is no queue 'nowhere'")
    assert hint == f"hint: See every step with: redrive show {run_name(done.stderr)}"
    assert count(queues.sqs, queues.dlq) == (5, 0)


def test_what_is_wrong_in_itself_is_said_before_a_run_is_started(on_embedded, embedded, queues):
    machine = {"stateMachineArn": embedded.state_machine}
    before = embedded.client("stepfunctions").list_executions(**machine)["executions"]

    done = on_embedded("run", queues.name, "--where", "(((", "--json")

    assert (done.returncode, done.stdout) == (1, "")
    [error, hint] = done.stderr.splitlines()
    assert error == "error: filter.where: column 3: ) is missing at the end; write it there."
    assert hint == "hint: No run was started. Correct --where."
    assert embedded.client("stepfunctions").list_executions(**machine)["executions"] == before


def test_a_request_that_the_plan_refuses_exits_with_1_and_says_why(on_embedded, queues):
    done = on_embedded("run", queues.name, "--lanes", "2", "--limit", "3", "--where", "true", "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["status"] == "failed"
    *_, error, hint = done.stderr.splitlines()
    assert (
        error
        == "error: lanes: it can only be 1, because a limit with a filter is exact only in one lane; leave it out."
    )
    assert hint == f"hint: See every step with: redrive show {run_name(done.stderr)}"
    assert "Traceback" not in done.stderr
    assert count(queues.sqs, queues.dlq) == (5, 0)


def test_an_incomplete_run_exits_with_1_and_still_has_its_summary(on_embedded, queues):
    done = on_embedded("run", queues.name, "--transform", "$error('no')", "--json")

    assert done.returncode == 1
    summary = json.loads(done.stdout)
    assert (summary["status"], summary["failed"], summary["sent"]) == ("incomplete", 5, 0)
    assert "error: 5 of 5 messages failed and stay in the queue" in done.stderr
    assert count(queues.sqs, queues.dlq) == (5, 0)


def test_pipes_get_no_colours(on_embedded, redriven):
    history = on_embedded("show", run_name(redriven.stderr))

    assert ESCAPE not in redriven.stdout + redriven.stderr + history.stdout + history.stderr


def test_a_terminal_that_cannot_show_the_symbols_is_no_reason_to_fail(on_embedded, redriven):
    done = on_embedded("show", run_name(redriven.stderr), PYTHONIOENCODING="ascii")

    assert done.returncode == 0, done.stderr
    assert "? ok" in done.stdout


def test_ctrl_c_leaves_the_run_going_on_and_says_how_to_see_and_stop_it(start, on_embedded, embedded, queues):
    running = start("run", queues.name, "--where", WHERE, **embedded.environment)
    seen = ""
    while "Drain the queue" not in seen:
        seen += running.stderr.readline()

    running.send_signal(signal.SIGINT)
    stdout, stderr = running.communicate(timeout=10)

    name = run_name(seen)
    assert running.returncode == 130
    assert stdout == ""
    assert "the run goes on" in stderr
    assert f"redrive show {name}" in stderr
    assert f"redrive stop {name}" in stderr
    assert "Traceback" not in stderr
    sfn = embedded.client("stepfunctions")
    execution = f"{embedded.state_machine.replace(':stateMachine:', ':execution:')}:{name}"
    assert sfn.describe_execution(executionArn=execution)["status"] in {"RUNNING", "SUCCEEDED"}


def test_a_finished_run_is_shown_with_its_states_and_its_lanes(on_embedded, redriven):
    done = on_embedded("show", run_name(redriven.stderr))

    assert done.returncode == 0
    assert done.stderr == ""
    *states, end = states_of(done.stdout)
    assert end == "✔ SUCCEEDED"
    names = [re.split(r" {2,}\d", line[22:])[0] for line in states]
    drain = names.index("Drain the queue")
    assert names[:2] == ["Check the request", "Count dead letters"]
    assert names[drain + 1 : drain + 4] == [
        "  lane 1 · Receive a page",
        "  lane 1 · Did any arrive?",
        "  lane 1 · Filter the page",
    ]
    assert all(line.endswith("✔ ok") for line in states)


def test_without_a_name_the_most_recent_run_is_shown(on_embedded):
    on_embedded("run", "no-such-queue")

    done = on_embedded("show")

    *states, end = states_of(done.stdout)
    assert done.returncode == 0
    assert "Check the request" in states[0]
    assert states[0].endswith("✘ caught QueueNotFound")
    assert states[-1].endswith("✘ failed QueueNotFound")
    assert end.startswith("✘ FAILED  QueueNotFound: queue: there is no queue 'no-such-queue'")


def test_all_of_it_as_json_has_an_object_for_each_state_and_one_for_the_end(on_embedded, redriven):
    done = on_embedded("show", run_name(redriven.stderr), "--json")

    shown = json.loads(done.stdout)
    states, end = shown["states"], shown["end"]

    assert shown["summary"]["status"] == "complete"
    assert shown["request"]["filter"] == {"where": WHERE}
    assert end["execution"] == "SUCCEEDED"
    assert {"time", "state", "lane", "status", "attempts", "error", "cause", "seconds"} == set(states[0])
    lanes = [state["state"] for state in states if state["lane"] == 1]
    assert lanes == [
        "Receive a page",
        "Did any arrive?",
        "Filter the page",
        "Anything to send?",
        "Send the matches",
        "Delete what was sent",
        "Another page?",
        "Lane drained",
    ]


def test_an_execution_can_be_named_by_its_arn(on_embedded, embedded, redriven):
    name = run_name(redriven.stderr)
    arn = f"{embedded.state_machine.replace(':stateMachine:', ':execution:')}:{name}"

    assert on_embedded("show", arn).stdout == on_embedded("show", name).stdout
