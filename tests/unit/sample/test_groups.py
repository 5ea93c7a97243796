"""Groups: what distinguishes failures is found, and no condition is printed that does not select just its group."""

import json
import shlex
import subprocess
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redrive.values.message import Message
from redrive_cli.sample import groups as grouping
from redrive_cli.sample.groups import group
from redrive_cli.sample.judging import judged_by
from redrive_cli.sample.traits import COUNTS_RISE

SOURCE = "arn:aws:sqs:us-east-1:123456789012:orders"
DAY = 86_400_000


def text(value, kind="String"):
    return {"DataType": kind, "StringValue": value}


def dead(body, *, source=SOURCE, sent=1_760_000_000_000, received="3", **attributes):
    body = body if isinstance(body, str) else json.dumps(body)
    system = {"SentTimestamp": str(sent), "ApproximateReceiveCount": received}
    system |= {"DeadLetterQueueSourceArn": source} if source else {}
    return Message(str(uuid4()), "", body, attributes, system)


def error(code, **more):
    return dead({"error": {"code": code}, **more})


def sizes(found):
    return {each.label: len(each.messages) for each in found.groups}


def assert_proved(found, messages):
    """Every condition, after a shell has read it, selects its group of the messages and nothing else."""
    for each in found.groups:
        assert bool(each.where) != bool(each.why_not)
        if each.where:
            assert all(character.isprintable() or ord(character) > 0xFFFF for character in each.where)
            (pasted,) = shlex.split(shlex.quote(each.where))
            chosen = [m for m, v in zip(messages, judged_by(pasted, messages), strict=True) if v.sends]
            assert chosen == each.messages


def test_errors_are_told_apart_by_their_code():
    messages = [error(code, order=n) for n, code in enumerate(["TIMEOUT"] * 6 + ["CARD_DECLINED"] * 4)]

    found = group(messages)

    assert found.by == "body.error.code"
    assert [(each.where, len(each.messages)) for each in found.groups] == [
        ('body.error.code = "TIMEOUT"', 6),
        ('body.error.code = "CARD_DECLINED"', 4),
    ]


def test_what_has_no_error_is_split_further():
    failed = {"RequestID": text("r"), "ErrorMessage": text("no")}
    messages = [error(code) for code in ["A", "B"] * 5]
    messages += [dead({}, source=None, ErrorCode=text(code, "Number"), **failed) for code in ["200", "500"] * 2]

    found = group(messages)

    assert [each.where for each in found.groups] == [
        'body.error.code = "A"',
        'body.error.code = "B"',
        "attributes.ErrorCode = 200 and $not($exists(body.error.code))",
        "attributes.ErrorCode = 500 and $not($exists(body.error.code))",
    ]


def test_texts_that_differ_in_numbers_alone_are_alike():
    messages = [dead({"error": f"order {n * 7919} timed out"}) for n in range(9)]
    messages += [dead({"error": f"no card 4{n}ab/it's"}) for n in range(8)]

    found = group(messages)

    assert [len(each.messages) for each in found.groups] == [9, 8]
    assert_proved(found, messages)
    assert all(each.where for each in found.groups)


def test_kinds_of_dead_letters_are_told_apart():
    rule = {"RULE_ARN": text("arn:aws:events:r"), "TARGET_ARN": text("t")}
    pipe = {"context": {"partnerResourceArn": "arn:aws:pipes:us-east-1:1:pipe/p"}}
    notification = {"Type": "Notification", "TopicArn": "t", "Message": "m"}
    messages = [
        *(dead({"n": 1}) for _ in range(3)),
        *(dead({"n": 1}, source=None, **rule) for _ in range(2)),
        *(dead(pipe, source=None) for _ in range(2)),
        *(dead(notification, source=None) for _ in range(2)),
        *(dead("by hand", source=None) for _ in range(2)),
    ]

    found = group(messages)

    assert found.by == "kind of dead letter"
    assert sizes(found) == {
        "dead-lettered by SQS": 3,
        "EventBridge rule": 2,
        "EventBridge pipe": 2,
        "SNS notification": 2,
        "put there by hand, or by what leaves no mark": 2,
    }
    assert_proved(found, messages)
    # Where $contains meets what is no text, a condition is not printed, but says why.
    assert all(each.where for each in found.groups)


def test_days_are_a_condition_and_receive_counts_are_not():
    days = [dead({"n": 1}, sent=1_760_000_000_000 + n % 2 * DAY) for n in range(4)]
    assert [each.where for each in group(days).groups] == [
        '$substring(sent, 0, 10) = "2025-10-09"',
        '$substring(sent, 0, 10) = "2025-10-10"',
    ]

    counts = [dead({"n": 1}, received=str(n % 2 + 1)) for n in range(4)]
    found = group(counts)
    assert found.by == "received_count"
    assert {each.why_not for each in found.groups} == {COUNTS_RISE}
    assert not any(each.where for each in found.groups)


