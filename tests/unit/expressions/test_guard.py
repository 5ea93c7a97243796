"""Guard: work in a child process; whatever it does, every item has an answer and the caller goes on."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from redrive.expressions.guard import MIB, CutOff, Limits, guarded

QUICK = Limits(one=0.2, all=10, memory=64 * MIB)
ENDLESS = CutOff("took longer than 0.2 s")


def double(number):
    return number * 2


def hostile(what):
    """Do what is asked; `what` is what a hostile expression may do to its process."""
    if what == "regex":
        return re.fullmatch("(a+)+b", "a" * 60)
    if what == "numbers":
        return 7 ** (10**9)  # one instruction, in which no signal is looked at
    if what == "loop":
        while True:
            pass
    if what == "memory":
        return len("x" * 1_000_000_000)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "exit":
        os._exit(3)
    return what


def answers(work, items, limits=QUICK):
    return list(guarded(work, items, limits))


def test_every_item_has_its_result_in_its_place():
    assert answers(double, range(5000)) == [2 * n for n in range(5000)]


def test_results_travel_while_the_work_goes_on():
    def slowly(number):
        time.sleep(0.02)
        return number

    results = guarded(slowly, range(1000), QUICK)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    results.close()
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("regex", "took longer than 0.2 s"),
        ("numbers", "took longer than 0.2 s"),
        ("loop", "took longer than 0.2 s"),
        ("kill", "crashed the process that it ran in (exit code -9)"),
        ("exit", "crashed the process that it ran in (exit code 3)"),
        pytest.param(
            "memory",
            "took more than 64 MiB of memory",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much a process has"),
        ),
    ],
)
def test_what_takes_too_much_is_cut_off_and_the_rest_has_its_results(what, why):
    assert answers(hostile, ["a", "b", what, "c"]) == ["a", "b", CutOff(why), "c"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's processor time by its id")
@pytest.mark.parametrize(("seconds", "answer"), [(0.6, "done"), (20, ENDLESS)])
def test_a_child_that_the_machine_does_not_let_run_has_more_time_and_not_for_ever(seconds, answer):
    def starve(item):  # asleep, it has no processor, as on a machine that is busy
        time.sleep(seconds if item == "starved" else 0)
        return "done"

    began = time.monotonic()
    assert answers(starve, ["a", "starved", "b"]) == ["done", answer, "done"]
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("what", ["regex", "kill"])
def test_it_does_not_matter_where_and_how_often_it_happens(what):
    got = answers(hostile, [what, "a", what, what, "b", what])
    assert [isinstance(answer, CutOff) for answer in got] == [True, False, True, True, False, True]
    assert [answer for answer in got if not isinstance(answer, CutOff)] == ["a", "b"]


def test_a_large_result_is_no_trouble():
    assert answers(lambda n: "x" * n, [3 * MIB, 1, 3 * MIB]) == ["x" * 3 * MIB, "x", "x" * 3 * MIB]


def test_all_items_together_have_a_limit_too():
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        answers(hostile, ["regex"] * 1000, Limits(one=0.1, all=0.5))
    assert time.monotonic() - began < 2
    with pytest.raises(TimeoutError):
        answers(lambda _: time.sleep(0.05), range(1000), Limits(one=1, all=0.3))
    assert not multiprocessing.active_children()


def test_nothing_is_left_behind():
    def open_files():
        return sorted(Path("/dev/fd").iterdir())

    before = open_files()
    answers(hostile, ["a", "regex", "kill", "b"])
    assert open_files() == before
    assert not multiprocessing.active_children()


def test_several_threads_may_do_it_at_once():
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: answers(hostile, ["a", "kill", "b", "regex", "c"]), range(4)):
            assert [answer for answer in got if not isinstance(answer, CutOff)] == ["a", "b", "c"]


def test_without_items_there_is_no_process(monkeypatch):
    monkeypatch.setattr(os, "fork", None)
    assert answers(double, []) == []


def test_when_the_system_can_start_no_process_it_is_said(monkeypatch):
    def refuse():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    with pytest.raises(ChildProcessError, match=r"could start no process .*; try again\.$"):
        answers(double, [1])


ORPHANING = """
import os
from redrive.expressions.guard import Limits, guarded

out = os.dup(1)  # what a child prints goes nowhere

def work(parent):
    os.write(out, b"the child is at work")
    os.kill(parent, 9)
    while True:
        pass

list(guarded(work, [os.getpid()], Limits(one=60, all=1)))
"""


def test_a_child_whose_parent_died_ends_by_itself():
    with subprocess.Popen(
        [sys.executable, "-c", ORPHANING],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as parent:
        said, _ = parent.communicate(timeout=20)  # the child has its end of the pipe, too: both have ended
    assert (said, parent.returncode) == (b"the child is at work", -9)
