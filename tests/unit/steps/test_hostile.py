"""Whatever messages carry and whoever writes into the bucket: no step raises, all is counted, and nothing is lost."""

import gzip
import json
import re
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redrive.steps.cleanup import clean_up
from redrive.steps.report import report
from redrive.stores import intents
from redrive.stores.intents import IntentKey
from redrive.values.errors import Failure, PageGone, PageUnreadable
from redrive.values.lane import Lane
from redrive.values.outcome import GONE, conserves
from redrive.values.plan import Move, RunRecord
from redrive.values.queue import QueueDepth
from redrive.values.request import Request
from redrive.values.run import End
from redrive.values.summary import Summary
from support import aws
from support.aws import count
from support.breaking import refuse_entries
from support.library import SESSION, STARTED, a_plan, a_run, attribute_sets, changed, criteria, run_named, stamp, text

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:redrive:run-1"

NINES = "9" * 4300
TAKEN = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")  # by SQS

odd_texts = st.one_of(
    st.text(st.characters(exclude_categories=[]), max_size=20),
    st.sampled_from(
        ["", "\x00", "\ud83d", "\uffff", "NaN", "-Infinity", "1e999", NINES, f"-{NINES}", "[" * 5000, "null"]
    ),
)
counts = st.sampled_from([NINES, "-5", "0", "1", "3", "1.5", "true", '"1"', "1e400", "[]", "Infinity", "null"])
stamps = st.one_of(
    st.builds(lambda count, run: f'{{"count":{count},"run":{json.dumps(run)},"id":"b"}}', counts, odd_texts).map(text),
    odd_texts.map(text),
    st.just({"DataType": "Binary", "BinaryValue": b"\xff"}),
    st.just(stamp(2, "2026-11-21/run-0", "first")["redrive"]),
)
odd_attribute = st.one_of(
    st.builds(
        lambda kind, value: {"DataType": kind, "StringValue": value},
        st.sampled_from(["String", "Number", "Number.float", "Odd", "", "String." + "x" * 300]),
        odd_texts,
    ),
    st.just({"DataType": "String"}),
    st.just({}),
)
attributes = st.builds(
    lambda usual, odd, mark: dict(list({**usual, **odd, **({"redrive": mark} if mark else {})}.items())[-10:]),
    attribute_sets,
    st.dictionaries(odd_texts, odd_attribute, max_size=3),
    st.none() | stamps,
)
bodies = st.one_of(
    odd_texts,
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(st.characters(exclude_categories=[]), max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("anx"), inner, max_size=3),
        max_leaves=6,
    ).map(json.dumps),
)
numbers = odd_texts | st.sampled_from(["1763700000000", "99999999999999", "1795240800250"])
arns = st.sampled_from(
    ["", "x", ":::::", "arn:aws:sqs:us-east-1:123456789012:nowhere", "arn:aws:sqs:us-east-1:123456789012:"]
)
systems = st.fixed_dictionaries(
    {},
    optional={
        "SentTimestamp": numbers,
        "ApproximateReceiveCount": numbers,
        "MessageGroupId": odd_texts,
        "AWSTraceHeader": odd_texts,
        "DeadLetterQueueSourceArn": arns | odd_texts,
        "SenderId": odd_texts,
    },
)
letters = st.lists(st.tuples(bodies, attributes, systems), min_size=1, max_size=8)
criterias = st.builds(
    criteria,
    where=st.sampled_from(
        [None, "true", "body.n > 1 or true", "received_count > 0 and sent > '2'", "redrives < 3", "attributes.a = 1"]
    ),
    transform=st.sampled_from(
        [None, "body", "text", "$merge([body, {'y': text}])", "{'body': text, 'attributes': attributes}"]
    ),
    max_redrives=st.none() | st.just(3),
    sent_from=st.none() | st.just(5),
    preview=st.sampled_from([False, False, True]),
    began=st.sampled_from([4_102_444_800_000, 1_763_700_000_000]),
)
garbage = st.one_of(
    st.binary(max_size=20),
    st.sampled_from(
        [b"{}", b"[]", b"null", b'{"ids":1}', gzip.compress(b""), gzip.compress(b"[" * 9000), gzip.compress(b"{}\n")]
    ),
    st.builds(
        lambda value: gzip.compress(json.dumps(value).encode()),
        st.dictionaries(st.sampled_from(["id", "started"]), st.floats() | st.text()),
    ),
)
documents = st.sampled_from(["plan", "summary", "request"])
places = st.sampled_from(["pages", "verdicts", "held", "outcomes", "intents", "old intents", "beside"])
odd_documents = st.sampled_from([b"", b"{", b"[]", b"{}", b"null", b"\xff", b"[" * 9000, b'{"run":1,"plan":null}'])
damages = st.lists(st.tuples(st.sampled_from(["receive", "filter", "send", "delete"]), places, garbage), max_size=2)


class Refused(dict):
    """Judges an entry as SQS does that moto would take, or would choke on."""

    def __call__(self, entry):
        values = entry.get("MessageAttributes", {})
        texts = [entry["MessageBody"], *values, *(value.get("StringValue", "x") for value in values.values())]
        texts += [entry.get("MessageGroupId", "x")]
        whole = all(v.get("DataType") and (v.get("StringValue") or v.get("BinaryValue")) for v in values.values())
        if whole and all(TAKEN.fullmatch(each) for each in texts):
            return None
        return "InvalidMessageContents", True