def test_messages_that_nothing_distinguishes_are_one_group_without_a_condition():
    found = group([dead({"n": n}) for n in range(30)])
    assert sizes(found) == {"all alike": 30}
    assert found.groups[0].where is None
    assert group([]).groups == []


@pytest.mark.parametrize(
    "key",
    [
        "a b",
        "a`b",
        'a"b',
        "it's",
        "$lookup",
        "and",
        "주문",
        "",
        "a\\b",
        "a\x00b",
        "\u202e",
        "1",
        "a.b",
        "[0]",
        "\ud800",
        "🙂",
    ],
)
def test_any_key_can_be_pasted_into_a_shell(key):
    messages = [dead(json.dumps({"error": {key: "x'; rm -rf $HOME `id` \\ \n!"}})) for _ in range(3)]
    messages += [dead(json.dumps({"error": {key: "y"}})) for _ in range(3)]

    found = group(messages, None)

    assert all(each.where for each in found.groups)
    assert_proved(found, messages)
    for each in found.groups:
        said = subprocess.run(
            ["sh", "-c", f"printf %s {shlex.quote(each.where)}"], capture_output=True, text=True, check=True
        )
        assert said.stdout == each.where


def test_hostile_messages_hide_nothing():
    hostile = [
        "[" * 100_000,
        '{"a":' * 5_000,
        '{"error":{"code":1e999999999999999999999}}',
        '{"error":{"code":' + "9" * 5_000 + "}}",
        json.dumps({"error": {"code": "x" * 1_000_000}}),
        json.dumps({f"k{n}": n for n in range(5_000)}),
        '{"error":{"code":NaN}}',
        "\ud800",
        "",
        "null",
        "\ufeff{}",
        "<a>\x1b[2J</a>",
    ]
    odd = {"a.b": text("1e5", "Number.x"), "c-d_e": {"DataType": "Binary", "BinaryValue": b"\0\xff"}}
    messages = [error("A") for _ in range(8)] + [error("B") for _ in range(7)]
    messages += [dead(body, **odd) for body in hostile]
    messages += [Message("strange", "", "{}", {}, {"SentTimestamp": "x", "ApproximateReceiveCount": "y"})]

    found = group(messages)

    assert found.by == "body.error.code"
    counted = {each.where: len(each.messages) for each in found.groups}
    assert counted['body.error.code = "A"'] == 8
    assert counted['body.error.code = "B"'] == 7
    assert sum(len(each.messages) for each in [*found.groups, *found.more]) == len(messages)
    assert_proved(found, messages)


def test_equal_numbers_are_one_group_however_they_are_written():
    messages = [dead(f'{{"code": {number}}}') for number in ["1.10", "1.1", "11e-1", "100", "1e2", "100.0"]]
    found = group(messages)
    assert [(each.where, len(each.messages)) for each in found.groups] == [
        ("body.code = 1.1", 3),
        ("body.code = 100", 3),
    ]


def test_a_condition_that_cannot_be_proved_is_not_printed(monkeypatch):
    monkeypatch.setattr(grouping, "MOST_PROVED", 1)
    found = group([error(code) for code in ["A"] * 3 + ["B"] * 2])
    assert [bool(each.where) for each in [*found.groups, *found.more]] == [True, False]


def test_an_expression_groups_by_what_it_gives():
    messages = [error(code) for code in ["a1", "a2", "b1"]] + [dead("text"), dead({"error": {"code": None}})]

    found = group(messages, "$substring(body.error.code, 0, 1)")

    assert {each.label.rpartition(" = ")[2] for each in found.groups if each.where is None} != set()
    assert [len(each.messages) for each in found.groups] == [2, 1, 1, 1]
    assert_proved(found, messages)


def test_objects_and_missing_values_are_groups_as_well():
    messages = [dead({"a": {"b": 1}}), dead({"a": {"b": 1}}), dead({"a": None}), dead({})]

    found = group(messages, "body.a")

    assert {each.where: len(each.messages) for each in found.groups} == {
        '$string(body.a) = "{\\"b\\":1}"': 2,
        "body.a = null": 1,
        "$not($exists(body.a))": 1,
    }


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
errors = st.fixed_dictionaries({}, optional={"error": values, "code": values, "e'`": values})
bodies = st.one_of(errors.map(json.dumps), st.text(max_size=8))


@settings(max_examples=15)
@given(
    st.lists(bodies, min_size=2, max_size=4),
    st.lists(st.integers(0, 3), min_size=3, max_size=9),
    st.sampled_from([None, "body.error", "body"]),
)
def test_every_condition_that_is_printed_selects_its_group(bodies, picks, by):
    messages = [dead(bodies[pick % len(bodies)]) for pick in picks]

    found = group(messages, by)

    assert sorted(m.id for each in [*found.groups, *found.more] for m in each.messages) == sorted(
        m.id for m in messages
    )
    assert_proved(found, messages)
