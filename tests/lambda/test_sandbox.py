"""The sandbox is what it says: what Lambda would not let a function do, it does not let it do either."""

import pytest

from support.sandbox import EndedError, Function, Place, RaisedError, Sandbox

pytestmark = pytest.mark.sandbox

PROBE = """
import os, sys, time
from pathlib import Path

kept = []

def handler(event, context):
    if "take" in event:
        kept.append(b"x" * event["take"])
    if "fork" in event:
        pid = os.fork()
        if pid == 0:
            own = b"y" * event["fork"]
            time.sleep(0.3)
            os._exit(0)
        os.waitpid(pid, 0)
    if "raise" in event:
        raise LookupError(event["raise"])
    if "exit" in event:
        os._exit(event["exit"])
    time.sleep(event.get("sleep", 0))
    def writable(folder):
        try:
            Path(folder, "probe").write_text("x")
        except OSError:
            return False
        return True
    return {
        "python": sys.version_info[:2],
        "uid": os.getuid(),
        "shm": Path("/dev/shm").exists(),
        "writable": [folder for folder in ("/", "/var/task", "/usr", "/dev", "/home", "/tmp") if writable(folder)],
        "left_ms": context.get_remaining_time_in_millis(),
        "secrets": [name for name in os.environ if name in ("HOME", "USER")],
    }
"""


@pytest.fixture
def start(place, tmp_path):
    (tmp_path / "probe.py").write_text(PROBE)
    own = Place(place.python, tmp_path, place.runtime, place.log, place.environment)
    started = []

    def begin(memory=256, timeout=30):
        started.append(Sandbox(Function("probe", "probe.handler", memory, timeout), own))
        return started[-1]

    yield begin
    for sandbox in started:
        sandbox.__exit__()


def test_a_function_sees_what_it_sees_on_lambda(start):
    said = start().invoke({})
    assert said["python"] == [3, 13]
    assert (said["uid"], said["shm"], said["writable"], said["secrets"]) == (993, False, ["/tmp"], [])
    assert 0 < said["left_ms"] <= 30_000


def test_memory_is_measured_over_all_processes_and_bounded(start):
    sandbox = start()
    sandbox.invoke({})
    before = sandbox.peak
    sandbox.invoke({"fork": 100_000_000})
    assert before + 90 < sandbox.peak < before + 120
    with pytest.raises(EndedError, match=r"it had .* MiB of 256"):
        sandbox.invoke({"take": 300_000_000, "sleep": 1})


def test_an_error_an_exit_and_a_time_out_are_told(start):
    sandbox = start(timeout=2)
    with pytest.raises(RaisedError, match="LookupError: why"):
        sandbox.invoke({"raise": "why"})
    assert sandbox.invoke({})["uid"] == 993
    with pytest.raises(EndedError, match="longer than 2 s"):
        sandbox.invoke({"sleep": 5})
    with pytest.raises(EndedError, match="exit code"):
        start().invoke({"exit": 3})
