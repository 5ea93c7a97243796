"""Plan: which path and why, how many lanes, how large a page, how fast."""

import json
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from redrive.sqs.queues import IN_FLIGHT_LIMIT, describe
from redrive.steps.lanes import LANE_RATE, MESSAGES_PER_LANE, OWN_CHOICE, STANDARD, _turns, choose_lanes
from redrive.steps.plan import INTENTS, LAGGING, NATIVE, account_concurrency, plan
from redrive.steps.send import _keep_pace
from redrive.steps.validate import parse
from redrive.values.errors import InvalidRequest, NativePathUnavailable
from redrive.values.lane import MOST_LANES
from redrive.values.plan import MOST_SOURCES, Move, MoveTask, Plan
from redrive.values.queue import QueueDepth
from support.aws import arn_of, make_queues
from support.breaking import answer_with, refuse_calls
from support.library import a_queue

PAGE = STANDARD.page_size


def planned(sqs, queues, *, destination=None, visible=13, others=(), intents=False, **asked):
    queue = describe(sqs, queues.dlq)
    request = parse({"queue": queue.name} | asked)
    depth = QueueDepth(visible, 0, 0)
    return plan(sqs, request, queue, destination, depth, list(others), lambda: 1_000, lambda: intents)


def chosen(visible=13, in_flight=0, fifo=False, account=1_000, **asked):
    request = parse({"queue": "q"} | asked)
    return choose_lanes(request, a_queue("q", fifo=fifo), QueueDepth(visible, in_flight, 0), lambda: account)


def lanes_of(visible=13, **situation):
    return chosen(visible, **situation)[0]


def running(sqs, status):
    answer_with(sqs, "ListMessageMoveTasks", lambda: {"Results": [{"Status": status}]})


def test_with_nothing_to_select_change_or_limit_sqs_moves_them_itself(sqs, queues):
    found = planned(sqs, queues)
    assert (found.path, found.because, found.fallback) == ("native", [NATIVE], True)
    # The rate is always given: left out, SQS chooses one that may change (SQS API, StartMessageMoveTask).
    assert found.move.to_json() == {"SourceArn": arn_of(sqs, queues.dlq), "MaxNumberOfMessagesPerSecond": 500}
    assert found.to_json()["looks"] == {"number": 0}
    assert [source.url for source in found.sources] == queues.sources
    assert len(found.lanes) == 1
    assert found.more is True


def test_a_destination_and_a_rate_are_told_to_the_move_task(sqs, queues):
    home = describe(sqs, queues.source)
    found = planned(sqs, queues, destination=home, rate=500)
    assert found.path == "native"
    assert found.move.to_json() == {
        "SourceArn": arn_of(sqs, queues.dlq),
        "DestinationArn": home.arn,
        "MaxNumberOfMessagesPerSecond": 500,
    }


OBSTACLES = {
    "sent": ({"filter": {"sent": {"day": "today"}}}, "filter.sent is set"),
    "where": ({"filter": {"where": "true"}}, "filter.where is set"),
    "cap": ({"filter": {"max_redrives": 0}}, "filter.max_redrives is set"),
    "transform": ({"transform": "body"}, "transform is set"),
    "limit": ({"limit": 1}, "limit is set"),
    "record": ({"record": True}, "record is set"),
    "preview": ({"preview": True}, "preview is set"),
    "rate": ({"rate": 501}, "rate is above the 500 a second that a move task can do"),
}


@pytest.mark.parametrize(("asked", "reason"), OBSTACLES.values(), ids=OBSTACLES.keys())
def test_what_sqs_cannot_do_takes_the_custom_path_and_says_why(sqs, queues, asked, reason):
    found = planned(sqs, queues, **asked)
    assert (found.path, found.because) == ("custom", [reason])


@pytest.mark.parametrize(("asked", "reason"), OBSTACLES.values(), ids=OBSTACLES.keys())
def test_native_insisted_on_but_not_to_be_had_fails_with_its_reasons(sqs, queues, asked, reason):
    with pytest.raises(NativePathUnavailable) as caught:
        planned(sqs, queues, path="native", **asked)
    expected = f'path: SQS cannot move these messages itself, because {reason}; change that, or write "auto".'
    assert str(caught.value) == expected


def test_all_reasons_are_said_at_once(sqs, queues):
    asked = {key: value for case, _ in OBSTACLES.values() for key, value in case.items() if key != "filter"}
    with pytest.raises(NativePathUnavailable) as caught:
        planned(sqs, queues, path="native", **asked)
    assert str(caught.value).count(" and ") == 4


