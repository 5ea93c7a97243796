"""One lane, turn after turn over moto's queues: nothing is lost, nothing comes twice, everything is accounted for."""

from dataclasses import replace
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redrive.values.outcome import conserves
from redrive.values.plan import Released
from support import aws
from support.aws import count
from support.breaking import refuse_entries
from support.library import SESSION, a_run, criteria


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    number=st.integers(0, 30),
    size=st.integers(1, 12),
    limit=st.none() | st.integers(1, 20),
    least=st.none() | st.integers(0, 30),
    refused=st.sets(st.integers(0, 30), max_size=5),
)
def test_every_message_ends_in_one_queue_and_in_one_count(dynamodb, ledger, number, size, limit, least, refused):
    sqs = SESSION.client("sqs")
    queues = aws.make_queues(sqs)
    where = None if least is None else f"body >= {least}"
    run = a_run(sqs, dynamodb, replace(ledger, run=uuid4().hex), queues.dlq, queues.sources)
    run.criteria = criteria(where=where)
    bodies = [str(n) for n in range(number)]
    aws.send(run.sqs, queues.dlq, bodies)
    judge = {str(n): ("InvalidMessageContents", True) for n in refused}
    refuse_entries(run.sqs, "SendMessageBatch", lambda entry: judge.get(entry["MessageBody"]))
    lane = run.drain(run.lane(page_size=size, limit_left=limit, has_filter=least is not None))
    assert conserves(lane.tally.counts)
    assert lane.tally.counts["deleted"] == lane.tally.counts["sent"]
    assert limit is None or lane.tally.counts["sent"] <= limit
    run.release(lane)
    arrived = [found["Body"] for found in aws.drain(run.sqs, queues.source)]
    stayed = [found["Body"] for found in aws.drain(run.sqs, queues.dlq)]
    assert len(arrived) == lane.tally.counts["sent"]
    assert sorted(arrived + stayed) == sorted(bodies)
    if limit is None:
        chosen = [n for n in range(number) if (least is None or n >= least) and n not in refused]
        assert sorted(arrived) == sorted(map(str, chosen))


def test_what_does_not_match_is_met_once_and_not_again(run, queues):
    aws.send(run.sqs, queues.dlq, [str(n) for n in range(20)])
    run.choosing(where="body >= 15")
    lane = run.drain(run.lane(page_size=4))
    assert (lane.tally.counts["received"], lane.tally.counts["sent"], lane.tally.counts["held"]) == (20, 5, 15)
    assert lane.turn <= 6


def test_a_message_that_comes_back_to_the_run_is_held_and_not_sent_twice(run, queues):
    aws.send(run.sqs, queues.source, ["poison"])
    aws.dead_letter(queues)
    lane = run.turn(run.lane())
    aws.dead_letter(queues)
    assert count(run.sqs, queues.dlq) == (1, 0)
    lane = run.turn(lane)
    assert (lane.tally.counts["sent"], lane.tally.counts["returned"]) == (1, 1)
    assert run.release(lane) == Released(1)


def test_the_next_run_may_send_it_again_and_counts(run, queues):
    aws.send(run.sqs, queues.source, ["poison"])
    aws.dead_letter(queues)
    original = run.receive(run.lane())
    first_id = run.page(original.page.name).messages[0].id
    run.delete(run.send(run.filter(original)))
    aws.dead_letter(queues)
    later = run.another("run-2")
    assert later.drain().tally.counts["sent"] == 1
    [found] = aws.drain(run.sqs, queues.source)
    stamped = found["MessageAttributes"]["redrive"]["StringValue"]
    assert stamped == f'{{"count":2,"run":"2026-11-21/run-2","id":"{first_id}"}}'


def test_fifo_a_group_held_in_part_keeps_its_order_and_its_place(fifo_run, fifo_queues):
    aws.send(fifo_run.sqs, fifo_queues.dlq, [f'{{"g":"a","n":{n}}}' for n in range(3)], group=lambda n: "a")
    aws.send(fifo_run.sqs, fifo_queues.dlq, [f'{{"g":"b","n":{n}}}' for n in range(3)], group=lambda n: "b")
    fifo_run.choosing(where='body.g = "b" or body.n != 1')
    lane = fifo_run.drain()
    assert (lane.tally.counts["sent"], lane.tally.counts["held"]) == (4, 2)
    fifo_run.release(lane)
    assert [found["Body"] for found in aws.drain(fifo_run.sqs, fifo_queues.dlq)] == [
        '{"g":"a","n":1}',
        '{"g":"a","n":2}',
    ]
