"""Filter: one verdict for each message, from the request's criteria and nothing else."""

import base64
import gzip
import json
import os
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.expressions.guard import LIMITS, MIB, Limits
from redrive.expressions.judge import MOST_NEW, Judge
from redrive.expressions.shapes import view_of
from redrive.values.errors import ExpressionTooSlow
from redrive.values.message import NO_STAMP, Outgoing, Stamp
from redrive.values.outcome import Outcome
from redrive.values.verdict import SentBefore, Verdict
from support.library import BLOB, SENT, attribute_sets, criteria, message, messages, stamp, text, texts

SEND = "send"
NULL_IN_ENVELOPE = r'{"Type":"Notification","Message":"[1,\u006eull]"}'
ALREADY = SentBefore({"sent-before": "new-id"}, frozenset({"nobody-knows"}))


def decision_of(verdict):
    return verdict.outcome or SEND


def judge_all(subjects, limit=None, in_order=False, limits=LIMITS, remembered=None, **changes):
    return Judge(criteria(**changes), "run-1", ALREADY, remembered, limits).judge_all(
        subjects, limit=limit, in_order=in_order
    )


def judge(subject, **changes):
    [verdict] = judge_all([subject], **changes)
    return verdict


@pytest.mark.parametrize(
    ("changes", "subject", "decision", "reason"),
    [
        ({}, message(), SEND, ""),
        ({"where": "body.n > 2"}, message(body='{"n":3}'), SEND, ""),
        ({"where": "body.n > 2"}, message(body='{"n":2}'), "held", "filter.where does not match"),
        ({"where": '$contains(text, "boom")'}, message(body="a boom here"), SEND, ""),
        ({"where": "$contains(text, $yesterday)"}, message(body="day 2026-11-20"), SEND, ""),
        ({"where": 'sent = "2025-11-21T04:40:00.000Z"'}, message(), SEND, ""),
        ({"where": "attributes.tenant = 'a'"}, message(attributes={"tenant": text("a")}), SEND, ""),
        ({"where": "group = 'g1'"}, message(MessageGroupId="g1"), SEND, ""),
        ({"where": "source = 'orders'"}, message(DeadLetterQueueSourceArn="arn:aws:sqs:r:1:orders"), SEND, ""),
        ({"where": "source = null"}, message(), SEND, ""),
        ({"where": "(function($v) {$v = null})(source)"}, message(), SEND, ""),
        ({"where": "$count(body[$ = null]) = 1"}, message(body="[1,null]"), SEND, ""),
        ({"where": "$count(content[$ = null]) = 1"}, message(body=NULL_IN_ENVELOPE), SEND, ""),
        ({"where": "$count($parse(text)[$ = null]) = 1"}, message(body="[1,null]"), SEND, ""),
        ({"where": "received_count = 4"}, message(ApproximateReceiveCount="4"), SEND, ""),
        ({"where": "redrives = 2 and id = 'id-0'"}, message(attributes=stamp(2, "run-0", "x")), SEND, ""),
        ({"where": "body.n"}, message(body='{"n":3}'), "failed", "filter.where gave a number, not true or false"),
        ({"where": "body.n"}, message(body="{}"), "failed", "filter.where gave nothing, not true or false"),
        ({"where": "body.n"}, message(body='{"n":null}'), "failed", "filter.where gave nothing, not true or false"),
        ({"where": "text"}, message(), "failed", "filter.where gave a text, not true or false"),
        ({"where": "body"}, message(body="{}"), "failed", "filter.where gave an object, not true or false"),
        ({"where": "body"}, message(body="[1,2]"), "failed", "filter.where gave an array, not true or false"),
        ({"sent_from": SENT}, message(), SEND, ""),
        ({"sent_from": SENT + 1}, message(), "held", "filter.sent does not match"),
        ({"sent_to": SENT + 1}, message(), SEND, ""),
        ({"sent_to": SENT}, message(), "held", "filter.sent does not match"),
        ({"max_redrives": 3}, message(attributes=stamp(2, "run-0", "x")), SEND, ""),
        (
            {"max_redrives": 3},
            message(attributes=stamp(3, "run-0", "x")),
            "held",
            "it has been redriven 3 times already",
        ),
        ({"max_redrives": 0}, message(), "held", "it has been redriven 0 times already"),
        ({}, message(attributes=stamp(1, "run-1", "x")), "returned", "this run sent it, and it came back"),
        (
            {"where": "true"},
            message(attributes=stamp(1, "run-1", "x")),
            "returned",
            "this run sent it, and it came back",
        ),
        ({"where": "true"}, message(body="[" * 100_000), SEND, ""),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_verdict_follows_from_the_criteria(changes, subject, decision, reason):
    verdict = judge(subject, **changes)
    assert (decision_of(verdict), verdict.reason.partition("; ")[0]) == (decision, reason)


NEWER = "it was sent after this run began"


@pytest.mark.parametrize("changes", [{}, {"where": "true"}, {"sent_from": SENT}, {"transform": "body"}], ids=str)
@pytest.mark.parametrize(
    ("began", "decision", "reason"),
    [(SENT, "held", NEWER), (SENT - 1, "held", NEWER), (SENT + 1, SEND, "")],
    ids=["as it began", "later", "before"],
)
def test_what_was_sent_after_the_run_began_is_left_alone(changes, began, decision, reason):
    verdict = judge(message(), began=began, **changes)
    assert (decision_of(verdict), verdict.reason) == (decision, reason)


def test_what_this_run_sent_itself_is_told_from_what_is_merely_newer():
    verdict = judge(message(attributes=stamp(1, "run-1", "x")), began=0)
    assert (decision_of(verdict), verdict.reason) == ("returned", "this run sent it, and it came back")


FOREIGN = {"redrive": text("their own")}


def test_a_stamp_that_is_remembered_elsewhere_counts_as_one_that_is_carried():
    remembered = {"id-0": Stamp(3, "run-0", "first"), "id-1": Stamp(1, "run-1", "first")}
    for each, decision in ((message(attributes=FOREIGN), "held"), (message(1, attributes=FOREIGN), "returned")):
        assert decision_of(judge(each, remembered=remembered, max_redrives=3)) == decision
    verdict = judge(message(attributes=FOREIGN), remembered=remembered, max_redrives=4, where="redrives = 3")
    assert (decision_of(verdict), verdict.earlier) == (SEND, remembered["id-0"])
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json(message())))) == verdict


