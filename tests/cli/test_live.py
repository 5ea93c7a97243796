"""On a terminal a run is drawn over itself, asked for first, and leaves a clean end; each test reads the screen."""

import json
import pickle
import re
import signal
import sys
from datetime import UTC, datetime, timedelta

import pytest

from redrive.history.events import Ended, Entered, Left
from redrive.values.outcome import no_counts
from redrive_cli.view import progress
from redrive_cli.view.console import console
from redrive_cli.view.progress import Progress
from redrive_cli.view.tracking import Tracker
from support.aws import count, dead_letter, make_queues, send
from support.library import a_lane
from support.terminal import Terminal

AT = datetime(2026, 11, 21, tzinfo=UTC)
SLOW = ["--where", "true", "--rate", "4", "--lanes", "2"]
BAR = "━"


@pytest.fixture
def queues(embedded):
    queues = make_queues(embedded.client("sqs"))
    send(queues.sqs, queues.source, [json.dumps({"n": n}) for n in range(16)])
    dead_letter(queues)
    return queues


@pytest.fixture
def terminal(environment, embedded):
    """Run a command on a terminal: `terminal("run", "orders-dlq", columns=40)`."""
    opened = []

    def begin(*words, columns=100, rows=30, **variables):
        words = [sys.executable, "-m", "redrive_cli", *words]
        kept = {name: value for name, value in environment.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
        opened.append(Terminal(words, {**kept, **embedded.environment, **variables}, columns=columns, rows=rows))
        return opened[-1]

    yield begin
    for each in opened:
        each.close()


def test_a_bar_and_a_line_for_each_lane_while_it_drains_and_none_of_it_at_the_end(terminal, queues):
    shown = terminal("run", queues.name, *SLOW)

    drawn = rf"{BAR}.* [1-9]\d* of 16 .*\n  \d+ received, .*\n  lane 1 · turn \d+ · .*\n  lane 2 · turn \d+ · "
    shown.read_until(lambda text: re.search(drawn, text))
    text = shown.end()

    assert shown.process.returncode == 0
    assert BAR not in text
    assert "…" not in text
    lanes = re.findall(r"^ {10}lane (\d) · [1-9] turns · (\d+) received, \2 sent · drained$", text, re.MULTILINE)
    assert [lane for lane, _ in lanes] == ["1", "2"]
    assert sum(int(received) for _, received in lanes) == 16
    lines = text.splitlines()
    states = [line for line in lines if line and line[0] in "▸◇≡○✔"]
    assert states == [
        "▸ step    Check the request",
        "▸ step    Count dead letters",
        "▸ step    Plan the redrive",
        "◇ choice  Must this run step back?",
        "◇ choice  Can SQS move them itself?",
        "≡ lanes   Drain the queue",
        "◇ choice  Another round?",
        "▸ step    Release what was held",
        "▸ step    Write the report",
        "◇ choice  Did everything arrive?",
        "✔ ok      Redrive complete",
    ]
    assert lines.index("✔ ok      Redrive complete") + 1 == next(n for n, line in enumerate(lines) if "run  " in line)
    assert "\x1b[?25h" in shown.raw.decode()  # the cursor is there again


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 0), ("\n", 1, 16), ("n\n", 1, 16), ("\x04", 130, 16)])
def test_when_nothing_narrows_it_down_a_terminal_is_asked_and_no_is_the_default(terminal, queues, answer, code, left):
    shown = terminal("run", queues.name)
    shown.read_until(f"Redrive all of {queues.name}? [y/N]:")
    shown.type(answer)
    text = shown.end()

    assert shown.process.returncode == code
    assert ("No run was started." in text) == (code == 1)
    assert ("Redrive complete" in text) == (code == 0)
    assert count(queues.sqs, queues.dlq) == (left, 0)


@pytest.mark.parametrize("words", [["-y"], ["--limit", "1"], ["--preview"]])
def test_a_run_that_is_narrowed_down_or_said_yes_to_is_not_asked_for(terminal, queues, words):
    text = terminal("run", queues.name, *words).end()

    assert "[y/N]" not in text
    assert "Redrive complete" in text


def test_a_narrow_and_low_terminal_has_no_line_that_wraps(terminal, queues):
    shown = terminal("run", queues.name, *SLOW, columns=30, rows=8)
    shown.read_until(lambda text: re.search(r"^  lane 1 ", text, re.MULTILINE))
    text = shown.end()

    assert shown.process.returncode == 0
    assert "✔ ok      Redrive complete" in text
    assert not re.search(r"^  lane \d · turn", text, re.MULTILINE)


