"""SQS, where ministack differs from AWS: ours as AWS, and upstream still as it was."""

import time

import pytest

from support.embedded import error_of, queue, queue_with_dlq, receive_all, send_and_dead_letter

TRACE = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-67890abc-0"}}


def text_attribute(size):
    return {"a": {"DataType": "String", "StringValue": "x" * size}}


def trace_header_after_a_batch(aws):
    url, _ = queue(aws)
    entries = [{"Id": "1", "MessageBody": "hello", "MessageSystemAttributes": TRACE}]
    aws.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    return receive_all(aws, url)[0]["Attributes"].get("AWSTraceHeader")


def test_a_batch_keeps_the_trace_header(aws):
    """SQS API, SendMessageBatchRequestEntry: MessageSystemAttributes."""
    assert trace_header_after_a_batch(aws) == "Root=1-67890abc-0"


def test_upstream_still_lacks_the_trace_header_of_a_batch(plain):
    assert trace_header_after_a_batch(plain) is None


def error_for_a_body_that_fits_but_not_its_attribute(aws):
    url, _ = queue(aws, MaximumMessageSize="1024")
    message = {"MessageBody": "x" * 1000, "MessageAttributes": text_attribute(100)}
    return error_of(aws.client("sqs").send_message, QueueUrl=url, **message)


def test_attributes_count_as_message_size(aws):
    """SQS API, SendMessage: the size includes the attributes' names, types and values."""
    assert error_for_a_body_that_fits_but_not_its_attribute(aws) == "InvalidParameterValue"


def test_upstream_still_lacks_attributes_in_the_message_size(plain):
    assert error_for_a_body_that_fits_but_not_its_attribute(plain) is None


@pytest.mark.parametrize(("body", "fits"), [(1024 - 1 - 6 - 10, True), (1024 - 1 - 6 - 10 + 1, False)])
def test_name_type_and_value_of_an_attribute_count_to_the_byte(aws, body, fits):
    url, _ = queue(aws, MaximumMessageSize="1024")
    message = {"MessageBody": "x" * body, "MessageAttributes": text_attribute(10)}
    error = error_of(aws.client("sqs").send_message, QueueUrl=url, **message)
    assert error == (None if fits else "InvalidParameterValue")


def test_binary_attributes_count_their_bytes_and_the_trace_header_counts_nothing(aws):
    """SQS API, SendMessage: AWSTraceHeader does not count."""
    url, _ = queue(aws, MaximumMessageSize="1024")
    binary = {"a": {"DataType": "Binary", "BinaryValue": b"x" * 10}}
    message = {"MessageBody": "x" * (1024 - 1 - 6 - 10), "MessageAttributes": binary}
    assert error_of(aws.client("sqs").send_message, QueueUrl=url, MessageSystemAttributes=TRACE, **message) is None


def test_an_entry_that_is_too_big_fails_alone(aws):
    url, _ = queue(aws, MaximumMessageSize="1024")
    too_big = {"Id": "big", "MessageBody": "x" * 1000, "MessageAttributes": text_attribute(100)}
    answer = aws.client("sqs").send_message_batch(QueueUrl=url, Entries=[{"Id": "ok", "MessageBody": "x"}, too_big])
    assert [entry["Id"] for entry in answer["Successful"]] == ["ok"]
    assert [(entry["Id"], entry["Code"], entry["SenderFault"]) for entry in answer["Failed"]] == [
        ("big", "InvalidParameterValue", True)
    ]


def error_for_a_batch_over_one_mebibyte_by_its_attributes(aws):
    url, _ = queue(aws)
    entries = [
        {"Id": str(number), "MessageBody": "x" * 500_000, "MessageAttributes": text_attribute(50_000)}
        for number in (1, 2)
    ]
    return error_of(aws.client("sqs").send_message_batch, QueueUrl=url, Entries=entries)


def test_attributes_count_against_the_size_of_a_batch(aws):
    """SQS API, SendMessageBatch: 1 MiB is the sum of all messages."""
    assert error_for_a_batch_over_one_mebibyte_by_its_attributes(aws) == ("AWS.SimpleQueueService.BatchRequestTooLong")


def test_upstream_still_lacks_attributes_in_the_size_of_a_batch(plain):
    assert error_for_a_batch_over_one_mebibyte_by_its_attributes(plain) is None


def keys_of_batch_answers(aws):
    """Of a send, a visibility and a delete batch in which nothing failed."""
    sqs = aws.client("sqs")
    url, _ = queue(aws)
    sent = sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "hello"}])
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    held = {"Id": "1", "ReceiptHandle": handle}
    changed = sqs.change_message_visibility_batch(QueueUrl=url, Entries=[{**held, "VisibilityTimeout": 60}])
    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=[held])
    return [set(answer) - {"ResponseMetadata"} for answer in (sent, changed, deleted)]


def test_a_batch_answer_has_no_empty_lists(aws):
    """SQS: `Failed` is absent when nothing failed, so that `answer["Failed"]` is a bug."""
    assert keys_of_batch_answers(aws) == [{"Successful"}] * 3


def test_upstream_still_lacks_absent_lists_in_batch_answers(plain):
    assert keys_of_batch_answers(plain) == [{"Successful", "Failed"}] * 3


def errors_of_two_deletes(aws):
    sqs = aws.client("sqs")
    url, _ = queue(aws)
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    return [error_of(sqs.delete_message, QueueUrl=url, ReceiptHandle=handle) for _ in range(2)]


def test_deleting_a_message_twice_succeeds(aws):
    """SQS API, DeleteMessage."""
    assert errors_of_two_deletes(aws) == [None, None]


