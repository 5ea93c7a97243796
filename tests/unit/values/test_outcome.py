"""Outcomes: one vocabulary, from which all that is counted and conserved derives."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.values.bill import add
from redrive.values.outcome import (
    ARRIVED,
    COUNTED,
    GONE,
    STAYS,
    MessageOutcome,
    Outcome,
    conserves,
    first_reasons,
    no_counts,
    reasons_of,
    tally,
)
from redrive_cli.view.messages import SIGN_OF

ROOT = Path(__file__).parents[3]

outcomes = st.builds(
    MessageOutcome,
    st.uuids().map(str),
    st.sampled_from(Outcome),
    st.text(max_size=3),
    st.none() | st.just("new"),
    st.none() | st.just("orders"),
    st.booleans(),
)


@given(st.lists(outcomes))
def test_whatever_becomes_of_messages_their_counts_conserve(found):
    counts = add(no_counts(), tally(found))
    assert conserves(counts)
    assert set(counts) == set(COUNTED)
    assert counts["received"] == len(found)
    assert sum(reasons_of(found).values()) == counts["failed"]


@pytest.mark.parametrize("outcome", Outcome)
def test_a_message_that_is_missing_in_one_count_is_noticed(outcome):
    counts = no_counts() | {"received": 3, outcome: 3}
    assert conserves(counts)
    assert not conserves(counts | {outcome: 2})
    assert not conserves(counts | {"received": 4})


@given(outcomes)
def test_an_outcome_is_read_as_it_was_written(outcome):
    line = json.loads(json.dumps(outcome.to_json() | {"first_sent": 1, "at": "now"}))
    assert MessageOutcome.from_json(line) == outcome
    assert isinstance(MessageOutcome.from_json(line).outcome, Outcome)


def test_whatever_shows_outcomes_knows_each():
    assert set(SIGN_OF) == set(Outcome)
    page = (ROOT / "report" / "src" / "outcomes.js").read_text()
    assert set(json.loads(re.search(r"export const ORDER = (\[.*\]);", page)[1])) == set(Outcome)


def test_what_is_gone_is_in_its_destination_or_discarded():
    assert {"sent", "already_sent"} == ARRIVED
    assert ARRIVED | {"discarded"} == GONE
    assert set(STAYS) == set(Outcome) - GONE


def test_only_what_was_sent_can_lack_the_stamp():
    assert tally([MessageOutcome("1", Outcome.SENT), MessageOutcome("2", Outcome.ALREADY_SENT)])["unstamped"] == 1


@given(st.dictionaries(st.text(), st.integers(1)))
def test_the_first_reasons_are_the_first(reasons):
    assert list(first_reasons(reasons).items()) == list(reasons.items())[:8]
