"""Message move tasks as AWS runs them. Source of every behaviour: docs/facts.md A4."""

import base64
import json

import pytest
from botocore.exceptions import ClientError

from support.embedded import (
    error_of,
    queue,
    queue_with_dlq,
    receive_all,
    send_and_dead_letter,
    unique,
    visible,
)
from support.engine import eventually


def latest(aws, source_arn):
    return aws.client("sqs").list_message_move_tasks(SourceArn=source_arn)["Results"][0]


def moved(aws, source_arn):
    """Wait for the end of the latest task."""
    return eventually(
        lambda: (task := latest(aws, source_arn))["Status"] not in {"RUNNING", "CANCELLING"} and task,
    )


def bodies(count):
    return [{"MessageBody": str(number)} for number in range(count)]


def refused(call, **arguments):
    """Status, code, code on the wire and message of a refusal."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    response = error.value.response
    details = response["Error"]
    return (
        response["ResponseMetadata"]["HTTPStatusCode"],
        details["Code"],
        details.get("QueryErrorCode"),
        details["Message"],
    )


def test_messages_of_several_sources_return_each_to_its_own(aws):
    sqs = aws.client("sqs")
    (one, _), (dlq, dlq_arn) = queue_with_dlq(aws)
    policy = json.dumps({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": 1})
    two, _ = queue(aws, RedrivePolicy=policy)
    send_and_dead_letter(aws, one, [{"MessageBody": "of one"}])
    send_and_dead_letter(aws, two, [{"MessageBody": "of two"}])
    sqs.start_message_move_task(SourceArn=dlq_arn)
    task = moved(aws, dlq_arn)
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)
    assert [message["Body"] for message in receive_all(aws, one)] == ["of one"]
    assert [message["Body"] for message in receive_all(aws, two)] == ["of two"]
    assert visible(aws, dlq) == 0


def test_a_moved_message_is_a_new_message_with_the_same_content(aws):
    (source, _), (dlq, dlq_arn) = queue_with_dlq(aws)
    attributes = {
        "text": {"DataType": "String", "StringValue": "é"},
        "number": {"DataType": "Number.int", "StringValue": "7"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    send_and_dead_letter(
        aws, source, [{"MessageBody": "body", "MessageAttributes": attributes, "MessageGroupId": "tenant"}]
    )
    seen = aws.client("sqs").receive_message(QueueUrl=dlq, VisibilityTimeout=0, MessageSystemAttributeNames=["All"])[
        "Messages"
    ][0]
    aws.client("sqs").start_message_move_task(SourceArn=dlq_arn)
    moved(aws, dlq_arn)
    (message,) = receive_all(aws, source)
    assert (message["Body"], message["MessageAttributes"]) == ("body", attributes)
    assert message["MessageId"] != seen["MessageId"]
    assert message["Attributes"]["MessageGroupId"] == "tenant"
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert message["Attributes"]["SentTimestamp"] > seen["Attributes"]["SentTimestamp"]
    assert "DeadLetterQueueSourceArn" not in message["Attributes"]


def test_fifo_messages_move_in_order_and_none_is_swallowed(aws):
    (source, _), (_, dlq_arn) = queue_with_dlq(aws, fifo=True)
    messages = [
        {"MessageBody": str(number), "MessageGroupId": f"g{number % 2}", "MessageDeduplicationId": unique("id")}
        for number in range(12)
    ]
    send_and_dead_letter(aws, source, messages)
    aws.client("sqs").start_message_move_task(SourceArn=dlq_arn)
    assert moved(aws, dlq_arn)["ApproximateNumberOfMessagesMoved"] == 12
    arrived = [int(message["Body"]) for message in receive_all(aws, source)]
    for group in (0, 1):
        assert [number for number in arrived if number % 2 == group] == list(range(group, 12, 2))


def test_a_message_in_flight_stays(aws):
    (source, _), (dlq, dlq_arn) = queue_with_dlq(aws)
    send_and_dead_letter(aws, source, bodies(3))
    aws.client("sqs").receive_message(QueueUrl=dlq, VisibilityTimeout=60)
    aws.client("sqs").start_message_move_task(SourceArn=dlq_arn)
    task = moved(aws, dlq_arn)
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)
    assert task["ApproximateNumberOfMessagesToMove"] == 2


def test_only_a_dlq_of_a_queue_can_be_moved(aws):
    _, arn = queue(aws)
    assert refused(aws.client("sqs").start_message_move_task, SourceArn=arn) == (
        400,
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "Source queue must be configured as a Dead Letter Queue.",
    )


@pytest.mark.parametrize("parameter", ["SourceArn", "DestinationArn"])
def test_a_queue_that_does_not_exist_is_not_found(aws, parameter):
    _, (_, dlq_arn) = queue_with_dlq(aws)
    arns = {"SourceArn": dlq_arn, parameter: f"arn:aws:sqs:us-east-1:{aws.account}:nowhere"}
    assert refused(aws.client("sqs").start_message_move_task, **arns) == (
        404,
        "ResourceNotFoundException",
        "ResourceNotFoundException",
        f"The resource that you specified for the {parameter} parameter doesn't exist.",
    )


def test_a_destination_of_the_other_type_or_the_source_itself_is_refused(aws):
    _, (_, dlq_arn) = queue_with_dlq(aws)
    _, fifo_arn = queue(aws, "other.fifo")
    start = aws.client("sqs").start_message_move_task
    for destination in (fifo_arn, dlq_arn):
        assert error_of(start, SourceArn=dlq_arn, DestinationArn=destination) == "InvalidParameterValue"


@pytest.mark.parametrize("rate", [0, 501])
def test_the_rate_is_between_1_and_500(aws, rate):
    _, (_, dlq_arn) = queue_with_dlq(aws)
    start = aws.client("sqs").start_message_move_task
    error = error_of(start, SourceArn=dlq_arn, MaxNumberOfMessagesPerSecond=rate)
    assert error == "InvalidParameterValue"


@pytest.mark.parametrize("count", [0, 11])
def test_at_most_ten_tasks_are_listed(aws, count):
    _, (_, dlq_arn) = queue_with_dlq(aws)
    error = error_of(aws.client("sqs").list_message_move_tasks, SourceArn=dlq_arn, MaxResults=count)
    assert error == "InvalidParameterValue"


def test_one_task_at_a_time_and_its_handle_only_while_it_runs(aws):
    sqs = aws.client("sqs")
    (source, _), (_, dlq_arn) = queue_with_dlq(aws)
    send_and_dead_letter(aws, source, bodies(3))
    handle = sqs.start_message_move_task(SourceArn=dlq_arn, MaxNumberOfMessagesPerSecond=5)["TaskHandle"]
    assert json.loads(base64.b64decode(handle))["sourceArn"] == dlq_arn
    running = latest(aws, dlq_arn)
    assert (running["Status"], running["TaskHandle"]) == ("RUNNING", handle)
    assert running["MaxNumberOfMessagesPerSecond"] == 5
    assert "DestinationArn" not in running
    assert refused(sqs.start_message_move_task, SourceArn=dlq_arn)[3] == (
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
    )
    assert "TaskHandle" not in moved(aws, dlq_arn)


def test_the_rate_is_kept(aws):
    sqs = aws.client("sqs")
    (source, _), (_, dlq_arn) = queue_with_dlq(aws)
    send_and_dead_letter(aws, source, bodies(20))
    sqs.start_message_move_task(SourceArn=dlq_arn, MaxNumberOfMessagesPerSecond=2)
    assert eventually(lambda: latest(aws, dlq_arn)["ApproximateNumberOfMessagesMoved"] >= 3)
    assert latest(aws, dlq_arn)["ApproximateNumberOfMessagesMoved"] <= 4


def test_the_newest_task_is_listed_first(aws):
    sqs = aws.client("sqs")
    (source, source_arn), (_, dlq_arn) = queue_with_dlq(aws)
    for destination in ({}, {"DestinationArn": source_arn}):
        send_and_dead_letter(aws, source, bodies(1))
        sqs.start_message_move_task(SourceArn=dlq_arn, **destination)
        moved(aws, dlq_arn)
        receive_all(aws, source)
    assert "DestinationArn" in latest(aws, dlq_arn)
    both = sqs.list_message_move_tasks(SourceArn=dlq_arn, MaxResults=10)["Results"]
    assert ["DestinationArn" in task for task in both] == [True, False]
    assert both[0]["StartedTimestamp"] > both[1]["StartedTimestamp"] > 1_700_000_000_000


def test_cancel_leaves_what_is_not_moved_and_keeps_what_is(aws):
    sqs = aws.client("sqs")
    (source, _), (dlq, dlq_arn) = queue_with_dlq(aws)
    send_and_dead_letter(aws, source, bodies(20))
    handle = sqs.start_message_move_task(SourceArn=dlq_arn, MaxNumberOfMessagesPerSecond=10)["TaskHandle"]
    eventually(lambda: latest(aws, dlq_arn)["ApproximateNumberOfMessagesMoved"] >= 2)
    assert sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"] >= 2
    task = moved(aws, dlq_arn)
    assert task["Status"] == "CANCELLED"
    assert visible(aws, source) == task["ApproximateNumberOfMessagesMoved"] < 20
    assert visible(aws, dlq) + visible(aws, source) == 20
    assert refused(sqs.cancel_message_move_task, TaskHandle=handle)[1] == "ResourceNotFoundException"


def test_a_bad_handle_is_refused(aws):
    unknown = base64.b64encode(b'{"taskId": "unknown", "sourceArn": "any"}').decode()
    cancel = aws.client("sqs").cancel_message_move_task
    assert refused(cancel, TaskHandle=unknown)[1::2] == ("ResourceNotFoundException", "Task does not exist.")
    assert error_of(cancel, TaskHandle="not base64!") == "InvalidParameterValue"


def test_a_message_put_there_by_hand_has_no_source(aws):
    sqs = aws.client("sqs")
    (source, source_arn), (dlq, dlq_arn) = queue_with_dlq(aws)
    sqs.send_message(QueueUrl=dlq, MessageBody="by hand")
    sqs.start_message_move_task(SourceArn=dlq_arn)
    task = moved(aws, dlq_arn)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert visible(aws, dlq) == 1
    sqs.start_message_move_task(SourceArn=dlq_arn, DestinationArn=source_arn)
    assert moved(aws, dlq_arn)["Status"] == "COMPLETED"
    assert visible(aws, source) == 1


def test_a_destination_deleted_while_it_runs_fails_the_task_and_loses_nothing(aws):
    sqs = aws.client("sqs")
    (source, _), (dlq, dlq_arn) = queue_with_dlq(aws)
    destination, destination_arn = queue(aws)
    send_and_dead_letter(aws, source, bodies(10))
    arns = {"SourceArn": dlq_arn, "DestinationArn": destination_arn}
    sqs.start_message_move_task(**arns, MaxNumberOfMessagesPerSecond=10)
    eventually(lambda: latest(aws, dlq_arn)["ApproximateNumberOfMessagesMoved"] >= 2)
    arrived = visible(aws, destination)
    sqs.delete_queue(QueueUrl=destination)
    task = moved(aws, dlq_arn)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "AWS.SimpleQueueService.NonExistentQueue")
    assert visible(aws, dlq) + task["ApproximateNumberOfMessagesMoved"] == 10
    assert task["ApproximateNumberOfMessagesMoved"] >= arrived


def test_the_sources_of_a_dlq_are_listed_in_pages(aws):
    sqs = aws.client("sqs")
    (one, _), (dlq, dlq_arn) = queue_with_dlq(aws)
    two, _ = queue(aws, RedrivePolicy=json.dumps({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": 1}))
    assert sqs.list_dead_letter_source_queues(QueueUrl=dlq)["queueUrls"] == [one, two]
    page = sqs.list_dead_letter_source_queues(QueueUrl=dlq, MaxResults=1)
    assert page["queueUrls"] == [one]
    rest = sqs.list_dead_letter_source_queues(QueueUrl=dlq, MaxResults=1, NextToken=page["NextToken"])
    assert (rest["queueUrls"], "NextToken" in rest) == ([two], False)


def test_upstream_still_lacks_move_tasks_and_source_queues(plain):
    sqs = plain.client("sqs")
    _, (dlq, dlq_arn) = queue_with_dlq(plain)
    assert error_of(sqs.start_message_move_task, SourceArn=dlq_arn) == "InvalidAction"
    assert error_of(sqs.list_message_move_tasks, SourceArn=dlq_arn) == "InvalidAction"
    assert error_of(sqs.cancel_message_move_task, TaskHandle="any") == "InvalidAction"
    assert error_of(sqs.list_dead_letter_source_queues, QueueUrl=dlq) == "InvalidAction"