def test_what_a_run_may_have_sent_and_not_deleted_is_not_left_to_sqs_which_would_send_it_again(sqs, queues):
    found = planned(sqs, queues, intents=True)
    assert (found.path, found.because) == ("custom", [INTENTS])
    with pytest.raises(NativePathUnavailable, match="an earlier run may have sent some of them"):
        planned(sqs, queues, intents=True, path="native")
    assert planned(sqs, queues, intents=True, path="custom").because == ["path is custom"]


@pytest.mark.parametrize("asked", [{"preview": False}, {"rate": 500}, {"filter": {}}], ids=str)
def test_what_is_no_obstacle_leaves_the_native_path(sqs, queues, asked):
    assert planned(sqs, queues, path="native", **asked).path == "native"


def test_insisting_on_native_means_no_fallback(sqs, queues):
    assert planned(sqs, queues, path="native").fallback is False


def test_insisting_on_custom_is_reason_enough(sqs, queues):
    found = planned(sqs, queues, path="custom")
    assert (found.path, found.because) == ("custom", ["path is custom"])


@pytest.mark.parametrize("asked", [{}, {"path": "custom"}, {"path": "native"}], ids=str)
def test_a_run_beside_another_says_so(sqs, queues, asked):
    alone, beside = planned(sqs, queues, **asked), planned(sqs, queues, others=["run-7"], **asked)
    assert beside.path == alone.path
    assert beside.because == [*alone.because, "run run-7 is working on the queue as well"]


def test_a_run_that_wants_to_be_alone_steps_back_from_another(sqs, queues):
    found = planned(sqs, queues, alone=True, others=["run-7", "run-8"])
    assert found.path == "none"
    assert found.because == [f"run {name} is working on the queue as well" for name in ("run-7", "run-8")]
    assert planned(sqs, queues, alone=True).path == "native"


@pytest.mark.parametrize("named", [False, True], ids=["a source", "the destination"])
def test_a_queue_that_takes_smaller_messages_would_stop_a_move_task(sqs, queues, named):
    sqs.set_queue_attributes(QueueUrl=queues.source, Attributes={"MaximumMessageSize": "262144"})
    found = planned(sqs, queues, destination=describe(sqs, queues.source) if named else None)
    name = queues.source.rsplit("/", 1)[1]
    assert (found.path, found.because) == (
        "custom",
        [f"{name} takes messages of 262,144 bytes, and {queues.name} of more"],
    )


@pytest.mark.parametrize(("asked", "path"), [({}, "custom"), ({"path": "native"}, "native")], ids=["auto", "native"])
def test_a_count_of_zero_is_not_believed(sqs, queues, asked, path):
    found = planned(sqs, queues, visible=0, **asked)
    assert (found.path, LAGGING in found.because) == (path, path == "custom")
    assert len(found.lanes) == 1


@pytest.mark.parametrize("visible", [0, 13])
def test_a_run_that_wants_to_be_alone_steps_back_also_where_all_is_in_the_others_hands(sqs, queues, visible):
    assert planned(sqs, queues, visible=visible, others=["run-1"], alone=True).path == "none"


@pytest.mark.parametrize("status", ["RUNNING", "CANCELLING"])
def test_a_move_task_that_runs_already_is_not_joined(sqs, queues, status):
    running(sqs, status)
    assert planned(sqs, queues).because == ["a move task is already running on the queue"]
    with pytest.raises(NativePathUnavailable, match="a move task is already running on the queue"):
        planned(sqs, queues, path="native")


@pytest.mark.parametrize("status", ["COMPLETED", "CANCELLED", "FAILED"])
def test_a_move_task_that_has_ended_is_no_obstacle(sqs, queues, status):
    running(sqs, status)
    assert planned(sqs, queues).path == "native"


def test_a_queue_that_is_nobodys_dead_letter_queue_needs_a_destination(sqs, queues):
    nobodys = replace(queues, dlq=queues.source)
    with pytest.raises(InvalidRequest) as caught:
        planned(sqs, nobodys)
    assert str(caught.value) == (
        "queue: orders is no queue's dead-letter queue, so its messages have no queue to return to; name a destination."
    )
    other = describe(sqs, sqs.create_queue(QueueName="other")["QueueUrl"])
    found = planned(sqs, nobodys, destination=other)
    assert (found.path, found.because) == ("custom", ["no SQS queue has it as its dead-letter queue"])
    with pytest.raises(NativePathUnavailable, match="no SQS queue has it as its dead-letter queue"):
        planned(sqs, nobodys, destination=other, path="native")


