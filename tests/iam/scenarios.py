"""What a run can meet, so that every step makes every call it knows. Each scenario says what it must have met."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import clients
import redrive.steps.lanes
from redrive.stores.presence import enter
from redrive.values.timeline import HOLD
from support.aws import arn_of
from support.breaking import answer_with
from support.faults import ALWAYS, BROKEN, HALF_FAILED, KILLED_AFTER, KILLED_BEFORE, Fault
from support.letters import Letter
from support.moto_machine import ENVIRONMENT

if TYPE_CHECKING:
    import pytest

    from iam.moves import Moves
    from support.aws import Queues
    from support.engine import Ended
    from support.rig import Rig

LETTERS = [Letter(n, json.dumps({"n": n, "tag": f"#{n}#"})) for n in range(16)]
IN_GROUPS = [Letter(n, json.dumps({"n": n, "tag": f"#{n}#"}), group=f"g{n % 5}") for n in range(16)]
ATTRIBUTES = {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(10)}
FULL = [Letter(n, json.dumps({"n": n, "tag": f"#{n}#"}), attributes=ATTRIBUTES) for n in range(8)]
CHOSEN = {"filter": {"where": "body.n != 9"}}
NO_RELEASE = Fault("release", "answer", 1, KILLED_BEFORE, ALWAYS)


class Scenarios:
    """All of them, on one rig: every method that does not begin with `_` is one."""

    def __init__(self, rig: Rig, moves: Moves, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rig, self.moves, self.monkeypatch = rig, moves, monkeypatch

    def play(self) -> None:
        for name, scenario in vars(Scenarios).items():
            if not name.startswith("_") and name != "play":
                self.moves.expect()
                scenario(self)

    # The native path

    def native(self) -> None:
        run = self._run(self._queues(), {"rate": 20})
        assert run.path[-1] == "Redrive complete", (run.path, run.error, run.cause)
        assert run.output["path"] == "native"

    def native_to_another_queue(self) -> None:
        queues = self._queues()
        queues.sqs.create_queue(QueueName="elsewhere")
        assert self._run(queues, {"destination": "elsewhere"}).output["path"] == "native"

    def native_in_groups(self) -> None:
        assert self._run(self._queues(fifo=True), {}).output["path"] == "native"

    def a_start_that_was_not_answered(self) -> None:
        queues = self._queues()
        self.moves.expect(lost=True, at_start=lambda: self._another_run_comes(queues))
        assert "Adopt the move task" in self._run(queues, {}).path

    def a_task_that_cannot_be_watched(self) -> None:
        queues = self._queues()
        self.moves.expect(broken=True)
        assert "Cancel the move task" in self._run(queues, {}).path
        assert self.moves.cancelled

    # The custom path

    def chosen_and_changed(self) -> None:
        queues = self._queues()
        queues.sqs.create_queue(QueueName="elsewhere")
        change = {"transform": '$merge([body, {"again": true}])', "destination": "elsewhere", "rate": 10}
        run = self._run(queues, {"filter": {"where": "body.n != 9", "max_redrives": 3}, **change})
        assert (run.summary["sent"], run.summary["held"]) == (15, 1)

    def in_groups(self) -> None:
        assert self._run(self._queues(fifo=True), CHOSEN).summary["held"] > 0

    def from_several_sources(self) -> None:
        letters = [Letter(n, json.dumps({"tag": f"#{n}#"}), source=n % 2) for n in range(6)]
        assert self._run(self._queues(letters, sources=2), {"path": "custom"}).summary["sent"] == len(letters)

    def limited(self) -> None:
        assert self._run(self._queues(), {"limit": 2}).summary["sent"] == 2

    def previewed(self) -> None:
        assert self._run(self._queues(), {"preview": True}).summary["previewed"] == len(LETTERS)

    def previewed_from_a_source_that_is_gone(self) -> None:
        queues = self._queues([Letter(n, json.dumps({"tag": f"#{n}#"}), source=n % 2) for n in range(6)], sources=2)
        queues.sqs.delete_queue(QueueUrl=queues.sources[1])
        assert self._run(queues, {"preview": True}).summary["failed"] == 3

    def in_several_lanes(self) -> None:
        answer_with(
            clients.lambda_(), "GetAccountSettings", lambda: {"AccountLimit": {"UnreservedConcurrentExecutions": 1000}}
        )
        with self.monkeypatch.context() as patched:
            patched.setattr(redrive.steps.lanes, "MESSAGES_PER_LANE", 8)
            assert self._run(self._queues(), {"path": "custom"}).summary["lanes"] == 2

    def a_hold_that_is_renewed_until_it_ends(self) -> None:
        """Hours pass between its pages."""
        queues = self._queues([Letter(n, json.dumps({"n": n, "tag": f"#{n}#"})) for n in range(30)])
        go, pages = self.rig.machine.around, 0

        def around(step: str, event: dict[str, Any], work: Any) -> Any:
            nonlocal pages
            if step == "receive":
                pages += 1
                self.rig.clock.sleep({1: 0, 2: 500}.get(pages, HOLD - 100))
            return go(step, event, work)

        with self.monkeypatch.context() as patched:
            patched.setattr(self.rig.machine, "around", around)
            run = self._run(queues, {"rate": 1, "filter": {"where": "body.n != 0"}})
        assert run.cause
        assert run.cause.startswith(redrive.values.lane.HOLD_ENDS)

    def what_failed_in_an_earlier_run(self) -> None:
        queues = self._queues()
        earlier = self._run(queues, CHOSEN, Fault("send", "SendMessageBatch", 1, HALF_FAILED, ALWAYS))
        assert earlier.summary["failed"] > 0
        of_run = {"run": self.rig.ledger(earlier).run, "outcomes": ["failed"]}
        assert self._run(queues, {"filter": {"of_run": of_run}}).summary["sent"] == earlier.summary["failed"]

    def deleted_for_good(self) -> None:
        deleted = {"action": "delete", "filter": {"where": "body.n != 9"}, "key": "body.n"}
        assert self._run(self._queues(), deleted).summary["discarded"] == len(LETTERS) - 1
        unrecorded = Fault("archive", "UpdateItem", 1, KILLED_BEFORE)
        assert self._run(self._queues(), deleted, unrecorded).summary["deleted"] == len(LETTERS) - 1
        unwritten = Fault("archive", "PutObject", 2, BROKEN)  # the first is the intent
        assert self._run(self._queues(), deleted, unwritten).summary["deleted"] == len(LETTERS) - 1
        for stops in (unrecorded, Fault("archive", "answer", 1, KILLED_AFTER)):
            assert self._run(self._queues(), deleted, stops, abort=True).summary["error"] == "ExecutionAborted"

    # What ends early

    def refused(self) -> None:
        queues = self._queues()
        assert self._run(queues, {"destination": queues.name.replace("-dlq", "-2")}).error == "QueueNotFound"

    def nothing_there(self) -> None:
        assert self._run(self._queues([]), {}).path[-1] == "Nothing to redrive"

    def beside_another_run(self) -> None:
        queues = self._queues()
        self._another_run_comes(queues)  # and has ended: it is made to leave
        assert self._run(queues, {"alone": True}).path[-1] == "Redrive complete"

    def after_a_run_that_could_not_leave(self) -> None:
        queues = self._queues()
        ended = self._run(queues, {"preview": True})
        clients_of = self.rig.machine.client("dynamodb"), self.rig.machine.client("stepfunctions")
        enter(*clients_of, ENVIRONMENT["JOURNAL_TABLE"], arn_of(queues.sqs, queues.dlq), ended.arn)
        assert self._run(queues, {"path": "custom"}).path[-1] == "Redrive complete"
        assert "cleanup" in self.rig.machine.steps

    # What breaks

    def a_page_that_was_stored_and_not_answered(self) -> None:
        run = self._run(self._queues(), CHOSEN, Fault("receive", "answer", 1, KILLED_AFTER))
        assert run.path[-1] == "Redrive complete"

    def a_page_that_was_sent_and_not_recorded(self) -> None:
        run = self._run(self._queues(), CHOSEN, Fault("send", "UpdateItem", 1, KILLED_BEFORE))
        assert run.path[-1] == "Redrive complete"

    def a_page_that_was_sent_and_not_answered(self) -> None:
        run = self._run(self._queues(), CHOSEN, Fault("send", "answer", 1, KILLED_AFTER))
        assert run.path[-1] == "Redrive complete"

    def a_lane_that_stops(self) -> None:
        in_a_wave = Fault("send", "SendMessageBatch", 3, KILLED_AFTER, ALWAYS)
        before_its_first = Fault("send", "PutItem", 1, KILLED_BEFORE, ALWAYS)
        behind_its_last = Fault("delete", "DeleteMessageBatch", 1, KILLED_BEFORE, ALWAYS)
        for stops in (in_a_wave, before_its_first, behind_its_last):
            assert self._run(self._queues(), CHOSEN, stops).path[-1] == "Redrive incomplete"

    def messages_that_sqs_refuses(self) -> None:
        run = self._run(self._queues(), CHOSEN, Fault("send", "SendMessageBatch", 1, HALF_FAILED, ALWAYS))
        assert run.path[-1] == "Redrive incomplete"

    def what_an_earlier_run_left(self) -> None:
        sent, recorded = (
            Fault("send", "answer", 1, KILLED_AFTER, ALWAYS),
            Fault("send", "UpdateItem", 1, KILLED_AFTER, ALWAYS),
        )
        for left in (sent, recorded, Fault("delete", "DeleteMessageBatch", 1, KILLED_BEFORE, ALWAYS)):
            queues = self._queues()
            self._run(queues, CHOSEN, left, NO_RELEASE)
            self.rig.later(HOLD + 1)
            again = self._run(queues, CHOSEN)
            assert again.path[-1] in {"Redrive complete", "Nothing matched"}, (left, again.summary)
            assert again.summary["already_sent"] > 0 or left == recorded

    def what_two_earlier_runs_left(self) -> None:
        """The second met what the first had sent, and died in its turn: its intent has no wave, only outcomes."""
        queues = self._queues()
        undeleted = Fault("delete", "DeleteMessageBatch", 1, KILLED_BEFORE, ALWAYS)
        for _ in range(2):
            self._run(queues, CHOSEN, undeleted, NO_RELEASE)
            self.rig.later(HOLD + 1)
        assert self._run(queues, CHOSEN).summary["already_sent"] > 0

    def without_room_for_a_stamp(self) -> None:
        before = Fault("send", "BatchWriteItem", 1, KILLED_BEFORE, ALWAYS)  # sent and recorded, and not remembered
        sent = self._run(self._queues(FULL), {"filter": {"max_redrives": 3}}).summary
        assert sent["unstamped"] == sent["sent"] == len(FULL)
        for abort in (False, True):
            assert self._run(self._queues(FULL), CHOSEN, before, abort=abort).summary["sent"] > 0

    def stopped_in_its_lanes(self) -> None:
        sends, deletes = ("send", "SendMessageBatch", KILLED_AFTER), ("delete", "DeleteMessageBatch", KILLED_BEFORE)
        for step, call, how in (sends, deletes):
            for first_page_or_later in (1, 7 if call == "SendMessageBatch" else 3):
                fault = Fault(step, call, first_page_or_later, how)
                run = self._run(self._queues(), CHOSEN, fault, abort=True)
                assert run.summary["error"] == "ExecutionAborted"

    def stopped_before_its_start_was_answered(self) -> None:
        queues = self._queues()

        def at_start() -> None:
            self._another_run_comes(queues)
            self._stop()

        self.moves.expect(lost=True, looks=9, at_start=at_start)
        run = self._run(queues, {})
        if run.status != "ABORTED":  # a stop and an error that meet are a failure to moto
            self.rig._clean_up(run)
        assert self.moves.cancelled

    def stopped_while_sqs_moves(self) -> None:
        queues = self._queues()
        self.moves.expect(looks=9, at_look=self._stop)
        assert self._run(queues, {}).status == "ABORTED"
        assert self.moves.cancelled

    def _queues(self, letters: list[Letter] | None = None, *, fifo: bool = False, sources: int = 1) -> Queues:
        if letters is None:
            letters = IN_GROUPS if fifo else LETTERS
        return self.rig.queues(letters, fifo=fifo, sources=sources)

    def _run(self, queues: Queues, request: dict[str, Any], *faults: Fault, abort: bool = False) -> Ended:
        return self.rig.run({"queue": queues.name, **request}, *faults, abort=abort)

    def _another_run_comes(self, queues: Queues) -> None:
        machine = self.rig.machine
        execution = machine.state_machine.replace(":stateMachine:", ":execution:") + f":run-{uuid4().hex}"
        clients_of = machine.client("dynamodb"), machine.client("stepfunctions")
        enter(*clients_of, ENVIRONMENT["JOURNAL_TABLE"], arn_of(queues.sqs, queues.dlq), execution)

    def _stop(self) -> None:
        machine = self.rig.machine
        sfn = machine.client("stepfunctions")
        [running] = sfn.list_executions(stateMachineArn=machine.state_machine, statusFilter="RUNNING")[
            "executions"
        ] or [None]
        if running:
            sfn.stop_execution(executionArn=running["executionArn"])
