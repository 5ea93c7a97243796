"""A queue over many runs: one message is one life, however many ids it had."""

from redrive.report.queue import AGAIN, LEFT, QueueRun, queue_document


def line(name, outcome, *, new=None, reason="", at=1, **more):
    told = {"id": name, "outcome": outcome, "new_id": new, "reason": reason, "at": f"2026-11-21T06:00:{at:02}+00:00"}
    return told | {"source": "orders"} | more


def document(*runs, summaries=None):
    found = [QueueRun(f"2026-11-21/run-{n}", (summaries or {}).get(n, {}), lines) for n, lines in enumerate(runs)]
    return queue_document("orders-dlq", 90, found)


def test_a_message_that_came_back_is_the_same_message():
    told = document(
        [line("a", "sent", new="b", at=1)],
        [line("b", "sent", new="c", at=2)],
        [line("c", "failed", reason="too large", at=3)],
    )
    assert (told["lives"], told["came_back"], told["arrived"], told["failed"]) == (1, 1, 0, 1)
    assert told["took"] == [{"times": 2, "messages": 1, "back": 1}]
    assert [group["what"] for group in told["dying"]["reasons"]] == ["too large"]
    assert told["dying"]["sources"][0] | {"last": 0} == {"what": "orders", "messages": 1, "redrives": 2, "last": 0}
    first = told["messages"]["columns"].index("first_id")
    assert [row[first] for row in told["messages"]["rows"]] == ["a", "a", "a"]


def test_the_order_of_the_runs_is_that_of_their_outcomes():
    told = document([line("b", "sent", new="c", at=5)], [line("a", "sent", new="b", at=1)])
    assert (told["lives"], told["came_back"], told["arrived"]) == (1, 1, 1)
    assert [group["what"] for group in told["dying"]["reasons"]] == [AGAIN]


def test_what_was_not_chosen_again_is_said_to_be_left():
    told = document([line("a", "sent", new="b")], [line("b", "held", reason="filter.where does not match", at=2)])
    assert [group["what"] for group in told["dying"]["reasons"]] == [LEFT]


def test_what_was_only_held_is_not_dying():
    told = document([line("a", "held", reason="r")], [line("a", "held", reason="r", at=2)])
    assert (told["lives"], told["came_back"], told["dying"]) == (1, 0, {"reasons": [], "sources": []})


def test_a_deletion_that_was_missing_is_no_return():
    told = document([line("a", "sent", new="b")], [line("a", "already_sent", at=2)])
    assert (told["lives"], told["came_back"]) == (1, 0)


def test_a_queue_without_runs_has_a_report():
    told = document()
    assert told["sentence"] == "There was no run at orders-dlq in 90 days."


def test_runs_whose_messages_sqs_moved_are_named():
    told = document(
        [], summaries={0: {"path": "native", "status": "complete", "sent": 3, "started": "2026-11-21T06:00:00Z"}}
    )
    assert told["runs"][0]["sent"] == 3
    assert "no record of single ones" in told["notes"][0]


def test_lines_and_summaries_that_are_none_of_ours_do_not_stop_it():
    told = document([{"outcome": 7}, {}, {"id": None, "at": 5}], summaries={0: {"sent": "x", "started": 3}})
    assert told["runs"][0]["sent"] is None
    assert len(told["messages"]["rows"]) == 3