def received_as(sqs, drawn):
    """Let each message be received as it was drawn."""
    by_number = {str(number): each for number, each in enumerate(drawn)}

    def change(parsed, **_):
        for message in parsed.get("Messages", []):
            body, attributes, system = by_number[message["Body"]]
            message["Body"], message["MessageAttributes"], message["Attributes"] = body, attributes, dict(system)

    sqs.meta.events.register("after-call.sqs.ReceiveMessage", change)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    drawn=letters,
    asked=criterias,
    damage=damages,
    fifo=st.sampled_from([False, False, True]),
    renews=st.booleans(),
    ends=st.sampled_from(["release", "release", "clean-up"]),
    document=st.tuples(documents, odd_documents) | st.none(),
)
def test_no_step_raises_all_is_counted_and_nothing_is_lost(
    dynamodb, ledger, drawn, asked, damage, fifo, renews, ends, document
):
    sqs = SESSION.client("sqs")
    queues = aws.make_queues(sqs, fifo=fifo)
    run = a_run(sqs, dynamodb, replace(ledger, run=run_named(uuid4().hex)), queues.dlq, queues.sources, criteria=asked)
    aws.send(sqs, queues.dlq, [str(n) for n in range(len(drawn))], **({"group": lambda n: f"g{n % 2}"} if fifo else {}))
    received_as(sqs, drawn)
    refuse_entries(sqs, "SendMessageBatch", Refused())
    lane, hit = run.lane(page_size=5), False
    for _ in range(12):
        if renews and lane.hold.until:
            lane = changed(lane, until=1.0)  # it is time
        for step in ("receive", "filter", "send", "delete"):
            if step in {"send", "delete"} and not lane.page.selected:
                continue
            try:
                lane = Lane.from_json(json.loads(json.dumps(getattr(run, step)(lane).to_json())))
            except PageGone as error:  # as the machine does: the lane stops, and its page is the release's
                assert hit, "only where an object of its own is not what it wrote may a step give a page up"
                lane = replace(lane, error=Failure(type(error).__name__, str(error)))
            if lane.error or not lane.arrived:
                break
            for after, place, body in damage:
                if after == step:
                    hit |= put(run, lane, place, body)
        if lane.error or not lane.next.another_turn:
            break
    if ends == "release":
        found = run.release(lane)
        json.dumps(found.to_json())
        told = found.counts or lane.tally.counts
        summary = report(run.ledger, run.state(lane, released=found))
        unreadable = found.unreadable
    else:
        summary = cleaned_up(run, lane, document)
        told, unreadable = (summary.counts, 0) if summary else (None, 1)
    if told is None:
        return
    assert Summary.from_json(json.loads(json.dumps(summary.to_json()))) == summary
    assert conserves(told)
    assert told["received"] <= len(drawn)
    in_queue, arrived = sum(count(sqs, queues.dlq)), sum(count(sqs, queues.source))
    assert in_queue + arrived >= len(drawn), "nothing is lost"
    assert told["deleted"] <= len(drawn) - in_queue, "and none is called deleted that is not"
    assert told["deleted"] <= sum(told[outcome] for outcome in GONE)
    if not hit:
        assert fifo or told["received"] == len(drawn)
        assert (in_queue + arrived, told["sent"], unreadable) == (len(drawn), arrived, 0)


def cleaned_up(run, lane, document):
    """The summary of a run that was stopped, of which somebody may have damaged a document; None where that is all."""
    plan = a_plan(run.lane(), move=Move(run.queue.arn), sources=run.sources)
    request = Request(run.queue.name, preview=run.criteria.preview)
    record = RunRecord("run-1", EXECUTION, STARTED, request, run.queue, None, QueueDepth(0, 0, 0), plan)
    run.ledger.write_document("plan", record.to_json())
    if document:
        key = f"runs/{run.ledger.run}/{document[0]}.json"
        run.ledger.s3.put_object(Bucket=run.ledger.bucket, Key=key, Body=document[1])
    end = End(EXECUTION, "ABORTED", datetime.fromisoformat(STARTED))
    try:
        summary = clean_up(
            run.sqs, None, run.ledger, run.journal, end, lambda _: [], list, lambda _: None, lambda: 60_000
        )
    except PageUnreadable:  # which the function's failures tell
        assert document, "only a plan that nobody can read may be in the way"
        assert document[0] == "plan"
        return None
    if summary is None:
        assert document, "only what looks like its summary may end a clean-up"
        assert document in {("summary", b"{}"), ("summary", b'{"run":1,"plan":null}')}
    return summary


def put(run, lane, place, body):
    """Write into the bucket; tell whether it may be what a step reads of its own."""
    key = {
        "intents": str(IntentKey(run.queue.name, run.ledger.run, lane.page.name, int(lane.page.visible_at))),
        "old intents": str(IntentKey(run.queue.name, run_named("run-0"), "0/001-0001", 1)),
        "beside": f"runs/{run.ledger.run}/pages/0/notes.txt",
    }.get(place, f"runs/{run.ledger.run}/{place}/{lane.page.name}.jsonl.gz")
    run.ledger.s3.put_object(Bucket=run.ledger.bucket, Key=key, Body=body)
    return place not in {"old intents", "beside"}


def test_the_old_intents_of_a_test_are_those_of_the_queue(run):
    key = str(IntentKey(run.queue.name, run_named("run-0"), "0/001-0001", 1))
    run.ledger.s3.put_object(Bucket=run.ledger.bucket, Key=key, Body=b"x")
    assert len(intents.keys(run.ledger, run.queue.name)) == 1