def test_all_source_queues_are_known(sqs):
    queues = make_queues(sqs, name="orders", sources=3)
    assert [source.url for source in planned(sqs, queues).sources] == queues.sources


def test_of_many_source_queues_a_plan_names_the_first_and_counts_the_rest(sqs, queues, monkeypatch):
    many = [a_queue(f"orders-{number:04}-{'n' * 60}") for number in range(1_100)]
    monkeypatch.setattr("redrive.steps.plan.sources_of", lambda *_: many)
    found = planned(sqs, queues)
    assert (found.sources, found.more_sources) == (many[:MOST_SOURCES], 1_100 - MOST_SOURCES)
    assert len(json.dumps(found.to_json())) < 32_000  # of the 262,144 that a state may hold


def test_an_error_of_aws_itself_is_left_for_the_state_machine_to_retry(sqs, queues):
    refuse_calls(sqs, "ListDeadLetterSourceQueues", "RequestThrottled")
    with pytest.raises(ClientError, match="RequestThrottled"):
        planned(sqs, queues)


@pytest.mark.parametrize(
    ("visible", "asked", "number"),
    [
        (0, {}, 1),
        (1, {}, 1),
        (MESSAGES_PER_LANE, {}, 1),
        (MESSAGES_PER_LANE + 1, {}, 2),
        (10**7, {}, OWN_CHOICE),
        (10**7, {"limit": 100}, 1),
        (10**7, {"limit": MESSAGES_PER_LANE + 1}, 2),
        (10**7, {"limit": 10**6, "filter": {"where": "true"}}, 1),
        (10**7, {"filter": {"where": "true"}}, OWN_CHOICE),
        (10**7, {"rate": 1}, 1),
        (10**7, {"rate": LANE_RATE}, 1),
        (10**7, {"rate": LANE_RATE + 1}, 2),
        (10**7, {"rate": 10**6}, OWN_CHOICE),
        (PAGE, {"rate": 10**6}, 1),
        (13, {"lanes": 4}, 4),
        (10**7, {"lanes": MOST_LANES}, MOST_LANES),
        (10**7, {"lanes": 1}, 1),
        (10**7, {"lanes": 4, "limit": 3}, 3),
        (10**7, {"lanes": 4, "rate": 10}, 4),
        (10**7, {"lanes": 4, "rate": 3}, 3),
    ],
    ids=str,
)
def test_the_lanes_are_as_many_as_the_messages_are_worth(visible, asked, number):
    lanes = lanes_of(visible, **asked)
    assert len(lanes) == number
    assert [lane.index for lane in lanes] == list(range(number))


REASONS = {
    "the count": ({"visible": 12_000}, "one lane serves each 5,000 messages, and 12,000 are to be looked at"),
    "the limit": (
        {"visible": 12_000, "limit": 50},
        "one lane serves each 5,000 messages, and 50 are to be looked at",
    ),
    "FIFO": ({"visible": 10**7, "fifo": True}, "a FIFO queue is drained in one lane, which keeps its groups in order"),
    "a limit and a filter": (
        {"visible": 10**7, "limit": 9, "filter": {"where": "true"}},
        "a limit with a filter is exact only in one lane",
    ),
    "the request": ({"lanes": 3, "limit": 3, "rate": 3_000}, "lanes is set"),
    "the request and the limit": (
        {"lanes": 4, "limit": 3},
        "lanes is set; each lane takes at least one message of the limit of 3",
    ),
    "the request and the rate": (
        {"lanes": 4, "rate": 3},
        (
            "lanes is set; each lane takes at least one message a second of the rate of 3; "
            "pages of 1, one a second in each lane, keep to the rate"
        ),
    ),
    "the request, the limit and the rate": (
        {"lanes": 9, "limit": 5, "rate": 2},
        (
            "lanes is set; each lane takes at least one message of the limit of 5; "
            "each lane takes at least one message a second of the rate of 2; "
            "pages of 1, one a second in each lane, keep to the rate"
        ),
    ),
    "our own restraint": (
        {"visible": 10**7},
        "one lane serves each 5,000 messages, and 10,000,000 are to be looked at; more than 10 must be asked for",
    ),
    "the rate": (
        {"visible": 10**7, "rate": 1_200},
        (
            "one lane serves each 500 messages a second of the rate; "
            "pages of 400, one a second in each lane, keep to the rate"
        ),
    ),
    "a rate and few messages": (
        {"visible": 1_500, "rate": 1_200},
        (
            "one lane serves each 500 messages a second of the rate; "
            "no more than one for each 1,000 messages, and 1,500 are to be looked at; "
            "pages of 600, one a second in each lane, keep to the rate"
        ),
    ),
    "a rate that leaves lanes of two paces": (
        {"lanes": 4, "rate": 10},
        "lanes is set; pages of at most 3, one a second in each lane, keep to the rate",
    ),
    "a rate above a page a second": (
        {"lanes": 1, "rate": 1_050},
        "lanes is set; pages of 525, 2 a second in each lane, keep to the rate",
    ),
    "a rate around a page a second": (
        {"lanes": 2, "rate": 2_001},
        "lanes is set; pages of at most 1,000, 1 or 2 a second in each lane, keep to the rate",
    ),
    "a rate of full pages": ({"lanes": 1, "rate": 2_000}, "lanes is set"),
    "the account": (
        {"visible": 10**7, "account": 10},
        (
            "one lane serves each 5,000 messages, and 10,000,000 are to be looked at; more than 10 must be asked for; "
            "the account may run 10 functions at once, of which a run takes a fifth"
        ),
    ),
}


