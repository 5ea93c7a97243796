"""Each fault that docs/faults.md names, in a whole run on moto: its outcome, and where every message is."""

import pytest

import clients
from support.aws import count, drain, make_queues, numbered, send, where_they_are
from support.breaking import refuse_calls, refuse_entries
from support.moto_machine import LambdaError

ALL = list(range(6))


@pytest.fixture
def queues(moto):
    return numbered(moto.client("sqs"), ALL)


def incomplete(run, cause):
    assert run.path[-1] == "Redrive incomplete"
    assert cause in run.cause


def custom(queues, **more):
    return {"queue": queues.name, "path": "custom", **more}


@pytest.mark.parametrize(
    ("code", "reason"),
    [("AWS.SimpleQueueService.NonExistentQueue", "does not exist any more"), ("AccessDenied", "may not send to")],
    ids=["deleted", "turned read-only"],
)
def test_a_destination_lost_half_way_stops_the_lane_and_the_rest_stays(moto, queues, code, reason):
    calls = []

    def from_the_second_page_on(params):
        calls.append(params)
        return len(calls) > 1

    refuse_calls(clients._client("sqs"), "SendMessageBatch", code, when=from_the_second_page_on)
    run = moto.run(custom(queues, rate=2))
    incomplete(run, reason)
    stayed, arrived = where_they_are(queues, ALL)
    assert (len(stayed), len(arrived)) == (4, 2)
    assert run.summary["sent"] == 2


@pytest.mark.parametrize(
    ("operation", "code"),
    [("ReceiveMessage", "RequestThrottled"), ("ReceiveMessage", "OverLimit"), ("ReceiveMessage", "KmsThrottled")],
)
def test_a_queue_that_cannot_be_received_from_stops_the_lane_with_its_error(moto, queues, operation, code):
    refuse_calls(clients._client("sqs"), operation, code)
    incomplete(moto.run(custom(queues)), "1 of 1 lanes stopped")
    # What is received here is received by the test itself, through a client that nobody broke.
    assert where_they_are(queues, ALL) == (ALL, [])


@pytest.mark.parametrize("code", ["RequestThrottled", "KmsThrottled"])
def test_messages_that_sqs_throttles_for_good_have_failed_and_stay(moto, queues, code):
    refuse_calls(clients._client("sqs"), "SendMessageBatch", code)
    run = moto.run(custom(queues))
    incomplete(run, f"6 of 6 messages failed and stay in the queue (SQS refused it: {code}")
    assert where_they_are(queues, ALL) == (ALL, [])


def test_a_refused_message_stops_its_fifo_group_and_the_summary_names_the_group_once(moto):
    """Send dies once after it is done: its retry tells of the same group, not of another one."""
    queues = make_queues(moto.client("sqs"), fifo=True)
    send(queues.sqs, queues.dlq, ["a0", "b0", "a1", "b1", "a2", "b2"], group=lambda n: "ab"[n % 2])
    refuse_entries(
        clients._client("sqs"),
        "SendMessageBatch",
        lambda entry: ("InvalidMessageContents", True) if entry["MessageBody"] == "a1" else None,
    )

    def around(step, _event, go):
        result = go()
        if step == "send" and moto.steps.count("send") == 1:
            raise LambdaError("Lambda.Unknown")
        return result

    moto.around = around
    run = moto.run({"queue": queues.name, "path": "custom"})
    reason = "SQS refused it: InvalidMessageContents: broken on purpose"
    incomplete(run, f"1 of 6 messages failed and stay in the queue ({reason})")
    assert moto.steps.count("send") == 2
    assert (run.summary["stopped_groups"], run.summary["more_stopped_groups"]) == ({"a": reason}, 0)
    assert (run.summary["sent"], run.summary["failed"], run.summary["held"]) == (4, 1, 1)
    assert [message["Body"] for message in drain(queues.sqs, queues.dlq)] == ["a1", "a2"]


def test_deletions_that_sqs_throttles_for_good_are_made_good_at_the_end_or_said(moto, queues):
    refuse_calls(clients._client("sqs"), "DeleteMessageBatch", "RequestThrottled")
    run = moto.run(custom(queues))
    assert run.path[-1] == "Redrive incomplete"
    assert (run.summary["sent"], count(queues.sqs, queues.source)[0]) == (6, 6)


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [("s3", "PutObject", "SlowDown"), ("dynamodb", "PutItem", "ProvisionedThroughputExceededException")],
)
def test_a_store_that_is_throttled_for_good_stops_the_lane_and_loses_nothing(moto, queues, service, operation, code):
    in_send = [False]

    def around(step, _event, go):
        in_send[0] = step == "send"
        return go()

    moto.around = around
    refuse_calls(clients._client(service), operation, code, status=503, when=lambda _: in_send[0])
    incomplete(moto.run(custom(queues)), "1 of 1 lanes stopped")
    stayed, arrived = where_they_are(queues, ALL)
    assert (stayed, arrived) == (ALL, [])


@pytest.mark.parametrize("error", ["Lambda.TooManyRequestsException", "Runtime.ExitError", "Sandbox.Timedout"])
def test_a_function_that_lambda_cannot_run_once_is_run_again(moto, queues, error):
    left = [1]

    def around(step, _event, go):
        if step == "filter" and left[0]:
            left[0] = 0
            raise LambdaError(error)
        return go()

    moto.around = around
    assert moto.run(custom(queues), timeout=90).path[-1] == "Redrive complete"
    assert where_they_are(queues, ALL) == ([], ALL)


def test_a_page_that_is_gone_from_the_bucket_stops_the_lane_and_says_so(moto, queues):
    def around(step, event, go):
        if step == "filter":
            for item in moto.client("s3").list_objects_v2(Bucket=moto.bucket, Prefix="runs/")["Contents"]:
                if "/pages/" in item["Key"]:
                    moto.client("s3").delete_object(Bucket=moto.bucket, Key=item["Key"])
        return go()

    moto.around = around
    incomplete(moto.run(custom(queues)), "PageGone: page 0/001-0001 has no pages in the bucket")
    # Its handles are gone with it: nobody can release them, and they become visible by themselves within ten minutes.
    assert count(queues.sqs, queues.dlq) == (0, 6)


def test_a_hostile_expression_fails_the_message_it_hangs_on_and_the_run_goes_on(moto, queues):
    run = moto.run(custom(queues, filter={"where": "body.n != 3 or $contains($pad('', 60, 'a') & '!', /^(a+)+$/)"}))
    incomplete(run, "filter.where took longer than 1 s")
    assert where_they_are(queues, ALL) == ([3], [0, 1, 2, 4, 5])
    assert (run.summary["sent"], run.summary["failed"]) == (5, 1)
