"""The key: a text that is found in a message, or nothing; whatever a message carries, it decides of none."""

import hashlib
import json

import pytest
from hypothesis import given

from redrive.expressions.guard import Limits
from redrive.expressions.key import LONGEST_KEY, keys_of
from redrive.values.criteria import Criteria
from redrive.values.message import Stamp
from redrive.values.request import Key
from support.aws import send
from support.library import criteria, message, messages, text

SHORT = Limits(one=0.3, all=5)


def keys(expression, *subjects, hashed=False, remembered=None, limits=SHORT):
    return keys_of(criteria(key=Key(expression, hashed)), subjects, remembered or {}, limits)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ('{"orderId": "A-1043"}', "A-1043"),
        ('{"orderId": 1043}', "1043"),
        ('{"orderId": 12345678901234567890123}', "12345678901234567890123"),
        ('{"orderId": 1.10}', "1.10"),
        ('{"orderId": -0.5e400}', "-0.5e400"),
        ('{"orderId": true}', "true"),
        ('{"orderId": ""}', None),
        ('{"orderId": null}', None),
        ('{"orderId": ["a"]}', None),
        ('{"orderId": {"a": 1}}', None),
        ('{"other": 1}', None),
        ("no json", None),
        ('{"orderId": "\\u001b[31m"}', "\x1b[31m"),
        (json.dumps({"orderId": "\ud800"}), "\ud800"),
        (json.dumps({"orderId": "k" * 1000}), "k" * LONGEST_KEY),
    ],
)
def test_a_text_a_number_or_a_boolean_is_a_key(body, key):
    assert keys("body.orderId", message(body=body)) == [key]


@pytest.mark.parametrize("value", ["1043", "k" * 1000, "\ud800", "é"])
def test_a_hashed_key_is_the_sha256_of_the_whole_text(value):
    expected = hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()
    assert keys("body", message(body=json.dumps(value)), hashed=True) == [expected]


def test_it_sees_what_where_sees():
    subject = message(1, attributes={"orderId": text("7")}, MessageGroupId="g")
    remembered = {"id-1": Stamp(3, "run", "id-0")}
    for expression, key in {
        "attributes.orderId": "7",
        "group": "g",
        "id": "id-1",
        "redrives": "3",
        "$yesterday": "2026-11-20",
    }.items():
        assert keys(expression, subject, remembered=remembered) == [key]


def test_what_fails_or_takes_too_much_has_none_and_costs_no_other():
    bad = message(body='{"n": 1}')
    good = message(body='{"n": 2, "orderId": "x"}')
    endless = "($f := function($n) {$n > 0 ? $f($n + 1) : 0}; n = 1 ? $f(1) : orderId)"
    assert keys("$error('s3cret')", bad) == [None]
    assert keys(f"body.{endless}", bad, good) == [None, "x"]


def test_when_all_take_too_long_the_others_have_none():
    slow = "($f := function($n) {$n > 0 ? $f($n - 1) : 'x'}; $f(100000))"
    assert keys(slow, *[message(n) for n in range(200)], limits=Limits(one=5, all=0.3))[-1] is None


def test_without_a_key_nothing_is_looked_at():
    assert keys_of(criteria(), [message(), message(1)], {}) == [None, None]


@given(messages)
def test_whatever_a_message_carries_a_key_is_a_short_text_or_nothing(subject):
    for expression in ("body", "text", "attributes.*[0]"):
        [key] = keys(expression, subject)
        assert key is None or 0 < len(key) <= LONGEST_KEY


@pytest.mark.parametrize("key", [None, Key("id"), Key("id", hashed=True)])
def test_it_travels_with_the_criteria(key):
    asked = criteria(key=key)
    assert Criteria.from_json(json.loads(json.dumps(asked.to_json()))) == asked


# In the ledger


def lines(run):
    return {
        line["id"]: (line["outcome"], line.get("key", "absent"))
        for page in run.ledger.names("outcomes")
        for line in run.ledger.read("outcomes", page)
    }


def test_each_line_of_the_outcomes_has_the_key_of_its_message_whatever_became_of_it(run, queues):
    ids = send(run.sqs, queues.dlq, ['{"id":"a","n":1}', '{"id":"b","n":2}', "neither"])
    run.choosing(where="body.n = 1", key=Key("body.id"))
    lane = run.drain()
    run.release(lane)
    assert lines(run) == {ids[0]: ("sent", "a"), ids[1]: ("held", "b"), ids[2]: ("held", "absent")}


@pytest.mark.parametrize("preview", [False, True])
def test_a_page_that_is_closed_without_a_send_has_them_too(run, queues, preview):
    [first] = send(run.sqs, queues.dlq, ['{"id":"a"}'])
    run.choosing(where=None if preview else "false", preview=preview, key=Key("body.id"))
    run.judged()
    assert lines(run) == {first: ("previewed" if preview else "held", "a")}


def test_a_page_that_a_dead_step_left_has_them_too(run, queues):
    [first] = send(run.sqs, queues.dlq, ['{"id":"a"}'])
    run.choosing(key=Key("body.id"))
    lane = run.judged()
    run.release(lane)
    assert lines(run) == {first: ("failed", "a")}


def test_a_line_that_says_no_key_or_another_than_a_text_is_told_from_one_that_does(run, queues):
    send(run.sqs, queues.dlq, ["x"])
    run.choosing(where="false")
    lane = run.judged()
    assert run.outcomes()[0].key is None
    [line] = run.ledger.read("outcomes", lane.page.name)
    run.ledger.write("outcomes", lane.page.name, [line | {"key": 7}])
    with pytest.raises(Exception, match="cannot be read"):
        run.outcomes()