def test_upstream_still_lacks_the_second_delete(plain):
    assert errors_of_two_deletes(plain) == [None, "ReceiptHandleIsInvalid"]


def test_an_old_receipt_handle_succeeds_and_deletes_nothing(aws):
    """SQS API, DeleteMessage: "the request succeeds, but the message will not be deleted"."""
    sqs = aws.client("sqs")
    url, _ = queue(aws)
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    old = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"][0]["ReceiptHandle"]
    new = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"][0]["ReceiptHandle"]
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=[{"Id": "old", "ReceiptHandle": old}])
    assert (answer["Successful"], old != new) == ([{"Id": "old"}], True)
    assert [message["Body"] for message in receive_all(aws, url)] == ["hello"]


def test_a_handle_that_was_never_given_out_is_refused(aws):
    url, _ = queue(aws)
    made_up = [{"Id": "1", "ReceiptHandle": "made-up"}]
    answer = aws.client("sqs").delete_message_batch(QueueUrl=url, Entries=made_up)
    assert answer["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"
    refused = error_of(aws.client("sqs").delete_message, QueueUrl=url, ReceiptHandle="made-up")
    assert refused == "ReceiptHandleIsInvalid"


def dedup_id_is_message_id_in_a_fifo_dlq(aws):
    (source, _), (dlq, _) = queue_with_dlq(aws, fifo=True)
    sent = {"MessageBody": "hello", "MessageGroupId": "g", "MessageDeduplicationId": "the sender's"}
    send_and_dead_letter(aws, source, [sent])
    (message,) = receive_all(aws, dlq)
    return message["Attributes"]["MessageDeduplicationId"] == message["MessageId"]


def test_a_fifo_dlq_replaces_the_dedup_id_by_the_message_id(aws):
    """SQS developer guide, dead-letter queues; docs/facts.md A2."""
    assert dedup_id_is_message_id_in_a_fifo_dlq(aws)


def test_upstream_still_lacks_the_dedup_id_of_a_fifo_dlq(plain):
    assert not dedup_id_is_message_id_in_a_fifo_dlq(plain)


def milliseconds_of_the_move(aws, *, fifo):
    """How much later a dead letter was sent, by its own word, than it was."""
    (source, _), (dlq, _) = queue_with_dlq(aws, fifo=fifo)
    aws.client("sqs").send_message(QueueUrl=source, MessageBody="hello", **(FIFO if fifo else {}))
    ask = {"QueueUrl": source, "VisibilityTimeout": 0, "MessageSystemAttributeNames": ["SentTimestamp"]}
    [first] = aws.client("sqs").receive_message(**ask)["Messages"]
    time.sleep(0.5)
    aws.client("sqs").receive_message(**ask)  # finds it received before, and moves it
    (message,) = receive_all(aws, dlq)
    return int(message["Attributes"]["SentTimestamp"]) - int(first["Attributes"]["SentTimestamp"])


FIFO = {"MessageGroupId": "g", "MessageDeduplicationId": "the sender's"}


def test_a_fifo_dlq_begins_a_messages_time_anew_and_a_standard_one_keeps_it(aws):
    """docs/facts.md A3."""
    assert 500 <= milliseconds_of_the_move(aws, fifo=True) < 5_000
    assert milliseconds_of_the_move(aws, fifo=False) == 0


def test_upstream_still_shows_when_a_fifo_dead_letter_was_sent(plain):
    assert milliseconds_of_the_move(plain, fifo=True) == 0


class Watched(list):
    """A queue's messages, and how many times one was looked at."""

    looks = 0

    def __iter__(self):
        for message in super().__iter__():
            self.looks += 1
            yield message


def looks_of(receive, number=1_000):
    """How often a receive of ten looks at a message of so many."""
    messages = Watched(
        {"id": str(n), "visible_at": 0, "sent_at": time.time(), "receive_count": 0} for n in range(number)
    )
    arn = f"arn:aws:sqs:us-east-1:000000000000:{receive.__module__}"
    queue = {"is_fifo": False, "messages": messages, "attributes": {"QueueArn": arn}}
    received = receive(queue)
    assert [message["id"] for message in received] == [str(n) for n in range(10)]
    assert {message["receive_count"] for message in received} == {1}
    return messages.looks


def test_a_receive_costs_the_same_however_long_the_queue_is():
    from redrive_embedded import sqs_gaps

    def receive(queue):
        sqs_gaps.expire_once_a_second(sqs_gaps.sqs._expire_retained, queue)
        before = queue["messages"].looks
        sqs_gaps.expire_once_a_second(sqs_gaps.sqs._expire_retained, queue)
        received = sqs_gaps.collect_from_the_front(sqs_gaps.sqs._collect_msgs, queue, 10, 30)
        queue["messages"].looks -= before
        return received

    assert looks_of(receive) == 10


def test_upstream_still_looks_at_every_message_of_a_queue():
    from ministack.services import sqs

    def receive(queue):
        sqs._expire_retained(queue)
        return sqs._collect_msgs(queue, 10, 30)

    assert looks_of(receive) >= 3_000


def test_what_is_deleted_goes_and_what_is_not_stays(aws):
    url, _ = queue(aws)
    sqs = aws.client("sqs")
    for n in range(30):
        sqs.send_message(QueueUrl=url, MessageBody=str(n))
    received = [
        message
        for _ in range(3)
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600)["Messages"]
    ]
    entries = [{"Id": m["Body"], "ReceiptHandle": m["ReceiptHandle"]} for m in received[5:25:2]]
    assert len(sqs.delete_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 10
    gone = {entry["Id"] for entry in entries}
    for message in received:
        if message["Body"] not in gone:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    assert {message["Body"] for message in receive_all(aws, url)} == {str(n) for n in range(30)} - gone
