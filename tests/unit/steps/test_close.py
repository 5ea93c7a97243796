"""Close: one outcome for each message of a page, and sent means that SQS said so."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from redrive.origins.destinations import Destinations
from redrive.sqs.parcels import BEHIND, pack
from redrive.steps.close import outcomes_of
from redrive.steps.send import NO_RESULT
from redrive.values.message import SendResult
from redrive.values.outcome import Outcome
from redrive.values.verdict import Verdict
from support.library import a_queue, message

pages = st.lists(
    st.tuples(
        st.sampled_from([None, None, None, *sorted(set(Outcome) - {Outcome.SENT})]),
        st.sampled_from("abc"),
        st.sampled_from(["ok", "ok", "error", "behind", "lost", None]),
        st.sampled_from([1, 2000]),
        st.booleans(),
    ),
    max_size=25,
)


@given(pages, st.booleans())
def test_every_message_of_a_page_has_one_outcome_and_sent_means_sqs_said_so(page, fifo):
    contents = [message(n, "x" * size, MessageGroupId=group) for n, (_, group, _, size, _) in enumerate(page)]
    verdicts = [Verdict(decision, "why" if decision else "") for decision, *_ in page]
    to = a_queue(max_bytes=1024, fifo=fifo)
    route = Destinations(replace(to, name="dlq"), to, []).of
    ready, results = pack(contents, verdicts, route, "run-1", in_order=fifo)
    said = {
        "ok": lambda parcel: parcel.accepted("new"),
        "error": lambda parcel: parcel.unsent("SQS refused it"),
        "behind": lambda parcel: parcel.unsent(BEHIND, behind=True),
        "lost": lambda parcel: parcel.unsent("gone", lost=True),
    }
    results += [said[page[p.place][2]](p) for p in ready if page[p.place][2]]
    found = outcomes_of(contents, verdicts, results, NO_RESULT)
    assert [outcome.id for outcome in found] == [each.id for each in contents]
    for outcome, (decision, _, answer, size, _) in zip(found, page, strict=True):
        was_sent = decision is None and size <= 1024 and answer == "ok" and outcome.reason != BEHIND
        assert (outcome.outcome == Outcome.SENT) == was_sent
        assert (outcome.new_id is not None) == was_sent
        assert (outcome.destination == "orders") == was_sent
        assert was_sent or outcome.reason
        if decision:
            assert (outcome.outcome, outcome.reason) == (decision, "why")
        else:
            assert outcome.outcome in {"sent", "failed", "held"}
    places = {p.place for p in ready} | {result.place for result in results}
    assert places == {n for n, verdict in enumerate(verdicts) if verdict.sends}


def test_a_message_that_was_to_be_sent_and_has_no_result_has_failed():
    [outcome] = outcomes_of([message()], [Verdict(None)], [], NO_RESULT)
    assert (outcome.outcome, outcome.reason) == ("failed", "the step that was to send it did not finish")


def test_without_verdicts_what_has_a_result_is_known_and_the_rest_has_failed():
    sent = SendResult(1, id="new", to="orders", stamped=True)
    first, second = outcomes_of([message(0), message(1)], None, [sent], "its lane was lost.")
    assert (first.outcome, first.reason) == ("failed", "its lane was lost.")
    assert (second.outcome, second.new_id, second.destination, second.stamped) == ("sent", "new", "orders", True)
