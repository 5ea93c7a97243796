"""Queues: from a name, a URL or an ARN to what a run must know of them."""

import pytest
from botocore.exceptions import ClientError

from redrive.sqs.queues import resolve
from redrive.values.errors import InvalidRequest, QueueNotFound
from redrive.values.queue import LARGEST, Queue, name_of
from support.aws import arn_of
from support.breaking import refuse_calls
from support.library import a_queue


@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
def test_a_name_a_url_and_an_arn_mean_the_same_queue(sqs, fifo):
    name = "orders-dlq" + (".fifo" if fifo else "")
    attributes = {"MaximumMessageSize": "2048"} | ({"FifoQueue": "true"} if fifo else {})
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    expected = Queue(name, url, arn_of(sqs, url), fifo, 2048)
    references = [name, url, expected.arn, f"http://localhost:4566/123456789012/{name}"]
    assert [resolve(sqs, reference, "queue") for reference in references] == [expected] * 4
    assert Queue.from_json(expected.to_json()) == expected


@pytest.mark.parametrize(
    "reference",
    [
        "",
        " orders-dlq",
        "orders dlq",
        "orders-dlq/",
        "x" * 81,
        "orders.fifo.x",
        "arn:aws:sns:us-east-1:123456789012:orders-dlq",
        "arn:aws:sqs:us-east-1:12345:orders-dlq",
        "https://sqs.us-east-1.amazonaws.com/orders-dlq",
        "ftp://sqs.us-east-1.amazonaws.com/123456789012/orders-dlq",
    ],
    ids=repr,
)
def test_what_is_no_queue_is_refused_in_one_sentence(sqs, queues, reference):
    with pytest.raises(InvalidRequest) as caught:
        resolve(sqs, reference, "destination")
    expected = f"destination: {reference!r} is no queue; write the queue's name, its URL or its ARN."
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "reference",
    [
        "arn:aws:sqs:eu-west-1:123456789012:orders-dlq",
        "https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dlq",
    ],
    ids=["arn", "url"],
)
def test_a_queue_of_another_region_is_never_taken_for_the_one_here(sqs, queues, reference):
    with pytest.raises(InvalidRequest, match=r"^queue: the queue '.*' is in eu-west-1, and this stack works in us-ea"):
        resolve(sqs, reference, "queue")


@pytest.mark.parametrize(
    "reference",
    [
        "nowhere",
        "arn:aws:sqs:us-east-1:123456789012:nowhere",
        "https://sqs.us-east-1.amazonaws.com/123456789012/nowhere",
    ],
    ids=["name", "arn", "url"],
)
def test_a_queue_that_does_not_exist_is_said_in_one_sentence(sqs, reference):
    with pytest.raises(QueueNotFound) as caught:
        resolve(sqs, reference, "queue")
    assert str(caught.value).startswith(f"queue: there is no queue {reference!r} in this account and Region; ")
    assert str(caught.value).endswith(".")


def test_the_account_of_an_arn_is_the_account_that_is_asked(sqs, queues):
    asked = []
    sqs.meta.events.register("provide-client-params.sqs.GetQueueUrl", lambda params, **_: asked.append(params))
    resolve(sqs, "arn:aws:sqs:us-east-1:210987654321:orders-dlq", "queue")
    assert asked == [{"QueueName": "orders-dlq", "QueueOwnerAWSAccountId": "210987654321"}]


@pytest.mark.parametrize("operation", ["GetQueueUrl", "GetQueueAttributes"])
@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_a_queue_that_may_not_be_looked_at_says_what_to_add(sqs, queues, operation, code):
    refuse_calls(sqs, operation, code, status=403)
    with pytest.raises(QueueNotFound, match=r"^queue: this stack may not look at the queue 'orders-dlq'; add its ARN"):
        resolve(sqs, "orders-dlq", "queue")


def test_an_error_of_aws_itself_is_left_for_the_state_machine_to_retry(sqs, queues):
    refuse_calls(sqs, "GetQueueUrl", "RequestThrottled")
    with pytest.raises(ClientError, match="RequestThrottled"):
        resolve(sqs, "orders-dlq", "queue")


def test_a_source_queue_lives_beside_its_dead_letter_queue():
    arn = "arn:aws:sqs:us-east-1:123456789012:orders"
    assert name_of(arn) == "orders"
    sibling = a_queue("orders-dlq.fifo", fifo=True).sibling(arn)
    assert sibling == Queue("orders", "https://sqs.us-east-1.amazonaws.com/123456789012/orders", arn, True, LARGEST)
