"""The main job on the embedded AWS: the deployed template, functions as processes, nothing but the AWS SDK."""

import json
import urllib.request
from collections import defaultdict
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from redrive.values.outcome import conserves
from redrive.values.run import run_of
from redrive_cli.stack.local import local_stack
from support.aws import arn_of, count, dead_letter, drain, make_queues, send
from support.engine import Deployed

MIB = 1_048_576
SECRET = "secret-4711"  # stands in every body: it must appear nowhere but in queues and pages


class Audited(Deployed):
    """Checks after each run what must hold of every run."""

    def run(self, request, *, timeout=90):
        ended = super().run(request, timeout=timeout)
        assert conserves(ended.summary), ended.summary
        self.must_fit(ended)
        return ended

    def must_fit(self, ended):
        """No payload above 256 KiB, no history of 25,000 events (facts B1); the embedded AWS enforces neither."""
        for history in [ended.events, *(self.events(lane) for lane in self.lanes(ended.arn))]:
            assert len(history) < 25_000
            for event in history:
                for details in event.values():
                    if isinstance(details, dict):
                        for payload in ("input", "output"):
                            assert len(details.get(payload, "").encode()) < 262_144
            assert SECRET not in json.dumps(history, default=str)


@pytest.fixture(scope="module")
def aws(embedded):
    return Audited(embedded)


@pytest.fixture
def sqs(aws):
    return aws.client("sqs")


def bodies(messages):
    return sorted(message["Body"] for message in messages)


def test_2500_mixed_messages_split_by_a_condition_and_every_one_is_in_one_place(aws, sqs):
    queues = make_queues(sqs)
    texts = [json.dumps({"n": n, "secret": SECRET, "kind": ("timeout", "bad")[n % 2]}) for n in range(2000)]
    texts += [f"no JSON {n} {SECRET}" for n in range(250)]
    texts += [json.dumps({"n": n, "kind": "timeout", "pad": "x" * 2000, "secret": SECRET}) for n in range(250)]
    send(sqs, queues.source, texts)
    dead_letter(queues)
    ended = aws.run({"queue": queues.name, "filter": {"where": 'body.kind = "timeout"'}})
    assert ended.status == "SUCCEEDED"
    assert (ended.output["received"], ended.output["sent"], ended.output["held"]) == (2500, 1250, 1250)
    assert count(sqs, queues.dlq) == (1250, 0)
    matched = [text for text in texts if '"kind": "timeout"' in text]
    assert bodies(drain(sqs, queues.source)) == sorted(matched)
    assert bodies(drain(sqs, queues.dlq)) == sorted(set(texts) - set(matched))


def test_a_message_arrives_as_it_left(aws, sqs):
    """Body, every type of attribute, group id on a standard queue (fair queues), trace header; and the stamp."""
    queues = make_queues(sqs)
    trace = "Root=1-5e3d83c1-e6a0db584850d61342823d4c;Sampled=1"
    attributes = {
        "text": {"DataType": "String", "StringValue": "ünï😀"},
        "typed": {"DataType": "String.email", "StringValue": "a@example.com"},
        "number": {"DataType": "Number", "StringValue": "1.50"},
        "binary": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
    }
    body = "line\nline\t\u2028 <&> \U0001f600"
    sqs.send_message(
        QueueUrl=queues.source,
        MessageBody=body,
        MessageAttributes=attributes,
        MessageGroupId="tenant-7",
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": trace}},
    )
    dead_letter(queues)
    original = sqs.receive_message(QueueUrl=queues.dlq, VisibilityTimeout=0)["Messages"][0]["MessageId"]
    ended = aws.run({"queue": queues.name, "path": "custom"})
    (message,) = drain(sqs, queues.source)
    stamp = json.loads(message["MessageAttributes"].pop("redrive")["StringValue"])
    assert message["Body"] == body
    assert message["MessageAttributes"] == attributes
    assert message["Attributes"]["MessageGroupId"] == "tenant-7"
    assert message["Attributes"]["AWSTraceHeader"] == trace
    assert stamp == {"count": 1, "run": run_of(ended.name, aws.started(ended.arn)), "id": original}


