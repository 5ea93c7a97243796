"""Sent before: what intents, journal and outcomes know of a page's messages, and what it costs to ask them."""

import json

import pytest

from redrive.stores import intents, pages, runs
from redrive.stores.intents import Intent, IntentKey
from redrive.stores.journal import DynamoDBJournal
from redrive.values.message import SendResult, StoredPage
from redrive.values.outcome import MAYBE_SENT, MessageOutcome, Outcome
from redrive.values.verdict import SentBefore
from support.breaking import Killed, calls_of
from support.context import Context
from support.library import TABLE, message, run_named

RUN = run_named("run-0")


@pytest.fixture
def journal(dynamodb):
    return DynamoDBJournal(lambda: dynamodb, TABLE, Context())


def key_of(number=1, run=RUN):
    return IntentKey("orders-dlq", run, f"0/001-{number:04}", 1)


def left(ledger, journal, number, ids, *, sent=(), run=RUN):
    """What a dead step left: an intent of one wave, and the wave's record where something of it was `sent`."""
    key = key_of(number, run)
    intents.declare(ledger, key, Intent(list(ids), [list(range(len(ids)))]))
    if sent:
        results = [SendResult(place, id=f"new-{id_}") for place, id_ in enumerate(ids) if id_ in sent]
        journal.once(key.wave(0), lambda: results)
    return key


def asked(ledger, journal, *ids):
    return intents.sent_before(ledger, journal, "orders-dlq", ids)


def closed(ledger, *outcomes, run=RUN):
    page = StoredPage(1, [message(n) for n, _ in enumerate(outcomes)])
    pages.close(ledger.of(run), "orders-dlq", "0/001-0001", page, outcomes)


def test_what_the_journal_says_was_sent_is_known(ledger, journal, dynamodb):
    runs.register(dynamodb, TABLE, RUN)
    left(ledger, journal, 1, ["a", "b"], sent=["a"])
    assert asked(ledger, journal, "a", "b", "c") == SentBefore({"a": "new-a"})


def test_what_has_no_record_was_not_sent_if_the_journal_knows_its_run(ledger, journal, dynamodb):
    left(ledger, journal, 1, ["a", "b"])
    assert asked(ledger, journal, "a", "c") == SentBefore({}, frozenset("a"))
    runs.register(dynamodb, TABLE, RUN)
    assert asked(ledger, journal, "a", "c") == SentBefore()


def test_a_wave_that_was_begun_and_never_answered_is_no_unknown(ledger, journal):
    def die():
        raise Killed

    key = left(ledger, journal, 1, ["a"])
    with pytest.raises(Killed):
        journal.once(key.wave(0), die)
    assert asked(ledger, journal, "a") == SentBefore()


@pytest.mark.parametrize(
    ("outcome", "found"),
    [
        (MessageOutcome("a", Outcome.SENT, "", "new-a", "orders"), SentBefore({"a": "new-a"})),
        (MessageOutcome("a", Outcome.ALREADY_SENT, "why", None), SentBefore({"a": ""})),
        (MessageOutcome("a", Outcome.FAILED, "SQS refused it"), SentBefore()),
        (MessageOutcome("a", Outcome.FAILED, MAYBE_SENT), SentBefore({}, frozenset("a"))),
    ],
    ids=["sent", "already sent", "failed", "nobody knew"],
)
def test_outcomes_tell_what_a_lost_journal_does_not(ledger, journal, outcome, found):
    left(ledger, journal, 1, ["a"])
    closed(ledger, outcome)
    assert asked(ledger, journal, "a") == found


def test_what_is_in_no_wave_of_an_intent_is_known_by_its_outcomes_alone(ledger, journal):
    intents.declare(ledger, key_of(), Intent(["a", "b"], []))
    assert asked(ledger, journal, "a", "b") == SentBefore()
    closed(ledger, MessageOutcome("a", Outcome.ALREADY_SENT, "why", "new-a"), MessageOutcome("b", Outcome.HELD, "why"))
    assert asked(ledger, journal, "a", "b") == SentBefore({"a": "new-a"})


