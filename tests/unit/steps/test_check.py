"""Check: what cannot be run is refused before a single message is received."""

import json
import re
from pathlib import Path

import pytest

from redrive.steps import check as step
from redrive.steps.check import understand
from redrive.values.criteria import Criteria
from redrive.values.errors import InvalidRequest, QueueNotFound
from support.aws import count, make_queues, send

STARTED = "2026-11-20T21:00:00.123Z"
WITH_OUTCOMES = {"2026-11-20/run-1"}


def check(sqs, document, started):
    return step.check(sqs, document, started, WITH_OUTCOMES.__contains__)


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
        "key": None,
        "of_run": None,
        "action": "redrive",
    }


def test_without_a_destination_each_message_goes_home(sqs, queues):
    brief = check(sqs, {"queue": queues.dlq}, STARTED)
    assert brief.destination is None
    assert brief.criteria.yesterday == "2026-11-19"


def test_the_same_request_has_the_same_brief_at_every_attempt(sqs, queues):
    document = {"queue": "orders-dlq", "filter": {"sent": {"older_than": "PT2H"}}}
    assert check(sqs, document, STARTED) == check(sqs, document, STARTED)


def test_as_of_is_what_words_and_ages_are_reckoned_from_and_the_run_still_began_when_it_did(sqs, queues):
    document = {"queue": "orders-dlq", "timezone": "Asia/Seoul", "as_of": "2026-11-18T21:00:00Z"}
    at_once, late = (
        check(sqs, document | {"filter": {"sent": sent}}, started).criteria
        for sent, started in (({"day": "yesterday"}, STARTED), ({"older_than": "2h"}, "2026-11-25T21:00:00.123Z"))
    )
    assert (at_once.now, at_once.today, at_once.yesterday) == ("2026-11-19T06:00:00+09:00", "2026-11-19", "2026-11-18")
    assert (at_once.sent_from, at_once.sent_to) == (1_794_927_600_000, 1_795_014_000_000)
    assert at_once.began == 1_795_208_400_123
    assert (late.sent_from, late.sent_to, late.began) == (None, 1_795_028_400_000, 1_795_640_400_123)


def test_the_schedules_own_input_redrives_the_day_before_it_was_due(sqs, queues):
    """As the scheduler fills it in (docs/facts.md I): due at six in Seoul, and delivered a day late."""
    template = (Path(__file__).parents[3] / "template.yaml").read_text()
    [text] = re.findall(r"Input: !Sub >-\n(.*?})\n\n", template, re.DOTALL)
    filled = {
        "${ScheduledQueue}": "orders-dlq",
        "${ScheduleTimezone}": "Asia/Seoul",
        "<aws.scheduler.scheduled-time>": "2026-11-19T21:00:00Z",
        "<aws.scheduler.schedule-arn>": "arn:aws:scheduler:us-east-1:123456789012:schedule/default/daily",
    }
    for word, value in filled.items():
        assert word in text
        text = text.replace(word, value)
    checked = check(sqs, json.loads(text), STARTED)
    assert (checked.criteria.today, checked.criteria.yesterday) == ("2026-11-20", "2026-11-19")
    assert (checked.criteria.sent_from, checked.criteria.sent_to) == (1_795_014_000_000, 1_795_100_400_000)


def test_what_the_command_understands_is_what_the_run_does(sqs, queues):
    document = {"queue": "orders-dlq", "filter": {"sent": {"from": "yesterday"}, "where": "true"}, "transform": "body"}
    checked = check(sqs, document, STARTED)
    assert understand(document, STARTED) == (checked.request, checked.criteria)


WRONG = {
    "not an object": ("orders-dlq", InvalidRequest, "the request"),
    "no queue": ({}, InvalidRequest, "queue"),
    "unknown field": ({"queue": "orders-dlq", "wher": "x"}, InvalidRequest, "wher"),
    "where": ({"queue": "orders-dlq", "filter": {"where": "body.x ="}}, InvalidRequest, "filter.where"),
    "transform": ({"queue": "orders-dlq", "transform": "{"}, InvalidRequest, "transform"),
    "time zone": ({"queue": "orders-dlq", "timezone": "Mars"}, InvalidRequest, "timezone"),
    "date": ({"queue": "orders-dlq", "filter": {"sent": {"day": "soon"}}}, InvalidRequest, "filter.sent.day"),
    "as of": ({"queue": "orders-dlq", "as_of": "2026-11-21"}, InvalidRequest, "as_of"),
    "queue is no queue": ({"queue": "orders dlq"}, InvalidRequest, "queue"),
    "queue elsewhere": ({"queue": "arn:aws:sqs:eu-west-1:123456789012:q"}, InvalidRequest, "queue"),
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


def test_an_earlier_run_that_left_outcomes_may_be_named_and_no_other(sqs, queues):
    def of_run(run):
        return {"queue": "orders-dlq", "filter": {"of_run": {"run": run, "outcomes": ["failed"]}}}

    checked = check(sqs, of_run("2026-11-20/run-1"), STARTED)
    assert (checked.criteria.of_run.run, checked.criteria.of_run.outcomes) == ("2026-11-20/run-1", ("failed",))
    assert Criteria.from_json(json.loads(json.dumps(checked.criteria.to_json()))) == checked.criteria
    with pytest.raises(InvalidRequest, match=r"^filter.of_run: the ledger has no outcomes of a run 2026-11-20/run-2: "):
        check(sqs, of_run("2026-11-20/run-2"), STARTED)