@pytest.mark.parametrize(("situation", "sentence"), REASONS.values(), ids=REASONS.keys())
def test_the_number_of_lanes_has_its_reason(situation, sentence):
    _, because = chosen(**situation)
    assert "; ".join(because) == sentence


@pytest.mark.parametrize(("account", "number"), [(1_000, 10), (50, 10), (49, 9), (10, 2), (4, 1), (0, 1), (None, 10)])
def test_a_run_takes_a_fifth_of_what_the_account_may_run_at_once(account, number):
    assert len(lanes_of(10**7, account=account)) == number


def test_the_account_is_asked_only_when_more_than_one_lane_is_wanted():
    def never():
        raise AssertionError("asked")

    depth = QueueDepth(10**7, 0, 0)
    for asked, fifo in (({"lanes": 9}, False), ({"limit": 5}, False), ({"rate": 5}, False), ({}, True)):
        choose_lanes(parse({"queue": "q"} | asked), a_queue("q", fifo=fifo), depth, never)


@pytest.mark.parametrize("situation", [{"fifo": True}, {"limit": 9, "filter": {"where": "true"}}], ids=str)
def test_more_lanes_than_can_be_right_are_refused(situation):
    assert len(lanes_of(lanes=1, **situation)) == 1
    with pytest.raises(InvalidRequest, match=r"^lanes: it can only be 1, because .*; leave it out\.$"):
        lanes_of(lanes=2, **situation)


def test_the_accounts_concurrency_is_asked_of_lambda():
    """`AccountLimit.UnreservedConcurrentExecutions`: Lambda API, GetAccountSettings. Denied, the plan does without."""
    answers = [{"AccountLimit": {"UnreservedConcurrentExecutions": 10}}]
    client = SimpleNamespace(get_account_settings=lambda: answers[0])
    assert account_concurrency(client) == 10

    def refuse(code):
        def refused():
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "GetAccountSettings")

        return SimpleNamespace(get_account_settings=refused)

    assert account_concurrency(refuse("AccessDeniedException")) is None
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        account_concurrency(refuse("TooManyRequestsException"))


@given(st.integers(0, 10**7), st.integers(1, 10**7))
def test_the_shares_of_the_lanes_add_up_to_the_limit(visible, limit):
    shares = [lane.budget.limit_left for lane in lanes_of(visible, limit=limit)]
    assert sum(shares) == limit
    assert min(shares) > 0


@given(st.integers(0, 10**7), st.integers(1, 10**5), st.none() | st.integers(1, MOST_LANES), st.integers(0, 200))
def test_the_paces_of_the_lanes_add_up_to_the_rate_and_a_page_is_sent_in_a_second_or_less(
    visible, rate, asked, account
):
    lanes = lanes_of(visible, rate=rate, account=account, **({"lanes": asked} if asked else {}))
    assert len(lanes) <= rate
    assert sum(lane.budget.pace for lane in lanes) == rate
    for lane in lanes:
        assert isinstance(lane.budget.pace, int)
        assert 1 <= lane.budget.page_size <= min(PAGE, lane.budget.pace)


@st.composite
def rates_and_lanes(draw):
    """A rate that its lanes can keep: of some pages a second each, whose turns are shorter than the time between."""
    number = draw(st.none() | st.integers(1, 8))
    return draw(st.integers(1, 3 * PAGE * (number or OWN_CHOICE))), number