def test_a_terminal_that_is_made_smaller_meanwhile_is_drawn_to_its_new_size(terminal, queues):
    shown = terminal("run", queues.name, *SLOW)
    shown.read_until(lambda text: re.search(r"^  lane 2 ", text, re.MULTILINE))
    shown.resize(40, 12)
    text = shown.end()

    assert shown.process.returncode == 0
    assert "✔ ok      Redrive complete" in text
    assert "Traceback" not in text


def test_no_color_is_honoured_where_lines_are_drawn_over(terminal, queues):
    shown = terminal("run", queues.name, "--where", "true", NO_COLOR="1")
    shown.end()

    assert not re.search(rb"\x1b\[[\d;]*3\dm", shown.raw)


def test_a_dumb_terminal_gets_lines(terminal, queues):
    shown = terminal("run", queues.name, "--where", "true", TERM="dumb")
    text = shown.end()

    assert b"\x1b" not in shown.raw
    assert "Redrive complete" in text
    assert "lane 1 · turn 1 · Receive a page" in text


def test_ctrl_c_on_a_terminal_leaves_a_clean_screen_and_the_run_going_on(terminal, queues):
    shown = terminal("run", queues.name, *SLOW)
    shown.read_until(lambda text: re.search(r"^  lane 2 ", text, re.MULTILINE))
    shown.process.send_signal(signal.SIGINT)
    text = shown.end()

    assert shown.process.returncode == 130
    assert "No longer watching; the run goes on." in text
    assert BAR not in text
    assert "Traceback" not in text


def turns_of(lanes, number):
    """The events of so many turns in each of so many lanes."""
    for turn in range(1, number + 1):
        for index in range(lanes):
            before, after = (
                a_lane(index=index, round=1, turn=n, counts=no_counts() | {"received": 10 * n, "sent": 10 * n})
                for n in (turn - 1, turn)
            )
            where = AT + timedelta(seconds=turn), index + 1, "Receive a page", "Task"
            yield Entered(*where, {"lane": before.to_json()})
            yield Left(*where, {"lane": after.to_json()})


def test_many_turns_in_a_pipe_are_few_lines_and_none_of_them_is_lost(capsys, monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock) / 10)  # each look at it is a tenth later
    told = Progress(console())
    for event in turns_of(lanes=3, number=100):
        told.show(event)
    for lane in (1, 2, 3):
        told.show(Ended(AT, lane, "SUCCEEDED", "", ""))
    told.show(Left(AT, None, "Drain the queue", "Map", {}))

    lines = capsys.readouterr().out.splitlines()
    assert 3 < len(lines) < 20
    assert (
        sum(int(number.replace(",", "")) for line in lines for number in re.findall(r"\(([\d,]+) received", line))
        == 3_000
    )


def test_a_look_at_a_move_task_is_told_once_unless_it_brings_something(capsys):
    told = Progress(console())
    loop = ["Lengthen the wait", "Wait for the move", "Read the move task", "Has the move ended?"]
    for status, moved in [("RUNNING", 0), ("RUNNING", 10), ("RUNNING", 20), ("COMPLETED", 30)]:
        listed = {"Status": status, "ApproximateNumberOfMessagesMoved": moved, "ApproximateNumberOfMessagesToMove": 30}
        for state in loop:
            told.show(Entered(AT, None, state, "Task", {}))
            told.show(Left(AT, None, state, "Task", {"moves": {"Results": [listed]}}))

    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "▸ step    Lengthen the wait",
        "▸ step    Wait for the move",
        "▸ step    Read the move task",
        "RUNNING: 0 of 30 moved",
        "▸ step    Has the move ended?",
        "COMPLETED: 30 of 30 moved",
    ]


def test_a_long_run_takes_no_more_memory_than_a_short_one():
    def what_is_kept_of(number):
        now = Tracker()
        for event in turns_of(lanes=4, number=number):
            now.take(event)
        return len(pickle.dumps(now))

    assert what_is_kept_of(1_000) < 1.1 * what_is_kept_of(100)


def test_the_time_left_is_that_of_the_last_minutes_rate():
    now = Tracker()
    request, depth = {"queue": "q"}, {"visible": 1_000, "in_flight": 0, "delayed": 0}
    now.take(Left(AT, None, "Plan the redrive", "Task", {"request": request, "count": depth, "plan": {}}))
    for event in turns_of(lanes=1, number=20):  # ten a second
        now.take(event)

    assert (now.total, now.done) == (1_000, 200)
    assert now.rate == pytest.approx(10, rel=0.1)
    assert now.seconds_left == pytest.approx(80, rel=0.1)
