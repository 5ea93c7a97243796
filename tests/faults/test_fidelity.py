"""Bad messages go through unchanged, byte for byte: every text SQS takes, every type of attribute, and all ten of them."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from typing import Any

import pytest

from redrive.expressions.judge import Judge
from redrive.sqs.parcels import make_entry
from redrive.stores import pages
from redrive.stores.ledger import Ledger
from redrive.values.message import MOST_ATTRIBUTES, STAMP, UNCHANGED, Message, Stamp, StoredPage
from redrive.values.verdict import Verdict
from support.aws import drain, make_queues
from support.findings import look
from support.letters import Letter, number_of
from support.library import a_queue, criteria
from support.rig import fault_rig

# XML 1.0 characters, which is what SQS takes (SQS API, SendMessage), with those that programs trip over.
RANGES = [
    (0x20, 0x7E),
    (0x7F, 0x9F),
    (0xA0, 0x17F),
    (0x400, 0x4FF),
    (0x3040, 0x30FF),
    (0xAC00, 0xD7A3),
    (0x1F300, 0x1F6FF),
]
EDGES = "\t\n\r\x7f\x85\xa0\xad\u0300\u061c\u200b\u200d\u2028\u2029\u202e\ud7ff\ue000\ufdd0\ufeff\ufffd\U00010000\U0001f469\u200d\U0001f4bb\U0010ffff"
NUMBERS = [
    "0",
    "-0",
    "1.0",
    "1.10",
    "007",
    "+1",
    "1E+5",
    "1e-128",
    "-1E126",
    "9" * 38,
    "3.141592653589793238462643383279",
    ".5",
]
WRONG_JSON = ["{", '{"a":', "[1,]", "{'a': 1}", "NaN", "nul", '"open', '{"a":1}{"b":2}', "[" * 3000, "\\u12", "1.2.3"]
DEEP = ["[" * 150 + "]" * 150, '{"a":' * 150 + "1" + "}" * 150]
ODD_JSON = [
    '{"a":1,"a":2}',
    "1E400",
    "-0.0",
    '"\\ud800"',
    '"\\u0000"',
    "12345678901234567890.10",
    ' { "b" : 1 , "a" : 2 } ',
    "[]",
    "{}",
    "null",
    '""',
]
NAMES = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


def text(draw: random.Random, most: int = 30) -> str:
    characters = []
    for _ in range(draw.randint(1, most)):
        low, high = draw.choice(RANGES)
        characters.append(draw.choice(EDGES) if draw.random() < 0.3 else chr(draw.randint(low, high)))
    return "".join(characters)


def body(draw: random.Random, number: int) -> str:
    tag = f"#{number}#"
    kind = draw.randrange(6)
    if kind == 0:
        return tag + text(draw)
    if kind == 1:
        return draw.choice(WRONG_JSON) + tag
    if kind == 2:
        return draw.choice(DEEP) + " " * draw.randint(0, 3) + tag
    if kind == 3:
        return f'{{"tag":"{tag}","odd":{draw.choice(ODD_JSON)}}}'
    return json.dumps({"n": number, "tag": tag, "text": text(draw)}, ensure_ascii=draw.random() < 0.5)


def name(draw: random.Random) -> str:
    length = draw.choice([1, 2, 5, 20, 256])
    inner = "".join(draw.choices(NAMES.rstrip("."), k=length))
    return inner.replace("-.", "--")


def attribute(draw: random.Random) -> dict[str, Any]:
    suffix = draw.choice(["", "", ".custom", ".a.b", ".日本"])
    kind = draw.choice(["String", "Number", "Binary"])
    if kind == "Binary":
        return {"DataType": kind + suffix, "BinaryValue": draw.randbytes(draw.choice([1, 2, 3, 255]))}
    return {"DataType": kind + suffix, "StringValue": text(draw, 12) if kind == "String" else draw.choice(NUMBERS)}


def letters(count: int, seed: int, *, fifo: bool = False) -> list[Letter]:
    """`count` messages that programs trip over; the same seed draws the same."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        many = draw.choice([0, 0, 1, 2, 9, 10])
        attributes: dict[str, Any] = {}
        while len(attributes) < many:
            attributes[name(draw)] = attribute(draw)
        groups = ["a", "g" * 128, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"]
        group = draw.choice(groups if fifo else [None, *groups])
        found.append(Letter(number, body(draw, number), attributes, group, draw.choice([None, TRACE])))
    return found


def received(letter: Letter) -> dict[str, Any]:
    """The letter as ReceiveMessage gives it, empty lists of reserved values included."""
    empty = {"StringListValues": [], "BinaryListValues": []} if letter.number % 2 else {}
    system = {"SentTimestamp": "1763700000000", "ApproximateReceiveCount": "3", "SenderId": "AIDAEXAMPLE"}
    system |= {"MessageGroupId": letter.group} if letter.group else {}
    system |= {"AWSTraceHeader": letter.trace} if letter.trace else {}
    return {
        "MessageId": f"00000000-0000-0000-0000-{letter.number:012}",
        "ReceiptHandle": f"handle {letter.number}",
        "Body": letter.body,
        "MessageAttributes": {key: value | empty for key, value in letter.attributes.items()},
        "Attributes": system,
    }


class Shelf:
    """As much of S3 as a page needs."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Key: str, Body: bytes, **_: Any) -> None:  # noqa: N803 - S3's names
        self.objects[Key] = Body

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.objects[Key])}


def test_ten_thousand_bad_messages_leave_a_page_as_they_came():
    """Given messages as received, when stored in a page, judged, read back and packed, then they are unchanged."""
    drawn = letters(10_000, seed=20)
    ledger = Ledger(Shelf(), "bucket", "run")
    pages.store(ledger, "0/001-0001", StoredPage(0, [Message.from_sqs(received(letter)) for letter in drawn]))
    judge = Judge(criteria(), "run")
    for letter, message in zip(drawn, pages.read(ledger, "0/001-0001").messages, strict=True):
        [judged] = judge.judge_all([message], limit=None, in_order=False)
        verdict = Verdict.from_json(json.loads(json.dumps(judged.to_json(message))))
        assert verdict.outgoing == UNCHANGED
        sent, _ = make_entry(message, verdict.outgoing, Stamp(1, "run", message.id), a_queue())
        assert sent["MessageBody"].encode() == letter.body.encode()
        attributes = dict(sent.get("MessageAttributes", {}))
        assert (STAMP in attributes) == (len(letter.attributes) < MOST_ATTRIBUTES)
        attributes.pop(STAMP, None)
        assert attributes == letter.attributes
        assert sent.get("MessageGroupId") == letter.group
        trace = sent.get("MessageSystemAttributes", {}).get("AWSTraceHeader", {}).get("StringValue")
        assert trace == letter.trace


def test_the_drawn_messages_are_as_bad_as_they_should_be():
    drawn = letters(2_000, seed=20)
    assert len({letter.body for letter in drawn}) == 2_000
    everything = "".join(letter.body for letter in drawn)
    assert set(EDGES) <= set(everything)
    assert {len(letter.attributes) for letter in drawn} >= {0, 1, 9, 10}
    assert max(len(key) for letter in drawn for key in letter.attributes) == 256
    broken = Counter(is_json(letter.body) for letter in drawn)
    assert broken[True] > 200 < broken[False]


def is_json(body: str) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):  # which of them, for 3,000 brackets, depends on who has raised Python's limit
        return False
    return True


@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "FIFO"])
def test_hundreds_of_bad_messages_pass_the_whole_machine_unchanged(monkeypatch, fifo):
    drawn = letters(80 if fifo else 240, seed=4, fifo=fifo)
    with fault_rig(monkeypatch, page=100, wave=10, entries=10) as rig:
        queues = rig.queues(drawn, fifo=fifo)
        run = rig.run({"queue": queues.name, "filter": {"where": '$type(text) = "string"'}})
        assert run.output, run.cause
        assert run.output["sent"] == len(drawn)
        assert run.output["deleted"] == len(drawn)
        assert not look(rig, queues, drawn, Counter()).broken(later=True)


def test_bad_messages_pass_the_embedded_aws_unchanged(aws):
    """Over a real wire, and through functions in processes of their own."""
    drawn = letters(200, seed=5)
    queues = make_queues(aws.client("sqs"))
    for letter in drawn:
        more: dict[str, Any] = {"MessageAttributes": letter.attributes} if letter.attributes else {}
        more |= {"MessageGroupId": letter.group} if letter.group else {}
        if letter.trace:
            more["MessageSystemAttributes"] = {"AWSTraceHeader": {"DataType": "String", "StringValue": letter.trace}}
        queues.sqs.send_message(QueueUrl=queues.dlq, MessageBody=letter.body, **more)
    run = aws.run({"queue": queues.name, "path": "custom"})
    assert run.output["sent"] == 200
    arrived = drain(queues.sqs, queues.source)
    assert sorted(number_of(message["Body"]) for message in arrived) == list(range(200))
    for message in arrived:
        letter = drawn[number_of(message["Body"])]
        assert message["Body"] == letter.body
        attributes = {
            key: {part: value[part] for part in ("DataType", "StringValue", "BinaryValue") if part in value}
            for key, value in message.get("MessageAttributes", {}).items()
            if key != STAMP
        }
        assert attributes == letter.attributes
        assert message["Attributes"].get("MessageGroupId") == letter.group
        assert message["Attributes"].get("AWSTraceHeader") == letter.trace