def test_what_one_intent_does_not_know_another_may(ledger, journal, dynamodb):
    left(ledger, journal, 1, ["a"], run=run_named("forgotten"))
    left(ledger, journal, 2, ["a"], sent=["a"])
    assert asked(ledger, journal, "a") == SentBefore({"a": "new-a"})


def test_an_intent_whose_page_is_still_hidden_needs_no_look(ledger, journal):
    intents.declare(ledger, IntentKey("orders-dlq", RUN, "0/001-0001", 4_000_000_000), Intent(["a"], [[0]]))
    read = calls_of(ledger.s3, "GetObject")
    assert asked(ledger, journal, "a") == SentBefore()
    assert read == []


FOREIGN = {
    "no JSON": b"hello",
    "no object": b"[1]",
    "no text": b"\xff\xfe",
    "deep": b"[" * 100_000,
    "waves that are none": json.dumps({"ids": ["a"], "waves": "0", "unsendable": []}).encode(),
    "a place that is none": json.dumps({"ids": ["a"], "waves": [[1]], "unsendable": []}).encode(),
    "a negative place": json.dumps({"ids": ["a"], "waves": [[-1]], "unsendable": []}).encode(),
    "a place like one": json.dumps({"ids": ["a"], "waves": [[0.0]], "unsendable": []}).encode(),
    "ids that are none": json.dumps({"ids": [["a"]], "waves": [[0]], "unsendable": []}).encode(),
    "ids in an object": json.dumps({"ids": {"a": 1}, "waves": [[0]], "unsendable": []}).encode(),
    "another field": json.dumps({"ids": ["a"], "waves": [], "unsendable": [{"place": 0, "who": 1}]}).encode(),
}


@pytest.mark.parametrize("body", FOREIGN.values(), ids=FOREIGN)
def test_an_intent_that_nobody_can_read_is_no_evidence_and_costs_no_other(ledger, journal, body):
    left(ledger, journal, 1, ["a"], sent=["a"])
    ledger.s3.put_object(Bucket=ledger.bucket, Key=str(key_of(2)), Body=body)
    assert asked(ledger, journal, "a", "b") == SentBefore({"a": "new-a"})


@pytest.mark.parametrize(
    "name", ["README.txt", "2026-11-21/run-0/0/001-0001", "2026-11-21/run-0/0/001-0001/x", "a/b/c/d/e/f/1", "/////1"]
)
def test_what_is_no_intent_is_passed_over(ledger, journal, name):
    ledger.s3.put_object(Bucket=ledger.bucket, Key=f"intents/orders-dlq/{name}", Body=b"hello")
    assert intents.keys(ledger, "orders-dlq") == []
    assert asked(ledger, journal, "a") == SentBefore()


def test_two_hundred_old_intents_are_read_once_by_a_worker_and_cost_the_journal_a_handful_of_calls(
    ledger, journal, dynamodb
):
    for number in range(200):
        ids = [f"{number}-{n}" for n in range(10)]
        run = run_named(f"run-{number % 7}")
        left(ledger, journal, number, ids, run=run, sent=ids[:1] if number < 100 else ())
        runs.register(dynamodb, TABLE, run)
    s3 = calls_of(ledger.s3, "GetObject")
    tables = [calls_of(dynamodb, name) for name in ("BatchGetItem", "GetItem", "Query", "Scan")]
    assert asked(ledger, journal, *(f"x-{n}" for n in range(1000))) == SentBefore()
    assert (len(s3), sum(map(len, tables))) == (200, 0)
    found = asked(ledger, journal, *(f"{number}-0" for number in range(200)))
    assert found == SentBefore({f"{number}-0": f"new-{number}-0" for number in range(100)})
    assert sum(map(len, tables)) <= 4
    assert [call["Key"] for call in s3[200:] if call["Key"].startswith("intents/")] == []
    assert len(s3) <= 300  # the outcomes of those of which the journal has nothing


def test_what_a_worker_has_read_it_does_not_take_for_another_content(ledger, journal):
    key = left(ledger, journal, 1, ["a"])
    assert asked(ledger, journal, "a").unknown == {"a"}
    intents.remove(ledger, key)
    assert asked(ledger, journal, "a").unknown == set()
    left(ledger, journal, 1, ["b"])
    assert asked(ledger, journal, "a", "b").unknown == {"b"}