def test_what_may_have_been_sent_before_and_nobody_can_say_fails_and_is_not_sent():
    verdict = judge(replace(message(), id="nobody-knows"), where="true")
    why = "it may have been sent before: the journal that would tell has no record of its run"
    assert verdict == Verdict(Outcome.FAILED, why)


@pytest.mark.parametrize(
    ("where", "bodies", "unseen"),
    [
        ("body.eror.code = 'x'", ['{"error":{"code":"x"}}', '{"error":1}'], ["body.eror.code"]),
        ("body.error.code = 'x'", ['{"error":1}', '{"error":{"code":"y"}}'], []),
        ("body.items.n > 1 and $exists(attributes.tenant)", ['{"items":[{"m":1},{"n":1}]}'], ["attributes.tenant"]),
        ("body.items[price > 3].naem = 'x'", ['{"items":[{"name":"x"}]}'], ["body.items.naem"]),
        ("body.a = null", ['{"a":null}'], []),
        ("error.code = 'x' or text = 'y'", ["y"], ["error.code"]),
        ("$lookup(body, 'c') = 1", ['{"x":1}'], []),
        ("$map(body.items, function($i) { $i.z }) = 1", ['{"items":[]}'], []),
        ("body.(a + b) = 1 or body.*.c = 1 or body.**.d = 1", ['{"x":1}'], []),
        ("body.a.b = 1", ["[" * 5000], ["body.a.b"]),
    ],
)
def test_a_field_that_where_names_and_no_message_has_is_told(where, bodies, unseen):
    judging = Judge(criteria(where=where), "run-1")
    assert judging.unseen is None
    judging.judge_all([message(n, body) for n, body in enumerate(bodies)], limit=None, in_order=False)
    assert judging.unseen == unseen


