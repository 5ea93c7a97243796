"""Whatever the queue, the request and the faults: nothing is lost, changed or overtaken, and little arrives twice."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from support.faults import ALWAYS, HOWS, KILLS, Fault
from support.findings import dishonest, look
from support.letters import Letter
from support.library import attribute_sets, texts

if TYPE_CHECKING:
    from support.engine import Ended
    from support.rig import Rig

CALLS = (
    ("check", "GetQueueUrl"),
    ("count", "GetQueueAttributes"),
    ("plan", "ListDeadLetterSourceQueues"),
    ("plan", "UpdateItem"),
    ("plan", "PutObject"),
    ("receive", "ReceiveMessage"),
    ("receive", "PutObject"),
    ("receive", "GetObject"),
    ("filter", "GetObject"),
    ("filter", "ListObjectsV2"),
    ("filter", "PutObject"),
    ("send", "GetObject"),
    ("send", "PutObject"),
    ("send", "PutItem"),
    ("send", "SendMessageBatch"),
    ("send", "UpdateItem"),
    ("send", "DeleteItem"),
    ("delete", "GetObject"),
    ("delete", "DeleteMessageBatch"),
    ("delete", "DeleteObject"),
    ("release", "ListObjectsV2"),
    ("release", "GetObject"),
    ("release", "PutItem"),
    ("release", "PutObject"),
    ("release", "DeleteMessageBatch"),
    ("release", "ChangeMessageVisibilityBatch"),
    ("report", "PutObject"),
    ("cleanup", "PutItem"),
    ("cleanup", "PutObject"),
    ("cleanup", "ChangeMessageVisibilityBatch"),
)
STEPS = ("check", "count", "plan", "receive", "filter", "send", "delete", "release", "report", "cleanup")

numbers, times = st.sampled_from([1, 1, 2, 3]), st.sampled_from([1, 1, 2, ALWAYS])
faults = st.one_of(
    st.builds(
        lambda call, number, how, times: Fault(*call, number, how, times),
        st.sampled_from(CALLS),
        numbers,
        st.sampled_from(HOWS),
        times,
    ),
    st.builds(
        lambda step, number, how, times: Fault(step, "answer", number, how, times),
        st.sampled_from(STEPS),
        numbers,
        st.sampled_from(KILLS[:2]),
        times,
    ),
)


@dataclass(frozen=True)
class Case:
    """A queue, a request over it, and the faults of a first and of a second run; a third has none.

    `looked_at`: after each of them somebody previews the same request.
    """

    fifo: bool
    sources: int
    letters: list[Letter]
    where: str | None
    transform: bool
    limit: int | None
    preview: bool
    rate: int | None
    schedules: tuple[tuple[Fault, ...], ...]
    abort: bool
    looked_at: bool

    def request(self, queue: str) -> dict[str, Any]:
        asked: dict[str, Any] = {"queue": queue, "path": "custom"}
        if self.where:
            asked["filter"] = {"where": self.where}
        if self.transform:
            asked["transform"] = '$merge([body, {"mended": true}])'
        if self.limit:
            asked["limit"] = self.limit
        if self.rate:
            asked["rate"] = self.rate
        if self.preview:
            asked["preview"] = True
        return asked

    def transformed(self, body: str) -> str:
        if not self.transform:
            return body
        # What is not touched keeps its text: a letter that came escaped leaves escaped.
        return json.dumps({**json.loads(body), "mended": True}, ensure_ascii=body.isascii(), separators=(",", ":"))

    def selected(self) -> set[int]:
        """What every run selects, limit aside: on a FIFO queue, no more of a group behind what stays."""
        chosen: set[int] = set()
        blocked: set[str | None] = set()
        for letter in self.letters:
            number = _parsed(letter.body).get("n")
            wanted = not self.preview
            if self.where:
                wanted &= isinstance(number, int) and number % 3 != 1
            if self.transform:
                wanted &= number is not None
            if wanted and not (self.fifo and letter.group in blocked):
                chosen.add(letter.number)
            else:
                blocked.add(letter.group)
        return chosen


def _parsed(body: str) -> dict[str, Any]:
    try:
        return json.loads(body)
    except ValueError:
        return {}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    fifo = draw(st.booleans())
    sources = 1 if fifo else draw(st.integers(1, 2))
    groups = st.sampled_from(["a", "b", "c"]) if fifo else st.none() | st.sampled_from(["a", "b"])
    letters = []
    for number in range(draw(st.integers(1, 15))):
        text = draw(texts)
        tag = f"#{number}#"
        as_json = json.dumps({"n": number, "tag": tag, "text": text}, ensure_ascii=draw(st.booleans()))
        letters.append(
            Letter(
                number,
                draw(st.sampled_from([as_json, as_json, f"{tag} {text}"])),
                draw(attribute_sets),
                draw(groups),
                draw(st.sampled_from([None, "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"])),
                draw(st.integers(0, sources - 1)),
            )
        )
    seldom = st.sampled_from([False, False, False, True])
    return Case(
        fifo,
        sources,
        letters,
        draw(st.sampled_from([None, "body.n % 3 != 1"])),
        draw(seldom),
        draw(st.none() | st.integers(1, 9)),
        draw(seldom),
        draw(st.none() | st.integers(3, 9)),
        (tuple(draw(st.lists(faults, min_size=1, max_size=3))), tuple(draw(st.lists(faults, max_size=1)))),
        draw(seldom),
        draw(seldom),
    )


def holds(rig: Rig, case: Case) -> None:
    """Run the case's three runs, an hour apart at most, and look after each."""
    queues = rig.queues(case.letters, fifo=case.fifo, sources=case.sources)
    may_repeat: Counter[int] = Counter()
    hits = 0
    before: set[int] = set()
    for schedule in (*case.schedules, ()):
        run = rig.run(case.request(queues.name), *schedule, abort=case.abort)
        note(f"{run.path[-1]}: {run.cause or ''} {[(fault.how, call) for fault, call in rig.faults.hit]} {run.summary}")
        may_repeat += rig.faults.may_repeat
        hits += len(rig.faults.hit)
        found = look(rig, queues, case.letters, may_repeat, transformed=case.transformed)
        assert not found.broken()
        assert not dishonest(run, queues, rig, rig.ledger(run))
        arrived = {number for _, number in rig.arrivals}
        assert arrived <= case.selected()
        if case.limit:
            assert len(arrived - before) <= case.limit
        before = arrived
        rig.later()
        if case.looked_at:
            rig.run(case.request(queues.name) | {"preview": True})
            assert {number for _, number in rig.arrivals} == arrived
        if hidden := look(rig, queues, case.letters, may_repeat).hidden:
            assert _release_failed(rig, run), f"hidden after ten minutes: {hidden}"
            rig.later(3600)
            assert not look(rig, queues, case.letters, may_repeat).hidden, "hidden after an hour"
    event(f"{min(hits, 5)} faults or more" if hits > 4 else f"{hits} faults")
    while case.limit and len(before) < len(case.selected()):
        rig.run(case.request(queues.name))
        arrived = {number for _, number in rig.arrivals}
        assert arrived > before, "a run without faults moves something"
        before = arrived
    rig.later()
    found = look(rig, queues, case.letters, may_repeat, transformed=case.transformed)
    assert not found.broken(later=True)
    assert {copy.number for copy in rig.copies(queues) if copy.place != "dlq"} == case.selected()


def _release_failed(rig: Rig, run: Ended) -> bool:
    releases = {"release", "cleanup"}
    return not run.summary or any(fault.step in releases and fault.times == ALWAYS for fault, _ in rig.faults.hit)


any_case = settings(
    settings.get_profile("faults"),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@settings(any_case, max_examples=8, derandomize=True)
@given(case=cases())
def test_a_few_schedules_of_faults_lose_change_and_overtake_nothing(rig, case):
    holds(rig, case)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(any_case, max_examples=150)
@given(case=cases())
def test_no_schedule_of_faults_loses_changes_or_overtakes_anything(rig, case):
    holds(rig, case)
