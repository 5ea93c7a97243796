"""Batches of ten, and each entry accounted for: taken, refused, or failed at each try."""

from hypothesis import given
from hypothesis import strategies as st

from redrive import clock
from redrive.sqs.batch import TRIES, ask, tens


@given(st.lists(st.integers(), max_size=60), st.integers(1, 12))
def test_tens_hold_every_item_once_and_in_order(items, most):
    cut = list(tens(items, most))
    assert [item for batch in cut for item in batch] == items
    assert all(1 <= len(batch) <= most for batch in cut)
    assert len(cut) == -(-len(items) // most)


fates = st.lists(st.lists(st.sampled_from(["taken", "refused", "failed"]), min_size=TRIES, max_size=TRIES), max_size=10)


@given(fates)
def test_every_item_is_taken_or_refused_or_failed_and_asked_for_again_only_then(fates):
    """`fates` are what SQS makes of each item at each try, should it come to that."""
    tries = dict.fromkeys(range(len(fates)), 0)

    def call(entries):
        assert [entry["Id"] for entry in entries] == [str(place) for place in range(len(entries))]
        answer = {"Successful": [], "Failed": []}
        for entry in entries:
            fate = fates[entry["item"]][tries[entry["item"]]]
            tries[entry["item"]] += 1
            if fate == "taken":
                answer["Successful"].append({"Id": entry["Id"]})
            else:
                answer["Failed"].append({"Id": entry["Id"], "Code": "X", "SenderFault": fate == "refused"})
        return {part: entries for part, entries in answer.items() if entries}

    pause, clock.pause = clock.pause, lambda _: None
    try:
        answered = ask(call, range(len(fates)), lambda item: {"item": item})
    finally:
        clock.pause = pause
    ends = [next((fate for fate in each if fate != "failed"), "failed") for each in fates]
    for name in ("taken", "refused", "failed"):
        assert sorted(item for item, _ in getattr(answered, name)) == [n for n, end in enumerate(ends) if end == name]
    for item, each in enumerate(fates):
        assert tries[item] == (TRIES if ends[item] == "failed" else each.index(ends[item]) + 1)