def test_where_nothing_was_judged_by_where_no_field_is_told_to_be_missing():
    judging = Judge(criteria(where="body.a = 1", sent_to=0), "run-1")
    judging.judge_all([message()], limit=None, in_order=False)
    assert judging.unseen is None


def test_no_more_fields_are_looked_for_than_a_lane_can_carry():
    names = [f"body.{'x' * 200}", *(f"body.f{n}" for n in range(30))]
    judging = Judge(criteria(where=" = 1 or ".join([*names, "1"])), "run-1")
    judging.judge_all([message()], limit=None, in_order=False)
    assert judging.unseen == [f"body.f{n}" for n in range(10)]


def again(**attributes):
    return replace(message(attributes=attributes), id="sent-before")


@pytest.mark.parametrize("where", [None, "false", "$error('x')"], ids=str)
def test_what_was_sent_before_is_only_to_be_deleted_whatever_the_criteria(where):
    verdict = judge(again(), where=where, sent_to=0, transform="'new'")
    assert verdict == Verdict(
        Outcome.ALREADY_SENT, "it was sent before, and only its deletion was missing", new_id="new-id"
    )


def test_a_preview_leaves_what_was_sent_before():
    verdict = judge(again(), preview=True)
    assert (decision_of(verdict), verdict.new_id) == ("held", None)


def test_what_was_sent_before_takes_no_place_of_the_limit_and_blocks_no_group():
    subjects = [
        again(),
        replace(again(), system=again().system | {"MessageGroupId": "a"}),
        message(1, MessageGroupId="a"),
    ]
    verdicts = judge_all(subjects, limit=1, in_order=True)
    assert [decision_of(verdict) for verdict in verdicts] == ["already_sent", "already_sent", SEND]


@pytest.mark.parametrize("where", ["text + 1 = 2", "$error(text)", "body.x ~> $number() = 1"], ids=repr)
def test_an_expression_that_fails_for_one_message_never_selects_it_and_quotes_nothing_of_it(where):
    verdict = judge(message(body='{"x":"s3cret"}'), where=where)
    assert decision_of(verdict) == "failed"
    assert verdict.reason.startswith("filter.where")
    assert "s3cret" not in verdict.reason


