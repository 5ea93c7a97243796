"""A trial says what a run would do, and how near the others came."""

import json

import pytest

from redrive.steps.check import understand
from redrive.values.message import Message
from redrive.values.outcome import Outcome
from redrive_cli.errors import CliError
from redrive_cli.sample.file import is_fifo, line_of, read_file
from redrive_cli.sample.pointing import pointed
from redrive_cli.sample.trial import tried


def message(number, body, **system):
    body = body if isinstance(body, str) else json.dumps(body)
    return Message(f"id-{number}", "", body, {}, {"SentTimestamp": "1760000000000", **system})


def order(number, code, amount):
    return message(number, {"error": {"code": code}, "amount": amount})


ORDERS = [order(n, "TIMEOUT" if n % 2 else "DECLINED", n * 10) for n in range(10)]


def trial(messages, where=None, *, in_order=False, **fields):
    document = {"queue": "q", **fields} | ({"filter": {"where": where}} if where else {})
    _, criteria = understand(document, "2026-11-21T06:00:00+00:00")
    return tried(messages, criteria, in_order=in_order)


def test_what_is_chosen_is_what_the_judge_of_the_functions_says():
    found = trial(ORDERS, 'body.error.code = "TIMEOUT"', transform='$merge([body, {"amount": 1}])')

    assert [m.id for m, _ in found.chosen] == ["id-1", "id-3", "id-5", "id-7", "id-9"]
    assert json.loads(found.chosen[0][1].outgoing.body) == {"error": {"code": "TIMEOUT"}, "amount": 1}
    assert found.reasons == {(Outcome.HELD, "filter.where does not match"): 5}


def test_each_condition_says_how_many_failed_it_and_what_they_had_instead():
    found = trial(ORDERS, 'body.error.code = "TIMEOUT" and body.amount > 40')

    code, amount = found.parts
    assert (code.condition, code.failed, code.alone) == ('body.error.code = "TIMEOUT"', 5, 2)  # 60 and 80
    assert code.found == {"body.error.code": [('"DECLINED"', 5)]}
    assert (amount.condition, amount.failed, amount.alone) == ("body.amount > 40", 5, 2)  # 10 and 30
    assert amount.found == {"body.amount": [("0 to 40", 5)]}


def test_a_condition_by_itself_is_one_part():
    (part,) = trial(ORDERS, 'body.error.code = "NONE"').parts
    assert (part.failed, part.alone) == (10, 10)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("body.eror.code", "body.error.code"),
        ("error.code", "body.error.code"),
        ("body.error.Code", "body.error.code"),
        ("body.amuont", "body.amount"),
        ("attributes.nothing_like_it", None),
    ],
)
def test_a_field_that_no_message_has_is_named_with_the_one_that_may_be_meant(written, meant):
    assert trial(ORDERS, f"{written} = 1").unseen == {written: meant}


def test_what_an_expression_fails_for_has_failed():
    found = trial([*ORDERS, message(99, {"amount": "many"})], "$number(body.amount) >= 0")
    assert len(found.chosen) == 10
    assert found.verdicts[-1].outcome == Outcome.FAILED
    assert "column 1: $number" in found.verdicts[-1].reason


def test_order_holds_what_is_behind_in_its_group():
    fifo = [message(n, {"n": n}, MessageGroupId="g", SequenceNumber=str(n)) for n in range(3)]
    found = trial(fifo, "body.n > 0", in_order=is_fifo(fifo))
    assert not found.chosen
    assert (Outcome.HELD, "an earlier message of its group stays behind") in found.reasons


def test_nothing_to_try_it_on():
    assert trial([], "body.n = 1 and body.m = 2").chosen == []


@pytest.mark.parametrize(
    ("sentence", "source", "line", "at"),
    [
        ("filter.where: column 8: == is no operator", "body.a == 1", "body.a == 1", 7),
        ("transform: line 2, column 3: no", "a &\nb c", "b c", 2),
        ("--by: column 1: no", "x", "x", 0),
    ],
)
def test_an_error_points_at_its_place(sentence, source, line, at):
    place = pointed(sentence, source)
    assert (place.line, place.at) == (line, at)


def test_an_error_without_a_place_points_nowhere():
    assert pointed("filter.where: the expression is nested too deeply; simplify it.", "x") is None
    assert pointed("filter.where: line 9, column 1: no", "x") is None


def test_a_file_gives_back_what_was_written(tmp_path):
    attributes = {
        "s": {"DataType": "String", "StringValue": "é\n"},
        "n": {"DataType": "Number.x", "StringValue": "1.10"},
        "b": {"DataType": "Binary", "BinaryValue": b"\0\xff"},
    }
    bodies = ['{"n": 1.10}', "\ud800 half", "\x00\x1b\r\n\u2028 \x85", "x" * 1_000_000, "[" * 10_000]
    messages = [Message(f"id-{n}", "", body, attributes, {"SentTimestamp": "1"}) for n, body in enumerate(bodies)]
    path = tmp_path / "messages.jsonl"
    path.write_text("".join(map(line_of, messages)), encoding="ascii")

    assert read_file(path) == messages


@pytest.mark.parametrize(
    "line", ["{}", "no", "[]", '{"id": 1, "body": "", "attributes": {}, "system": {}}', "[" * 99_999]
)
def test_a_line_that_is_no_message_is_named(tmp_path, line):
    path = tmp_path / "messages.jsonl"
    path.write_text(line_of(ORDERS[0]) + line)
    with pytest.raises(CliError, match="line 2: it is no message"):
        read_file(path)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "messages.jsonl"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CliError, match="cannot be read: it is no text"):
        read_file(path)
