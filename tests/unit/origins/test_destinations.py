"""Destinations: each message to the named queue, or to where it came from."""

import pytest

from redrive.origins.destinations import Destinations
from redrive.values.queue import LARGEST, Queue
from support.library import a_queue, message

DLQ, ORDERS, OTHER = a_queue("orders-dlq"), a_queue("orders"), a_queue("other", max_bytes=1024)


def of(source):
    return message(DeadLetterQueueSourceArn=source.arn) if source else message()


@pytest.mark.parametrize("source", [None, ORDERS, OTHER], ids=str)
def test_a_named_queue_gets_everything(source):
    assert Destinations(DLQ, OTHER, [ORDERS]).of(of(source)) == OTHER


@pytest.mark.parametrize("source", [ORDERS, OTHER], ids=["one", "the other"])
def test_each_message_goes_to_its_own_source_as_that_is_known(source):
    assert Destinations(DLQ, None, [ORDERS, OTHER]).of(of(source)) == source


def test_a_source_that_is_none_any_more_is_still_where_its_messages_came_from():
    found = Destinations(DLQ, None, [ORDERS]).of(of(OTHER))
    assert isinstance(found, Queue)
    assert (found.name, found.url, found.arn, found.fifo) == (OTHER.name, OTHER.url, OTHER.arn, False)


def test_a_message_without_a_source_goes_to_the_only_one():
    assert Destinations(DLQ, None, [ORDERS]).of(of(None)) == ORDERS


def test_a_message_without_a_source_goes_nowhere_where_not_all_sources_are_known():
    answer = Destinations(DLQ, None, [ORDERS], 1_099).of(message())
    assert answer == "SQS did not dead-letter it, and orders-dlq serves 1,100 queues: name a destination"


def test_a_message_without_a_source_goes_nowhere_where_there_are_several_and_says_so():
    why = Destinations(DLQ, None, [ORDERS, OTHER]).of(of(None))
    assert why == "SQS did not dead-letter it, and orders-dlq serves 2 queues: name a destination"


@pytest.mark.parametrize(
    ("named", "sources", "more", "lost", "are_lost"),
    [
        (OTHER, [ORDERS], 0, {"other"}, True),
        (OTHER, [ORDERS], 0, {"orders"}, False),
        (None, [ORDERS, OTHER], 0, {"orders"}, False),
        (None, [ORDERS, OTHER], 0, {"orders", "other", "gone"}, True),
        (None, [ORDERS], 0, {"gone"}, False),
        (None, [ORDERS], 1, {"orders"}, False),
        (None, [ORDERS], 0, set(), False),
        (None, [], 0, set(), False),
    ],
)
def test_a_lane_has_nowhere_to_send_only_when_every_destination_is_lost(named, sources, more, lost, are_lost):
    assert Destinations(DLQ, named, sources, more).are_lost(lost) is are_lost


def test_the_smallest_destination_tells_what_all_of_them_take():
    assert Destinations(DLQ, None, [ORDERS, OTHER]).least_bytes == 1024
    assert Destinations(DLQ, ORDERS, [OTHER]).least_bytes == Destinations(DLQ, None, []).least_bytes == LARGEST