@pytest.mark.parametrize(
    ("transform", "body", "result"),
    [
        ("$merge([body, {'retried': true}])", '{"a":1}', '{"a":1,"retried":true}'),
        ("'hello'", "x", "hello"),
        ("text & '!'", "x", "x!"),
        ("body.a", '{"a":12345678901234567890}', "12345678901234567890"),
        ("[body]", '{"a":1.5,"b":[null,true],"c":"é"}', '[{"a":1.5,"b":[null,true],"c":"é"}]'),
        ("{'body': body.a}", '{"a":"inner"}', '{"body":"inner"}'),
        ("{'body': 1, 'attributes': {}}", "x", '{"body":1,"attributes":{}}'),
        ("body ~> |$|{}, 'error'|", '{"body":{"order":1},"error":"E"}', '{"body":{"order":1}}'),
        ("{'body': 1, 'more': 2}", "x", '{"body":1,"more":2}'),
        ("false", "x", "false"),
        ("[1]", "x", "[1]"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_transform_gives_the_new_body_as_text_or_as_json(transform, body, result):
    verdict = judge(message(body=body), transform=transform)
    assert (decision_of(verdict), verdict.reason) == (SEND, "")
    assert verdict.outgoing == Outgoing(result, None)


@pytest.mark.parametrize(
    ("transform", "reason"),
    [
        ("body.missing", "transform gave nothing or null for a body; let it"),
        ("''", "transform gave an empty text for a body; SQS takes none"),
        ("null", "transform gave nothing or null for a body; let it"),
        ({"attributes": "5"}, "transform gave attributes that are a number, not an object"),
        ({"attributes": "{'a': true}"}, "transform gave an attribute that is true or false, not a text or a number"),
        ({"attributes": "{'a': null}"}, "transform gave an attribute that is nothing, not a text or a number"),
        ({"attributes": "{'a': {}}"}, "transform gave an attribute that is an object, not a text or a number"),
        ({"attributes": "{'a': ''}"}, "transform gave an attribute that is an empty text, which SQS does not take"),
        *(
            ({"attributes": f"{{'{name}': 'x'}}"}, "transform gave an attribute of a name that SQS does not take")
            for name in ("", "a b", "é", "AWS.x", "aws.x", "Amazon.x", ".a", "a.", "a..b", "a" * 257, "a\\n")
        ),
        ({"attributes": "$merge([1..11].{'a' & $: 'x'})"}, "transform gave more than 10 attributes"),
        ({"attributes": f"{{'a': {'1' * 39}}}"}, "transform gave an attribute that is a number of more digits"),
        ({"attributes": f"{{'a': 0.{'1' * 39}}}"}, "transform gave an attribute that is a number of more digits"),
        ({"attributes": "{'a': 1e127}"}, "transform gave an attribute that is a number of more digits"),
        ({"attributes": "{'a': -1e-129}"}, "transform gave an attribute that is a number of more digits"),
        ("$sum", "no JSON"),
        ("{'a': $sum}", "no JSON"),
    ],
    ids=str,
)
def test_a_transform_that_gives_nothing_to_send_fails_its_message(transform, reason):
    verdict = judge(message(), transform=transform)
    assert decision_of(verdict) == "failed"
    assert reason in verdict.reason


@pytest.mark.parametrize("name", ["a", "A.b-c_9", "awsome", "-", "a" * 256])
def test_a_name_that_sqs_takes_is_sent(name):
    assert judge(message(), transform={"attributes": f"{{'{name}': 'x'}}"}).outgoing.attributes == {name: text("x")}


@pytest.mark.parametrize("number", ["1" * 38, "-" + "1" * 38, "0." + "1" * 38, "1e126", "1e-128", "0", "1.5"])
def test_a_number_that_sqs_takes_is_sent(number):
    assert judge(message(), transform={"attributes": f"{{'a': {number}}}"}).sends


def test_ten_attributes_are_sent():
    assert judge(message(), transform={"attributes": "$merge([1..10].{'a' & $: 'x'})"}).sends


def test_an_attribute_that_a_transform_leaves_alone_keeps_its_type_and_its_bytes():
    attributes = {
        "tenant": {"DataType": "String.custom", "StringValue": "a"},
        "blob": {"DataType": "Binary", "BinaryValue": BLOB},
        "price": {"DataType": "Number.dollar", "StringValue": "1.10"},
        "code": {"DataType": "Number", "StringValue": "007"},
    }
    kept = judge(message(attributes=attributes), transform={"attributes": "attributes"})
    assert kept.outgoing == Outgoing(None, attributes)
    changed = judge(
        message(attributes=attributes),
        transform={"attributes": "$merge([attributes, {'tenant': 'b', 'n': 2, 'price': 2.5}])"},
    )
    assert changed.outgoing.attributes == attributes | {
        "tenant": text("b"),
        "n": {"DataType": "Number", "StringValue": "2"},
        "price": {"DataType": "Number", "StringValue": "2.5"},
    }
    dropped = judge(message(attributes=attributes), transform={"attributes": "{}"})
    assert dropped.outgoing.attributes == {}


@given(attribute_sets, texts)
def test_a_transform_to_the_same_attributes_changes_no_attribute(attributes, body):
    verdict = judge(message(body=body, attributes=attributes), transform={"body": "text", "attributes": "attributes"})
    assert verdict.outgoing == Outgoing(
        None if body == view_of(message(body=body), NO_STAMP)["body"] else body, attributes
    )


ADDS = "$merge([body, {'v': 2}])"


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ('{"amount":12345678901234567.89,"v":1}', '{"amount":12345678901234567.89,"v":2}'),
        ('{"price":1.10,"total":100.00,"e":1E5,"v":1}', '{"price":1.10,"total":100.00,"e":1E5,"v":2}'),
        ('{"rate":0.1234567890123456789,"v":1}', '{"rate":0.1234567890123456789,"v":2}'),
        ('{"limit":1e400,"no":-0,"v":1}', '{"limit":1e400,"no":-0,"v":2}'),
        ('{"id":12345678901234567890,"v":1}', '{"id":12345678901234567890,"v":2}'),
        ('{"z":1,"a":{"y":[1.0,{"x":null}]}}', '{"z":1,"a":{"y":[1.0,{"x":null}]},"v":2}'),
        (r'{"b":"\u00e9\/\t","\u0061":"é"}', r'{"b":"\u00e9\/\t","\u0061":"é","v":2}'),
        (r'{"a":"cut \ud83d","b":"\uffff\u0000"}', r'{"a":"cut \ud83d","b":"\uffff\u0000","v":2}'),
        (r'{"a":"\ud83d\ude00"}', r'{"a":"\ud83d\ude00","v":2}'),
        ('\ufeff{ "a": 1.10 }', '{"a":1.10,"v":2}'),
        ('{"a":1,"a":2}', '{"a":2,"v":2}'),  # of two fields with one name, JSON's readers know the last
    ],
)
def test_what_a_transform_does_not_touch_keeps_its_text(body, sent):
    assert judge(message(body=body), transform=ADDS).outgoing == Outgoing(sent, None)


@pytest.mark.parametrize(
    "body",
    [
        '"{\\"order\\":1}"', '"plain"', "plain", "1.10", "1e3", "null", '""', "007", '{ "a":1,\n "b":"\\u00e9\\/" }',
        '{"a":1,"a":2}', '\ufeff{"a": 1}', '{"body":{"order":1},"attributes":{}}',
    ],
)  # fmt: skip
def test_a_body_that_a_transform_leaves_as_it_is_is_sent_as_its_own_text(body):
    for transform in (
        "body",
        {"body": "body", "attributes": "{'retry': '1'}"},
        {"attributes": "{'retry': '1'}"},
        "text",
    ):
        outgoing = judge(message(body=body), transform=transform).outgoing
        assert outgoing.body in (None, body)
        assert outgoing.attributes == (None if isinstance(transform, str) else {"retry": text("1")})


def test_a_body_is_not_what_it_was_when_only_a_number_is_written_otherwise_or_keys_change_places():
    assert judge(message(body='{"a":1.10}'), transform="{'a': 1.1}").outgoing.body == '{"a":1.1}'
    assert judge(message(body='{"a":1, "b":2}'), transform="{'b': 2, 'a': 1}").outgoing.body == '{"b":2,"a":1}'
    assert judge(message(body='{"a": 1}'), transform="{'a': true}").outgoing.body == '{"a":true}'


@pytest.mark.parametrize(
    ("number", "seen"),
    [("+5", 5), ("007", 7), (".5", 0.5), ("5.", 5), ("-0.50", -0.5), ("1e3", 1000), ("+.5E-2", 0.005), ("-007", -7)],
)
def test_a_number_in_an_attribute_is_one_in_every_form_that_sqs_takes(number, seen):
    attributes = {"n": {"DataType": "Number", "StringValue": number}}
    assert judge(
        message(attributes=attributes), where=f"attributes.n = {seen} and $type(attributes.n) = 'number'"
    ).sends
    kept = judge(message(attributes=attributes), transform={"attributes": "$merge([attributes, {'x': attributes.n}])"})
    assert kept.outgoing.attributes["n"] == attributes["n"]
    json.loads(kept.outgoing.attributes["x"]["StringValue"])


@pytest.mark.parametrize("odd", ["", "five", ".", "+", "1e", "0x5"])
def test_what_says_it_is_a_number_and_is_none_is_a_text(odd):
    attributes = {"n": {"DataType": "Number", "StringValue": odd}}
    assert judge(message(attributes=attributes), where="$type(attributes.n) = 'string'").sends


INNER = '{"orderId":1610521604143693812,"error":{"code":"TIMEOUT"},"amount":1.10}'
NOTIFICATION = json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": INNER})
PLAIN = json.dumps({"Type": "Notification", "Message": "an alarm, not JSON"})
ZIPPED = base64.b64encode(gzip.compress(INNER.encode())).decode()


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (NOTIFICATION, "$parse(body.Message).error.code = 'TIMEOUT'"),
        (NOTIFICATION, "content.error.code = 'TIMEOUT' and content.orderId = 1610521604143693812"),
        (NOTIFICATION, "content.orderId != 1610521604143693811"),
        (PLAIN, "content = 'an alarm, not JSON'"),
        (INNER, "content.error.code = 'TIMEOUT'"),
        ("plain", "content = 'plain'"),
        (json.dumps({"Type": "Order", "Message": "{}"}), "content.Type = 'Order'"),
        (json.dumps(INNER), "$parse(body).error.code = 'TIMEOUT'"),
        (json.dumps({"a": base64.b64encode(INNER.encode()).decode()}), "$parse($base64decode(body.a)).amount = 1.1"),
        (json.dumps({"awslogs": {"data": ZIPPED}}), "$parse($gunzip(body.awslogs.data)).error.code = 'TIMEOUT'"),
        (json.dumps({"a": "é日"}), "$gunzip($gzip(body.a)) = body.a"),
        (json.dumps({"a": "aGk_aGk-"}), "$exists(body.a)"),
        ("{}", "$base64decode('4piD') = '☃' and $base64decode('aGk') = 'hi'"),
        ('\ufeff{"a":1}', "body.a = 1"),
        ('{"a":null}', "$parse('null') = body.a"),
        ("{}", "$now() > $as_of and $contains($now(), /^[0-9-]+T[0-9:.]+Z$/) and $now('[Y0001]') = $substring($now(), 0, 4)"),
        ("{}", "$millis() = $toMillis($now()) and $today = '2026-11-21' and $yesterday = '2026-11-20'"),
    ],
)  # fmt: skip
def test_what_is_inside_of_a_body_can_be_looked_at(body, where):
    verdict = judge(message(body=body), where=where)
    assert verdict.sends, verdict.reason