def test_ten_attributes_leave_no_slot_for_the_mark_and_the_message_goes_unstamped(aws, sqs):
    queues = make_queues(sqs)
    attributes = {f"a{n}": {"DataType": "String", "StringValue": str(n)} for n in range(10)}
    sqs.send_message(QueueUrl=queues.source, MessageBody="full", MessageAttributes=attributes)
    dead_letter(queues)
    ended = aws.run({"queue": queues.name, "path": "custom"})
    (message,) = drain(sqs, queues.source)
    assert message["MessageAttributes"] == attributes
    assert ended.output["sent"] == 1


def test_messages_of_one_mebibyte_pass(aws, sqs):
    queues = make_queues(sqs)
    texts = [letter * MIB for letter in "abc"]
    for text in texts:
        sqs.send_message(QueueUrl=queues.source, MessageBody=text)
    dead_letter(queues)
    ended = aws.run({"queue": queues.name, "path": "custom"})
    assert ended.output["sent"] == 3
    assert bodies(drain(sqs, queues.source)) == texts


def test_a_message_larger_than_its_destination_takes_stays_and_the_others_go_on(aws, sqs):
    queues = make_queues(sqs)
    send(sqs, queues.source, ["small", "x" * 3000, "also small"])
    dead_letter(queues)
    sqs.set_queue_attributes(QueueUrl=queues.source, Attributes={"MaximumMessageSize": "2048"})
    ended = aws.run({"queue": queues.name, "path": "custom"})
    assert (ended.status, ended.error) == ("FAILED", "RedriveIncomplete")
    assert "it is larger than" in ended.cause
    assert (ended.summary["sent"], ended.summary["failed"]) == (2, 1)
    assert bodies(drain(sqs, queues.source)) == ["also small", "small"]
    assert bodies(drain(sqs, queues.dlq)) == ["x" * 3000]


def test_300_messages_in_20_fifo_groups_arrive_in_order_and_are_not_taken_for_repeats(aws, sqs):
    queues = make_queues(sqs, fifo=True)
    send(sqs, queues.source, [str(n) for n in range(300)], group=lambda n: f"g{n % 20}")
    while sum(count(sqs, queues.dlq)) < 300:
        dead_letter(queues)
    ended = aws.run({"queue": queues.name, "path": "custom"}, timeout=120)
    assert (ended.output["sent"], ended.output["deleted"]) == (300, 300)
    groups = defaultdict(list)
    for message in drain(sqs, queues.source):
        groups[message["Attributes"]["MessageGroupId"]].append(int(message["Body"]))
    assert groups == {f"g{g}": list(range(g, 300, 20)) for g in range(20)}


def test_in_a_fifo_group_what_is_behind_a_held_message_is_held(aws, sqs):
    queues = make_queues(sqs, fifo=True)
    send(sqs, queues.source, ["a1", "b1", "a2", "b2", "a3", "b3"], group=lambda n: "ab"[n % 2])
    while sum(count(sqs, queues.dlq)) < 6:
        dead_letter(queues)
    ended = aws.run({"queue": queues.name, "filter": {"where": 'body != "a2"'}})
    assert (ended.output["sent"], ended.output["held"]) == (4, 2)
    assert [message["Body"] for message in drain(sqs, queues.dlq)] == ["a2", "a3"]


def test_each_message_of_a_shared_dlq_returns_to_its_own_queue(aws, sqs):
    queues = make_queues(sqs, sources=2)
    for number, url in enumerate(queues.sources):
        send(sqs, url, [f"{number}-{n}" for n in range(15)])
    dead_letter(queues)
    ended = aws.run({"queue": queues.name, "path": "custom"})
    assert ended.output["sent"] == 30
    for number, url in enumerate(queues.sources):
        assert bodies(drain(sqs, url)) == sorted(f"{number}-{n}" for n in range(15))


