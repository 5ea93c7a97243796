"""docs/runbook.md has every end and every error that a run can have, each as the code names it."""

import ast
import inspect
import json
import re
from pathlib import Path

import pytest

from redrive.steps import cleanup, report
from redrive.values import lane, outcome
from redrive.values.errors import ExpressionFailed, RedriveError

ROOT = Path(__file__).parents[2]
RUNBOOK = " ".join((ROOT / "docs" / "runbook.md").read_text().split())
MACHINE = json.loads((ROOT / "statemachine" / "redrive.asl.json").read_text())["States"]
STATES = MACHINE | MACHINE["Drain the queue"]["ItemProcessor"]["States"]
SAID = [
    lane.NEAR_LIMIT,
    lane.HOLD_ENDS,
    lane.DESTINATION_LOST,
    outcome.MAYBE_SENT,
    outcome.STILL_SENDING,
    report.UNSEEN,
]


def every(kind):
    return [kind, *(each for sub in kind.__subclasses__() for each in every(sub))]


def named_in(module):
    """The errors that a module names itself: `Failure("…", …)`."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Call)]
    named = [call.args[0] for call in calls if getattr(call.func, "id", "") == "Failure"]
    return {name.value for name in named if isinstance(name, ast.Constant)}


def causes():
    """What a run that is incomplete says: the longest piece of each sentence that stands in the code as it is said."""
    function = ast.parse(inspect.getsource(report._unfinished))
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "append":
            pieces = [part.value for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant)]
            yield max((piece for piece in pieces if isinstance(piece, str)), key=len)


ERRORS = {kind.__name__ for kind in [*every(RedriveError)[1:], ExpressionFailed]}
OURS = named_in(report) | named_in(cleanup)
OF_ENDS = {state["Error"] for state in STATES.values() if state["Type"] == "Fail" and "Error" in state}
STOPPED = {f"Execution{status.title().replace('_', '')}" for status in cleanup.HOW}
OF_FUNCTIONS = {"Runtime.ExitError", "Sandbox.Timedout", "Lambda.Unknown", "DataLimitExceeded"}
ENDS = {name for name, state in MACHINE.items() if state["Type"] in {"Fail", "Succeed"}}


def test_the_code_names_what_it_is_thought_to_name():
    assert {"InvalidRequest", "PageUnreadable"} <= ERRORS
    assert {"RedriveIncomplete", "MoveTaskFailed"} == OURS
    assert {"RedriveUnreported"} == OF_ENDS
    assert len(list(causes())) >= 10


@pytest.mark.parametrize("name", sorted(ERRORS | OURS | OF_ENDS | STOPPED | OF_FUNCTIONS))
def test_every_error_is_there(name):
    assert f"`{name}`" in RUNBOOK


@pytest.mark.parametrize("name", sorted(ENDS))
def test_every_end_is_there(name):
    assert f"*{name}*" in RUNBOOK or f"## {name} " in RUNBOOK


@pytest.mark.parametrize("words", sorted({*causes(), *SAID}))
def test_every_cause_is_there(words):
    # As far as the longest of its clauses: what goes on behind it may be cut short in a table.
    clause = max(re.split(r"[;:,(]", words), key=len).strip()
    assert clause in RUNBOOK
