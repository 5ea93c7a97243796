"""A lane: small, whole as JSON, and adding up."""

import json

from hypothesis import given
from hypothesis import strategies as st

from redrive.expressions.jsonata import LONGEST_FIELD, MOST_FIELDS
from redrive.values.bill import BILLED, add
from redrive.values.errors import Failure
from redrive.values.lane import HOLD_ENDS, MOST_GROUPS, Lane, Page, unseen_in_all
from redrive.values.outcome import COUNTED, MOST_REASONS, no_counts
from support.library import a_lane

tallies = st.dictionaries(st.sampled_from(COUNTED), st.integers(0, 10**9))
reasons = st.dictionaries(st.text(max_size=250), st.integers(1, 10**6), max_size=20)


@given(tallies, reasons, st.none() | st.integers(0), st.none() | st.integers(1, 10**9))
def test_a_lane_survives_the_state_machine(counts, blamed, limit, pace):
    lane = a_lane(index=3, limit_left=limit, pace=pace, page=Page("3/001-0001", 5, 4, 1.5), error=Failure("X", "why"))
    lane = lane.counting(counts).blaming(blamed).stopping({"group": "why"}).charged({"sqs": 3})
    assert Lane.from_json(json.loads(json.dumps(lane.to_json()))) == lane


@given(st.lists(tallies, max_size=5))
def test_counting_adds_up(pages):
    lane = a_lane()
    for counts in pages:
        lane = lane.counting(counts)
    assert lane.tally.counts == add(no_counts(), *pages)


@given(st.lists(reasons, max_size=5))
def test_a_lane_keeps_few_reasons_and_counts_those_it_keeps_right(pages):
    lane = a_lane()
    for blamed in pages:
        lane = lane.blaming(blamed)
    assert len(lane.tally.reasons) <= MOST_REASONS
    seen_first = [reason for blamed in pages for reason in blamed]
    if seen_first:
        assert lane.tally.reasons
        assert lane.tally.reasons[seen_first[0]] == sum(blamed.get(seen_first[0], 0) for blamed in pages)


def test_a_lane_keeps_the_first_groups_that_stopped_with_their_first_reason_and_counts_the_others():
    lane = a_lane().stopping({f"g{n}": "first" for n in range(MOST_GROUPS - 1)})
    assert (len(lane.tally.groups), lane.tally.more_groups) == (MOST_GROUPS - 1, 0)
    lane = lane.stopping({"g0": "second", "h0": "second", "h1": "second", "h2": "second"}).stopping({})
    assert lane.tally.groups == {f"g{n}": "first" for n in range(MOST_GROUPS - 1)} | {"h0": "second"}
    assert lane.tally.more_groups == 2


def test_the_fields_that_no_page_had_are_those_that_none_of_them_had():
    lane = a_lane()
    assert lane.missing(None).tally.unseen is None
    lane = lane.missing(["body.a", "body.b"]).missing(None)
    assert lane.tally.unseen == ["body.a", "body.b"]
    assert lane.missing(["body.b", "body.c"]).tally.unseen == ["body.b"]
    assert unseen_in_all(["x"], None, []) == []
    assert unseen_in_all(None, None) is None


def test_a_step_never_changes_the_lane_it_was_given():
    lane = a_lane()
    before = json.dumps(lane.to_json())
    lane.counting({"sent": 1}).blaming({"why": 1}).stopping({"g": "why"}).missing(["body.a"]).charged({"sqs": 1})
    assert json.dumps(lane.to_json()) == before


def test_an_error_that_the_state_machine_put_there_is_read():
    line = a_lane().to_json() | {"error": {"Error": "X", "Cause": "why"}}
    assert Lane.from_json(line).error == Failure("X", "why")


def largest(**more):
    return a_lane(
        index=9,
        page_size=1000,
        pollers=4,
        page_bytes=40 * 1024 * 1024,
        limit_left=10**12,
        has_filter=True,
        hold_capacity=115_000,
        pace=10**12,
        round=999,
        turn=500,
        counts=dict.fromkeys(no_counts(), 10**12),
        reasons={f"SQS refused it: {n}{'C' * 40}: {'x' * 200}": 10**9 for n in range(MOST_REASONS)},
        requests=dict.fromkeys(BILLED, 10**12),
        unseen=[f"{n}{'f' * (LONGEST_FIELD - 1)}" for n in range(MOST_FIELDS)],
        page=Page("9/999-0500", 1000, 1000, 1_795_186_800.123456),
        until=1_795_186_800.123456,
        renewed_until=1_795_186_800.123456,
        renewed_to="9/999-0500",
        since=1_795_143_600.123456,
        another_turn=True,
        arrived=True,
        why=HOLD_ENDS,
        pause=True,
        pause_until="2026-11-21T06:00:00.123Z",
        **more,
    )


def test_the_largest_lane_is_no_larger_than_4_kib():
    assert len(json.dumps(largest().to_json())) <= 4 * 1024


def test_the_only_lane_of_a_fifo_queue_is_smaller_than_8_kib():
    groups = {f"{n}{'g' * 127}": f"SQS refused it: {'C' * 40}: {'x' * 200}" for n in range(MOST_GROUPS)}
    assert len(json.dumps(largest(groups=groups, more_groups=120_000).to_json())) < 8 * 1024