def test_what_is_inside_of_a_body_can_be_mended_and_put_back():
    mend = "$merge([body, {'Message': $string($merge([content, {'v': 2}]))}])"
    body = judge(message(body=NOTIFICATION), transform=mend).outgoing.body
    assert json.loads(body)["Message"] == INNER[:-1] + ',"v":2}'
    unwrapped = judge(message(body=NOTIFICATION), transform="content").outgoing.body
    assert unwrapped == INNER


@pytest.mark.parametrize("body", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_is_text(body):
    assert view_of(message(body=body), NO_STAMP)["body"] == body


@pytest.mark.parametrize(
    "value",
    [
        "{}",
        "null",
        "[]",
        "5",
        '"x"',
        "not json",
        '{"count":"x","run":"r","id":"i"}',
        '{"count":1}',
        pytest.param('{"count":Infinity,"run":"r","id":"i"}'),
        pytest.param('{"count":1e999,"run":"r","id":"i"}'),
        pytest.param("[" * 100_000),
    ],
    ids=lambda value: value[:40],
)
def test_somebody_elses_redrive_attribute_is_no_stamp_and_breaks_nothing(value):
    stranger = message(attributes={"redrive": text(value)})
    assert judge(stranger, where="redrives = 0").sends


QUICK = Limits(one=0.3, all=10, memory=128 * MIB)
PATIENT = Limits(one=60, all=120, memory=128 * MIB)  # for what ends by itself, however busy the machine is
SLOW = "took longer than 0.3 s"
LARGE = "took more than 128 MiB of memory"


def large(field, source):
    only_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much a process has")
    return pytest.param({field: source}, PATIENT, f"{'filter.' * (field == 'where')}{field} {LARGE}", marks=only_linux)


@pytest.mark.parametrize(
    ("changes", "limits", "reason"),
    [
        ({"where": "$exists($match(text, /(a+)+$/))"}, QUICK, f"filter.where {SLOW}"),
        ({"where": "($f := function() { $f() }; $f())"}, QUICK, f"filter.where {SLOW}"),
        ({"where": "$sum([1..9999999]) > 0"}, QUICK, f"filter.where {SLOW}"),
        large("where", "$length($pad('', 1000000000)) > 0"),
        large("where", "true and $length($pad('', 1000000000)) > 0"),
        large("where", "($f := function($t) { $f($t & $t) }; $f(text))"),
        (
            {"where": "($f := function() { 1 + $f() }; $f())"},
            PATIENT,
            "filter.where: the expression recursed too deeply",
        ),
        large("transform", "$pad('', 1000000000)"),
        ({"transform": "$replace(text, /(a+)+$/, 'x')"}, QUICK, f"transform {SLOW}"),
        (
            {"where": "true", "transform": "($f := function() { $f() }; $f())"},
            QUICK,
            f"filter.where or transform {SLOW}",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_hostile_expression_is_cut_off_and_says_what_it_took(changes, limits, reason):
    verdict = judge(message(body="a" * 40 + "!s3cret"), limits=limits, **changes)
    assert decision_of(verdict) == "failed"
    assert verdict.reason.startswith(reason)
    assert "s3cret" not in verdict.reason


def test_only_the_message_that_an_expression_takes_too_long_over_fails():
    subjects = [message(n, body) for n, body in enumerate(["aa", "b!", "a" * 40 + "!", "aa", "b!"])]
    verdicts = judge_all(subjects, where="$contains(text, /^(a+)+$/)", limits=QUICK)
    assert [decision_of(verdict) for verdict in verdicts] == [SEND, "held", "failed", SEND, "held"]


def test_what_is_cut_off_keeps_its_group_behind_it_and_takes_no_place_of_the_limit():
    bodies = ["a" * 40 + "!", "aa", "aa", "aa"]
    subjects = [
        message(n, body, MessageGroupId=group) for n, (body, group) in enumerate(zip(bodies, "xxyy", strict=True))
    ]
    verdicts = judge_all(subjects, 1, in_order=True, where="$contains(text, /^(a+)+$/)", limits=QUICK)
    assert [decision_of(verdict) for verdict in verdicts] == ["failed", "held", SEND, "held"]


@pytest.mark.parametrize("field", ["where", "transform"])
def test_an_expression_that_is_too_slow_for_a_page_stops_it(field):
    slow = {field: "($f := function() { $f() }; $f())"}
    with pytest.raises(
        ExpressionTooSlow, match=r"(where|transform) took longer than 0.5 s for one page of 99 messages; "
    ):
        judge_all([message(n) for n in range(99)], limits=Limits(one=0.2, all=0.5), **slow)


def test_where_no_expression_is_asked_there_is_no_process(monkeypatch):
    monkeypatch.setattr(os, "fork", None)
    assert judge(message()).sends
    assert judge(message(), where="true", sent_to=0).outcome == "held"


@pytest.mark.parametrize(
    ("transform", "attributes", "decision"),
    [
        ("$pad('', 1048576)", {}, SEND),
        ("$pad('', 1048577)", {}, "failed"),
        ("$pad('', 524289, 'é')", {}, "failed"),
        ("$pad('', 1048576)", {"a": text("b")}, "failed"),
        ({"attributes": "{'a': $pad('', 1048576)}"}, {}, "failed"),
    ],
)
def test_a_transform_makes_no_message_that_sqs_cannot_take(transform, attributes, decision):
    verdict = judge(message(attributes=attributes), transform=transform)
    assert decision_of(verdict) == decision
    assert verdict.reason.partition("; ")[0] == (
        "" if decision == SEND else "transform gave a message of more than 1 MiB, the most that SQS takes"
    )


@pytest.mark.parametrize("bad", ["\\ud83d", "\\uffff", "\\u0007", "\\u0000"])
@pytest.mark.parametrize(
    ("transform", "what"),
    [
        ("body.x", "a character"),
        ({"attributes": "{'a': body.x}"}, "a character"),
        ({"attributes": "{body.x: 'a'}"}, "an attribute of a name"),
    ],
    ids=str,
)
def test_a_text_that_sqs_does_not_take_fails_its_message_alone(bad, transform, what):
    first, second = judge_all([message(body=f'{{"x":"{bad}"}}'), message(body='{"x":"fine"}')], transform=transform)
    assert (first.outcome, first.reason.partition("; ")[0]) == (
        Outcome.FAILED,
        f"transform gave {what} that SQS does not take",
    )
    assert second.sends


@pytest.mark.parametrize("odd", ["\\ud83d", "\\uffff", "\\ufffe", "\\u0007", "\\u0000", "é\\n日\U0001f600"])
def test_json_keeps_a_character_that_sqs_does_not_take_written_in_letters(odd):
    body = judge(message(body=f'{{"x":"{odd}","{odd}":1}}'), transform="$merge([body, {'y': 2}])").outgoing.body
    assert json.loads(body) == json.loads(f'{{"x":"{odd}","{odd}":1,"y":2}}')
    assert all(" " <= each <= "\ud7ff" or "\ue000" <= each <= "\ufffd" or each > "\uffff" for each in body)


def test_a_transform_does_not_grow_a_page_beyond_what_the_next_step_can_hold():
    fit = MOST_NEW // MIB
    verdicts = judge_all([message(n) for n in range(fit + 2)], transform="$pad('', 1048576)")
    assert [decision_of(verdict) for verdict in verdicts] == [SEND] * fit + ["failed"] * 2
    assert verdicts[-1].reason == "its page's new bodies exceed 64 MiB; run again"


anything = st.lists(messages, max_size=8)
wheres = st.sampled_from([None, "true", "redrives = 0", "$length(text) > 3", "$number(text) > 1", "body.x", "text"])


@given(anything, wheres, st.none() | st.integers(0, 9), st.booleans())
def test_every_message_gets_one_verdict_and_no_more_than_the_limit_are_selected(subjects, where, limit, fifo):
    verdicts = judge_all(subjects, limit, fifo, where=where)
    assert len(verdicts) == len(subjects)
    chosen = [verdict for verdict in verdicts if verdict.sends]
    assert limit is None or len(chosen) <= limit
    alone = [decision_of(verdict) for verdict in judge_all(subjects, where=where)]
    for verdict, by_itself in zip(verdicts, alone, strict=True):
        assert decision_of(verdict) in {by_itself, "held"}
        assert verdict.reason or verdict.sends
    if not fifo:
        assert len(chosen) == min(alone.count(SEND), len(subjects) if limit is None else limit)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["yes", "no", "?"])), max_size=12),
    st.none() | st.integers(0, 6),
)
def test_fifo_what_stays_behind_keeps_its_group_behind_it(plan, limit):
    subjects = [
        message(number, '{"go":' + {"yes": "true", "no": "false", "?": "5"}[go] + "}", MessageGroupId=group)
        for number, (group, go) in enumerate(plan)
    ]
    verdicts = judge_all(subjects, limit, in_order=True, where="body.go")
    behind = set()
    for subject, verdict in zip(subjects, verdicts, strict=True):
        if decision_of(verdict) != SEND:
            behind.add(subject.group)
        assert decision_of(verdict) != SEND or subject.group not in behind


def test_a_standard_queues_groups_hold_nothing_back():
    subjects = [message(n, f'{{"go":{go}}}', MessageGroupId="a") for n, go in enumerate(["false", "true"])]
    assert [decision_of(v) for v in judge_all(subjects, where="body.go")] == ["held", SEND]


@given(messages, st.sampled_from([None, *Outcome]), st.text(), st.none() | texts, st.none() | attribute_sets)
def test_a_verdict_survives_the_ledger(subject, decision, reason, body, attributes):
    verdict = Verdict(decision, reason, Outgoing(body, attributes))
    line = json.loads(json.dumps(verdict.to_json(subject)))
    assert Verdict.from_json(line) == verdict
    assert line["id"] == subject.id


@given(messages)
def test_what_a_filter_sees_is_json(subject):
    view = view_of(subject, subject.stamp)
    json.dumps(view)
    assert view["text"] == subject.body
    assert set(view) == {
        "body",
        "content",
        "text",
        "attributes",
        "id",
        "sent",
        "received_count",
        "redrives",
        "group",
        "source",
    }
