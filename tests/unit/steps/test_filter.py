"""Filter: a page waits for *Send* with its verdicts, or is closed at once."""

import json
from dataclasses import replace

import pytest

from redrive.expressions.shapes import view_of
from redrive.sqs.queues import describe
from redrive.values.lane import MOST_LATE, ONLY_LATE, Lane
from support.aws import arn_of, dead_letter, make_queues, send
from support.breaking import calls_of, refuse_calls
from support.library import BLOB, a_lane, a_run


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
    assert view_of(kept, kept.stamp) | {"sent": "", "id": ""} == {
        "body": {"n": 1},
        "content": {"n": 1},
        "text": '{"n":1}',
        "attributes": {"blob": "AP+AcmVkcml2ZQo="},
        "id": "",
        "sent": "",
        "received_count": 2,
        "redrives": 0,
        "group": None,
        "source": "orders",
    }


# A preview says what a send would do


def both_ways(run, lane):
    """What a preview says of a page, and what a run then makes of it: counts, and reasons of failure."""
    run.choosing(preview=True)
    before = run.filter(lane)
    run.choosing(preview=False)
    after = run.send(run.filter(lane))
    told = [
        {name: number for name, number in each.tally.counts.items() if number and name != "unstamped"}
        for each in (before, after)
    ]
    return told[0], told[1], before.tally.reasons, after.tally.reasons


def test_a_preview_counts_as_failed_what_a_send_would_refuse_for_the_same_reason(run, queues):
    small = run.sqs.create_queue(QueueName="small", Attributes={"MaximumMessageSize": "1024"})["QueueUrl"]
    run.named = describe(run.sqs, small)
    send(run.sqs, queues.dlq, ['{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}'])
    run.choosing(where="body.n != 4", transform="body.n = 2 ? $pad('x', 1025) : body.n = 3 ? '' : body")
    preview, real, *reasons = both_ways(run, run.receive(run.lane()))
    assert preview == {"received": 4, "previewed": 1, "failed": 2, "held": 1}
    assert real == {"received": 4, "sent": 1, "failed": 2, "held": 1}
    assert (
        reasons[0]
        == reasons[1]
        == {
            "it is larger than small takes (1,024 bytes)": 1,
            "transform gave an empty text for a body; SQS takes none, so let it give another one": 1,
        }
    )


def test_a_preview_counts_as_failed_what_has_no_way_home(sqs, dynamodb, ledger):
    queues = make_queues(sqs, name="orders", sources=2)
    run = a_run(sqs, dynamodb, ledger, queues.dlq, queues.sources)
    send(sqs, queues.dlq, ["by hand"])
    preview, real, *reasons = both_ways(run, run.receive(run.lane()))
    assert preview == real == {"received": 1, "failed": 1}
    assert reasons[0] == reasons[1]


def test_a_preview_counts_as_failed_what_came_from_a_queue_that_is_gone(sqs, dynamodb, ledger):
    queues = make_queues(sqs, name="orders", sources=2)
    for url in queues.sources:
        send(sqs, url, ["one", "two"])
    dead_letter(queues)
    sqs.delete_queue(QueueUrl=queues.sources[1])
    run = a_run(sqs, dynamodb, ledger, queues.dlq, queues.sources[:1])
    lane = run.receive(run.lane())
    asked = calls_of(sqs, "GetQueueAttributes")
    preview, real, *reasons = both_ways(run, lane)
    assert len(asked) == 1  # for the page, and a send asks nothing
    assert preview == {"received": 4, "previewed": 2, "failed": 2}
    assert real == {"received": 4, "sent": 2, "failed": 2}
    assert reasons[0] == reasons[1]


def test_a_preview_takes_off_the_limit_what_a_run_would(run, queues):
    small = run.sqs.create_queue(QueueName="small", Attributes={"MaximumMessageSize": "1024"})["QueueUrl"]
    run.named = describe(run.sqs, small)
    send(run.sqs, queues.dlq, ["x" * 1025, "one", "two"])
    run.choosing(where="true")
    preview, real, *_ = both_ways(run, run.receive(run.lane(limit_left=2, has_filter=True)))
    assert preview == {"received": 3, "previewed": 1, "failed": 1, "held": 1}
    assert real == {"received": 3, "sent": 1, "failed": 1, "held": 1}


def test_fifo_a_preview_holds_back_what_a_send_would(fifo_run, fifo_queues):
    fifo_run.sources = [replace(fifo_run.sources[0], max_bytes=1024)]
    send(fifo_run.sqs, fifo_queues.dlq, ["a0", "x" * 1025, "a2", "b0"], group=lambda n: "aaab"[n])
    preview, real, *_ = both_ways(fifo_run, fifo_run.receive(fifo_run.lane()))
    assert preview == {"received": 4, "previewed": 2, "failed": 1, "held": 1}
    assert real == {"received": 4, "sent": 2, "failed": 1, "held": 1}


def test_a_preview_counts_as_failed_what_this_stack_may_not_send(sqs, dynamodb, ledger):
    queues = make_queues(sqs, name="orders", sources=1)
    send(sqs, queues.source, ["one"])
    dead_letter(queues)
    run = a_run(sqs, dynamodb, ledger, queues.dlq, [])
    run.sources = [run.queue.sibling(arn_of(sqs, queues.source))]  # as the plan takes a queue that it may not look at
    lane = run.receive(run.lane())
    refuse_calls(sqs, "GetQueueAttributes", "AccessDenied", status=403)
    run.choosing(preview=True)
    assert run.filter(lane).tally.reasons == {"this stack may not send to orders": 1}


# What came after the run began


def test_a_lane_ends_when_nothing_comes_any_more_but_what_was_sent_after_the_run_began(run, queues):
    run.choosing(began=0)
    lane = run.lane(page_size=2, turns=99)
    for _ in range(MOST_LATE):
        send(run.sqs, queues.dlq, ["one", "two", "three", "four", "five", "six", "seven"])
        assert lane.next.why == ""
        lane = run.turn(lane)
    assert (lane.next.another_turn, lane.next.why) == (False, ONLY_LATE)
    assert lane.tally.counts["held"] == 2 * MOST_LATE


def test_one_page_of_such_messages_may_be_chance(run, queues):
    send(run.sqs, queues.dlq, ["one", "two", "three", "four"])
    lane = run.receive(run.lane(page_size=2, turns=99))
    run.choosing(began=0)
    lane = run.filter(lane)
    assert lane.tally.late_pages == 1
    run.choosing(began=4_102_444_800_000)
    assert run.filter(run.receive(lane)).tally.late_pages == 0


def test_what_a_filter_passed_over_is_counted_apart_from_what_is_held_for_another_reason(run, queues):
    send(run.sqs, queues.dlq, ['{"n":1}', '{"n":2}', '{"n":3}'])
    run.choosing(where="body.n = 1")
    assert run.judged().tally.unmatched == 2


# Fields that nobody has


def test_a_lane_tells_the_fields_that_none_of_its_pages_had(run, queues):
    send(run.sqs, queues.dlq, ['{"a":1}', '{"b":1}'])
    run.choosing(where="body.a = 2 or body.b = 2 or body.c = 2")
    lane = run.filter(run.receive(run.lane(page_size=1)))
    assert len(lane.tally.unseen) == 2
    lane = run.drain(lane)
    assert lane.tally.unseen == ["body.c"]
    assert Lane.from_json(json.loads(json.dumps(lane.to_json()))) == lane


def test_a_lane_without_a_filter_tells_none(run, queues):
    send(run.sqs, queues.dlq, ["one"])
    assert run.judged().tally.unseen is None
