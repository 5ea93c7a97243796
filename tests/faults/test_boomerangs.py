"""A consumer that fails at once: whatever comes back, a run ends, and sends each message once."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from redrive.values.message import Stamp
from support.letters import Letter

if TYPE_CHECKING:
    from support.rig import Rig

TEN = {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(10)}
KINDS: dict[str, dict[str, Any]] = {
    "room for the stamp": {},
    "ten slots taken": TEN,
    "somebody else's attribute": {"redrive": {"DataType": "String", "StringValue": "yes"}},
    "4,300 digits": {"redrive": {"DataType": "String", "StringValue": f'{{"count":{"9" * 4300},"run":"a","id":"b"}}'}},
    "a forged count": {"redrive": {"DataType": "String", "StringValue": '{"count":-1000000,"run":"a","id":"b"}'}},
    "a stamp of ours": {"redrive": Stamp(1, "2026-11-21/run-0", "first").attribute()},
}


@pytest.fixture
def boomerang(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let everything that arrives fail at once: `boomerang.queues` are those whose consumer does."""
    go = rig.machine.around

    class Consumer:
        queues: Any = None

    def around(step: str, event: dict[str, Any], work: Any) -> Any:
        result = go(step, event, work)
        if Consumer.queues:
            rig.clock.sleep(0.01)
            rig.fail_all(Consumer.queues)
        return result

    monkeypatch.setattr(rig.machine, "around", around)
    return Consumer


@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "FIFO"])
@pytest.mark.parametrize("attributes", KINDS.values(), ids=KINDS)
def test_a_run_ends_and_sends_each_message_once_whatever_comes_back(
    rig: Rig, boomerang: Any, attributes: dict[str, Any], fifo: bool
) -> None:
    body = [json.dumps({"n": n, "tag": f"#{n}#"}) for n in range(20)]
    letters = [Letter(n, body[n], attributes, f"g{n % 4}" if fifo else None) for n in range(20)]
    queues = boomerang.queues = rig.queues(letters, fifo=fifo)
    run = rig.run({"queue": queues.name, "path": "custom"})
    assert run.path[-1] == "Redrive complete"
    assert Counter(number for _, number in rig.arrivals) == Counter(range(20))
    summary = run.summary
    assert summary["sent"] == summary["deleted"] == 20
    assert summary["held"] + summary["returned"] == summary["received"] - 20
    assert summary["received"] <= 40
    assert Counter(copy.place for copy in rig.copies(queues)) == {"dlq": 20}


@pytest.mark.parametrize("attributes", KINDS.values(), ids=KINDS)
def test_max_redrives_holds_run_after_run(rig: Rig, boomerang: Any, attributes: dict[str, Any]) -> None:
    letters = [Letter(n, json.dumps({"n": n, "tag": f"#{n}#"}), attributes) for n in range(7)]
    queues = boomerang.queues = rig.queues(letters)
    before = Stamp.on(attributes).count
    for number in range(1, 5):
        rig.run({"queue": queues.name, "filter": {"max_redrives": 3}})
        times = Counter(number for _, number in rig.arrivals)
        assert set(times.values()) == {min(number, 3 - before)}
    assert {copy.place for copy in rig.copies(queues)} == {"dlq"}
