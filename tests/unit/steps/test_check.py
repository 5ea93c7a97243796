"""Check: what cannot be run is refused before a single message is received."""

import pytest

from redrive.steps.check import check
from redrive.values.errors import InvalidRequest, QueueNotFound
from support.aws import count, make_queues, send

STARTED = "2026-11-20T21:00:00.123Z"


def test_the_brief_of_a_complete_request(sqs, queues):
    document = {
        "queue": "orders-dlq",
        "destination": "orders",
        "filter": {"sent": {"day": "yesterday"}, "where": "true", "max_redrives": 3},
        "transform": "body",
        "preview": True,
        "timezone": "Asia/Seoul",
    }
    brief = check(sqs, document, STARTED).to_json()
    assert brief["request"] == document
    assert (brief["queue"]["name"], brief["queue"]["url"]) == ("orders-dlq", queues.dlq)
    assert brief["destination"]["url"] == queues.source
    assert brief["criteria"] == {
        "now": "2026-11-21T06:00:00.123000+09:00",
        "today": "2026-11-21",
        "yesterday": "2026-11-20",
        "began": 1_795_208_400_123,
        "sent_from": 1_795_100_400_000,
        "sent_to": 1_795_186_800_000,
        "where": "true",
        "max_redrives": 3,
        "transform": "body",
        "preview": True,
    }


def test_without_a_destination_each_message_goes_home(sqs, queues):
    brief = check(sqs, {"queue": queues.dlq}, STARTED)
    assert brief.destination is None
    assert brief.criteria.yesterday == "2026-11-19"


def test_the_same_request_has_the_same_brief_at_every_attempt(sqs, queues):
    document = {"queue": "orders-dlq", "filter": {"sent": {"older_than": "PT2H"}}}
    assert check(sqs, document, STARTED) == check(sqs, document, STARTED)


WRONG = {
    "not an object": ("orders-dlq", InvalidRequest, "the request"),
    "no queue": ({}, InvalidRequest, "queue"),
    "unknown field": ({"queue": "orders-dlq", "wher": "x"}, InvalidRequest, "wher"),
    "where": ({"queue": "orders-dlq", "filter": {"where": "body.x ="}}, InvalidRequest, "filter.where"),
    "transform": ({"queue": "orders-dlq", "transform": "{"}, InvalidRequest, "transform"),
    "time zone": ({"queue": "orders-dlq", "timezone": "Mars"}, InvalidRequest, "timezone"),
    "date": ({"queue": "orders-dlq", "filter": {"sent": {"day": "soon"}}}, InvalidRequest, "filter.sent.day"),
    "queue absent": ({"queue": "nowhere"}, QueueNotFound, "queue"),
    "destination absent": ({"queue": "orders-dlq", "destination": "nowhere"}, QueueNotFound, "destination"),
    "destination is no queue": ({"queue": "orders-dlq", "destination": "a b"}, InvalidRequest, "destination"),
    "destination is the DLQ": ({"queue": "orders-dlq", "destination": "orders-dlq"}, InvalidRequest, "destination"),
    "standard to FIFO": ({"queue": "orders-dlq", "destination": "shop.fifo"}, InvalidRequest, "destination"),
    "FIFO to standard": ({"queue": "shop-dlq.fifo", "destination": "orders"}, InvalidRequest, "destination"),
}


@pytest.mark.parametrize(("document", "error", "field"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_run_is_refused_in_one_sentence_with_nothing_received(sqs, queues, document, error, field):
    make_queues(sqs, name="shop", fifo=True)
    send(sqs, queues.dlq, ["one"])
    with pytest.raises(error) as caught:
        check(sqs, document, STARTED)
    sentence = str(caught.value)
    assert sentence.startswith(f"{field}: ")
    assert sentence[-1] in ".?"
    assert "\n" not in sentence
    assert count(sqs, queues.dlq) == (1, 0)


def test_the_dead_letter_queue_is_no_destination_however_it_is_written(sqs, queues):
    with pytest.raises(InvalidRequest, match="it is the dead-letter queue itself"):
        check(sqs, {"queue": "orders-dlq", "destination": queues.dlq}, STARTED)


def test_a_mix_of_types_says_which_is_which(sqs, queues):
    make_queues(sqs, name="shop", fifo=True)
    with pytest.raises(InvalidRequest) as caught:
        check(sqs, {"queue": "orders-dlq", "destination": "shop.fifo"}, STARTED)
    assert str(caught.value) == (
        "destination: shop.fifo is a FIFO queue and orders-dlq is a standard queue; name a standard queue."
    )