def test_a_transform_gives_the_new_body_and_the_attributes(aws, sqs):
    queues = make_queues(sqs)
    attributes = {
        "keep": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
        "drop": {"DataType": "String", "StringValue": "x"},
    }
    sqs.send_message(QueueUrl=queues.source, MessageBody='{"v": 1}', MessageAttributes=attributes)
    dead_letter(queues)
    transform = {"body": '$merge([body, {"v": 2}])', "attributes": '{"keep": attributes.keep, "n": 3}'}
    aws.run({"queue": queues.name, "transform": transform})
    (message,) = drain(sqs, queues.source)
    message["MessageAttributes"].pop("redrive")
    assert json.loads(message["Body"]) == {"v": 2}
    assert message["MessageAttributes"] == {
        "keep": attributes["keep"],
        "n": {"DataType": "Number", "StringValue": "3"},
    }


def test_a_message_the_condition_cannot_judge_stays_and_is_counted_with_its_reason(aws, sqs):
    queues = make_queues(sqs)
    send(sqs, queues.source, ['{"n": 1}', '{"n": "one"}', "no JSON"])
    dead_letter(queues)
    ended = aws.run({"queue": queues.name, "filter": {"where": "body.n > 0"}})
    assert (ended.summary["sent"], ended.summary["failed"]) == (1, 2)
    assert sum(ended.summary["reasons"].values()) == 2
    assert bodies(drain(sqs, queues.dlq)) == ["no JSON", '{"n": "one"}']


def test_the_ledger_tells_of_every_message_and_shows_no_body(aws, sqs):
    import gzip

    queues = make_queues(sqs)
    ids = send(sqs, queues.source, [json.dumps({"n": n, "secret": SECRET}) for n in range(4)])
    dead_letter(queues)
    ended = aws.run({"queue": queues.name, "filter": {"where": "body.n < 1"}})
    s3 = aws.client("s3")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=aws.bucket, Prefix=aws.folder(ended.arn))["Contents"]]
    folder = {key.removeprefix(aws.folder(ended.arn)).split("/")[0] for key in keys}
    documents = {"request.json", "plan.json", "summary.json", "history.json", "manifest.json", "report.html"}
    assert folder == documents | {"pages", "verdicts", "held", "outcomes"}
    (outcomes,) = [key for key in keys if "/outcomes/" in key]
    text = gzip.decompress(s3.get_object(Bucket=aws.bucket, Key=outcomes)["Body"].read()).decode()
    lines = {line["id"]: line for line in map(json.loads, text.splitlines())}
    assert SECRET not in text
    assert set(lines) == set(ids)
    assert [lines[message]["outcome"] for message in ids] == ["sent", "held", "held", "held"]
    (arrived,) = drain(sqs, queues.source)
    assert lines[ids[0]]["new_id"] == arrived["MessageId"]
    assert lines[ids[0]]["destination"] == queues.source.rsplit("/", 1)[1]


def test_no_body_and_no_attribute_stands_in_a_line_of_the_log(aws, sqs):
    queues = make_queues(sqs)
    sqs.send_message(
        QueueUrl=queues.source,
        MessageBody=f'{{"secret": "{SECRET}"}}',
        MessageAttributes={"token": {"DataType": "String", "StringValue": SECRET}},
    )
    dead_letter(queues)
    ended = aws.run({"queue": queues.name, "filter": {"where": "body.secret.x > attributes.token"}})
    assert ended.summary["failed"] == 1
    assert SECRET not in json.dumps(ended.summary)
    logs = aws.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    lines = [
        event["message"]
        for group in groups
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        for event in page["events"]
    ]
    ours = [json.loads(line) for line in lines if f'"run":"{ended.name}"' in line]
    assert {line["step"].split("-")[-2] for line in ours} or ours
    assert {line["lane"] for line in ours if "page" in line} == {0}
    assert not [line for line in lines if SECRET in line]