@settings(max_examples=60)
@given(rates_and_lanes(), st.randoms(use_true_random=False))
def test_no_ten_seconds_see_more_than_the_rate_of_all_lanes_together_nor_less_than_nine_tenths(asked, dice):
    """With enough messages and quick turns, on a clock of its own; the burst of a page is a straight line.

    Nine tenths of what divides into the pages of a second: two pages of 525 are 1,050 a second, and 1,051 are as well.
    """
    rate, number = asked
    lanes = lanes_of(10**7, rate=rate, **({"lanes": number} if number else {}))
    bursts = [burst for lane in lanes for burst in bursts_of(lane, 26, dice)]
    paged = sum(lane.budget.page_size * _turns(lane.budget.pace, PAGE) for lane in lanes)
    assert rate - paged < sum(_turns(lane.budget.pace, PAGE) for lane in lanes)
    # From when the last lane is at work, for some ten windows.
    first = max(min(begin for index, begin, _, _ in bursts if index == lane.index) for lane in lanes)
    edges = sorted(moment for _, begin, end, _ in bursts for moment in (begin, end))
    for start in {moment for edge in edges for moment in (edge, edge - 10)}:
        if start + 10 <= 26:
            sent = sum(amount * part(begin, end, start) for _, begin, end, amount in bursts)
            assert sent <= 10 * rate * (1 + 1e-9)
            if start >= first:
                assert sent >= 9 * paged * (1 - 1e-9)


def bursts_of(lane, seconds, dice):
    """The bursts of a lane whose first turn is slow: (lane, begin, end, messages), in seconds from the run's start."""
    start = now = 1_795_186_800.0
    quick, cold, bursts = 1 / _turns(lane.budget.pace, PAGE), dice.uniform(0, 1.5), []
    while now < start + seconds:
        lead, length, rest = (dice.uniform(0.1, 1) * most * quick for most in (0.4, 0.1, 0.4))
        begin = now + lead + (0 if bursts else cold)
        bursts.append((lane.index, begin - start, begin + length - start, lane.budget.page_size))
        lane = _keep_pace(lane, begin, lane.budget.page_size)
        now = max(begin + length + rest, datetime.fromisoformat(lane.next.pause_until).timestamp())
    return bursts


def part(begin, end, start):
    """The part of a burst that lies in the ten seconds from `start`."""
    return max(0.0, min(end, start + 10) - max(begin, start)) / (end - begin)


@given(st.integers(0, 10**7), st.integers(0, IN_FLIGHT_LIMIT - 20_000))
def test_together_the_lanes_stay_below_the_in_flight_limit(visible, in_flight):
    lanes = lanes_of(visible, in_flight=in_flight)
    assert in_flight + sum(lane.budget.hold_capacity for lane in lanes) < IN_FLIGHT_LIMIT
    assert all(lane.budget.hold_capacity >= PAGE for lane in lanes)


@pytest.mark.parametrize(
    ("asked", "has_filter"),
    [({}, False), ({"limit": 5}, False), ({"filter": {"where": "true"}}, True), ({"transform": "body"}, False)],
    ids=str,
)
def test_only_a_filter_passes_messages_over(asked, has_filter):
    assert [lane.budget.has_filter for lane in lanes_of(**asked)] == [has_filter]


def test_the_largest_plan_leaves_most_of_a_states_payload_free(sqs):
    queues = make_queues(sqs, name="o" * 76, sources=10)
    found = planned(sqs, queues, visible=10**9, filter={"where": "x" * 16_384}, rate=10**6, lanes=MOST_LANES)
    assert len(found.sources) == 10
    assert len(found.lanes) == MOST_LANES
    assert len(json.dumps(found.to_json())) < 64 * 1024


def test_a_plan_survives_the_state_machine(sqs, queues):
    for asked in ({}, {"rate": 5}, {"filter": {"where": "true"}, "limit": 3}, {"lanes": 3}):
        found = planned(sqs, queues, **asked)
        assert Plan.from_json(json.loads(json.dumps(found.to_json())) | {"requests": {}}) == found


@pytest.mark.parametrize("move", [Move("a"), Move("a", "b"), Move("a", rate=5), Move("a", "b", 5)], ids=str)
def test_a_move_has_only_what_was_asked_for(move):
    assert Move.from_json(move.to_json()) == move
    assert None not in move.to_json().values()


def test_a_listed_move_task_may_lack_almost_everything():
    assert MoveTask.from_sqs({"Status": "COMPLETED"}) == MoveTask("COMPLETED")
