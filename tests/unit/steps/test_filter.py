"""Filter: a page waits for *Send* with its verdicts, or is closed at once."""

import pytest

from redrive.expressions.shapes import view_of
from support.aws import send
from support.library import BLOB, a_lane


def test_a_page_with_something_to_send_waits_for_send(run, queues):
    send(run.sqs, queues.dlq, ['{"n":1}', '{"n":2}', '{"n":3}'])
    run.choosing(where="body.n > 1")
    lane = run.judged()
    assert lane.page.selected == 2
    assert sorted(line["decision"] for line in run.ledger.read("verdicts", lane.page.name)) == ["held", "send", "send"]
    assert list(run.ledger.names("outcomes")) == []


def test_a_page_with_nothing_to_send_is_closed_at_once(run, queues):
    send(run.sqs, queues.dlq, ["one", "two"])
    run.choosing(where="false")
    lane = run.judged()
    assert lane.page.selected == 0
    assert list(run.ledger.names("outcomes")) == [lane.page.name]
    assert (lane.tally.counts["received"], lane.tally.counts["held"]) == (2, 2)
    assert len(run.ledger.read("held", lane.page.name)) == 2
    assert lane.hold.until == lane.page.visible_at


def test_a_preview_selects_sends_nothing_and_counts(run, queues):
    send(run.sqs, queues.dlq, ['{"n":1}', '{"n":2}'])
    run.choosing(where="body.n > 1", preview=True)
    lane = run.judged()
    assert lane.page.selected == 0
    assert list(run.ledger.names("outcomes")) == [lane.page.name]
    assert (lane.tally.counts["previewed"], lane.tally.counts["held"]) == (1, 1)


@pytest.mark.parametrize("preview", [False, True], ids=["real", "preview"])
def test_the_lane_ends_when_its_limit_is_used_up(run, queues, preview):
    send(run.sqs, queues.dlq, ["one", "two", "three"])
    run.choosing(preview=preview)
    lane = run.judged(limit_left=5)
    assert (lane.budget.limit_left, lane.next.why) == (2, "drained")
    lane = run.filter(a_lane(limit_left=3, page=lane.page, another_turn=True, arrived=True))
    assert (lane.budget.limit_left, lane.next.another_turn, lane.next.why) == (0, False, "the limit is reached")


def test_the_same_page_gets_the_same_verdicts_whenever_it_is_judged(run, queues):
    send(run.sqs, queues.dlq, ["one", "two", "three"])
    run.choosing(where="$length(text) > 3")
    received = run.receive(run.lane(limit_left=1))
    assert run.filter(received) == run.filter(received)


def test_a_message_is_judged_as_it_was_received(run, queues):
    send(run.sqs, queues.source, ['{"n":1}'], MessageAttributes={"blob": {"DataType": "Binary", "BinaryValue": BLOB}})
    while run.sqs.receive_message(QueueUrl=queues.source).get("Messages"):
        pass
    lane = run.receive(run.lane())
    [kept] = run.page(lane.page.name).messages
    assert view_of(kept) | {"sent": "", "id": ""} == {
        "body": {"n": 1},
        "text": '{"n":1}',
        "attributes": {"blob": "AP+AcmVkcml2ZQo="},
        "id": "",
        "sent": "",
        "received_count": 2,
        "redrives": 0,
        "group": None,
        "source": "orders",
    }