def test_the_runs_mark_is_recognised_when_a_message_comes_back_while_it_runs(aws, sqs):
    """A message with this run's own stamp is held and counted as returned, and never sent twice by the same run."""
    queues = make_queues(sqs)
    name = f"run-{uuid4().hex}"
    stamp = {"count": 1, "run": run_of(name, datetime.now(UTC)), "id": "the-first"}
    attribute = {"redrive": {"DataType": "String", "StringValue": json.dumps(stamp)}}
    sqs.send_message(QueueUrl=queues.source, MessageBody="boomerang", MessageAttributes=attribute)
    dead_letter(queues)
    started = aws.client("stepfunctions").start_execution(
        stateMachineArn=aws.state_machine, name=name, input=json.dumps({"queue": queues.name, "path": "custom"})
    )
    ended = aws.wait(started["executionArn"])
    assert (ended.output["received"], ended.output["returned"], ended.output["sent"]) == (1, 1, 0)
    assert count(sqs, queues.dlq) == (1, 0)


def test_a_cap_on_redrives_leaves_alone_what_was_redriven_that_often(aws, sqs):
    queues = make_queues(sqs)
    for times in range(4):
        stamp = {"count": times, "run": "earlier", "id": "x"}
        attribute = {"redrive": {"DataType": "String", "StringValue": json.dumps(stamp)}}
        sqs.send_message(QueueUrl=queues.source, MessageBody=str(times), MessageAttributes=attribute)
    dead_letter(queues)
    ended = aws.run({"queue": queues.name, "filter": {"max_redrives": 2}})
    assert (ended.output["sent"], ended.output["held"]) == (2, 2)
    assert bodies(drain(sqs, queues.dlq)) == ["2", "3"]


def test_several_lanes_share_a_large_queue(aws, sqs):
    queues = make_queues(sqs)
    send(sqs, queues.dlq, [f"{n}" for n in range(5200)])
    ended = aws.run({"queue": queues.name, "destination": arn_of(sqs, queues.source), "path": "custom"}, timeout=120)
    assert ended.output["lanes"] == 2 == len(aws.lanes(ended.arn))
    assert (ended.output["sent"], ended.output["deleted"]) == (5200, 5200)
    assert count(sqs, queues.source) == (5200, 0)


def test_yesterday_is_the_day_before_the_start_in_the_requests_time_zone(aws, sqs):
    """What was sent just now is not of yesterday, in any zone; and it is of today."""
    queues = make_queues(sqs)
    send(sqs, queues.source, ["fresh"])
    dead_letter(queues)
    held = aws.run({"queue": queues.name, "filter": {"sent": {"day": "yesterday"}}, "timezone": "Asia/Seoul"})
    assert held.output["held"] == 1
    sent = aws.run({"queue": queues.name, "filter": {"sent": {"older_than": "PT1S"}}})
    assert sent.output["sent"] == 1


def test_the_bill_in_the_summary_is_what_the_embedded_aws_counted():
    """On an AWS of its own: elsewhere the clean-up after an earlier red run may still be asking for something."""
    with local_stack() as stack:
        must_agree(Audited(stack))


def must_agree(aws):
    sqs = aws.client("sqs")

    def counted():
        with urllib.request.urlopen(f"{aws.stack.endpoint}/_redrive/requests") as answer:
            return json.load(answer)

    queues = make_queues(sqs)
    send(sqs, queues.source, [str(n) for n in range(50)])
    dead_letter(queues)
    before = counted()
    arn = aws.start({"queue": queues.name, "path": "custom"})
    sfn = aws.client("stepfunctions")
    while sfn.describe_execution(executionArn=arn)["status"] == "RUNNING":
        pass
    after = counted()
    summary = aws.wait(arn).output
    for service in ("sqs", "s3", "dynamodb"):
        grew = sum(after[service].values()) - sum(before.get(service, {}).values())
        assert summary["requests"][service] == grew, (service, summary["requests"])
    states = after["states"]["StateTransition"] - before.get("states", {}).get("StateTransition", 0)
    assert summary["requests"]["transitions"] == states
