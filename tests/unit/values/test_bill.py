"""The bill's table of states, held to the machine's file."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from redrive.values import bill

MACHINE = json.loads((Path(__file__).parents[3] / "statemachine" / "redrive.asl.json").read_text())["States"]
LANE = MACHINE["Drain the queue"]["ItemProcessor"]["States"]
STATES = MACHINE | LANE
STATE_OF = {ways[next(iter(ways))][0]: step for step, ways in bill.WAYS.items()}
BETWEEN = {*bill.A_ROUND, *bill.A_START, *bill.A_LOOK, *bill.A_REFUSED_REQUEST}


def onward(name):
    """The states that may follow without an error."""
    state = STATES[name]
    return [state[key] for key in ("Next", "Default") if key in state] + [r["Next"] for r in state.get("Choices", [])]


def ways_from(name, walked=()):
    """Every way from a step's state up to the next step, the next state between, or the end."""
    walked = (*walked, name)
    found = set()
    for follower in onward(name):
        stops = follower in STATE_OF or follower in BETWEEN
        found |= {walked} if stops else ways_from(follower, walked)
    return found or {walked}


@pytest.mark.parametrize("step", [step for step in bill.WAYS if step != "report"])
def test_the_ways_of_a_step_are_those_of_the_machine(step):
    ways = bill.WAYS[step]
    [state] = {way[0] for way in ways.values()}
    assert set(ways.values()) == ways_from(state)


def test_every_way_from_the_report_to_an_end_is_as_long_as_the_one_in_the_table():
    assert {len(way) for way in ways_from("Write the report")} == {bill.transitions("report")}


def test_every_state_is_a_steps_or_behind_one_or_in_between_or_a_compensation():
    told = {name for ways in bill.WAYS.values() for way in ways.values() for name in way} | BETWEEN
    ends = {name for name, state in MACHINE.items() if state["Type"] in {"Succeed", "Fail"}}
    assert set(STATES) - told - ends == {"Lane stopped", "Cancel the move task", "Start the move elsewhere"}


def test_a_start_is_as_long_whichever_way_the_messages_go():
    home, elsewhere = STATES["Start the move home"], STATES["Start the move elsewhere"]
    assert set(onward(bill.A_START[0])) == {"Start the move home", "Start the move elsewhere"}
    assert [home[part] for part in ("Retry", "Catch", "Next")] == [
        elsewhere[part] for part in ("Retry", "Catch", "Next")
    ]


@pytest.mark.parametrize(
    ("group", "after"),
    [
        (bill.A_LOOK, {"Lengthen the wait", "Drain the queue", "Write the report", "Cancel the move task"}),
        (bill.A_ROUND, {"Drain the queue", "Release what was held"}),
        (bill.A_START, {"Lengthen the wait"}),
        (bill.A_REFUSED_REQUEST, {"Write the report"}),
    ],
    ids=["a look", "a round", "a start", "a refused request"],
)
def test_what_is_in_between_follows_one_on_the_other(group, after):
    for name, follower in pairwise(group):
        assert follower in onward(name)
    assert set(onward(group[-1])) == after
