"""`redrive local`: ready in one line, and gone without a trace."""

import json
import os
import signal
import socket
import time
import urllib.request
from pathlib import Path

import boto3
import pytest


@pytest.fixture
def temporary(tmp_path):
    """A folder for temporary files that nobody else writes to."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


def members(session):
    """The living processes of a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, member_of = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(member_of) == session and state != "Z":
            found.append(int(folder.name))
    return found


def child_of(parent):
    (child,) = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return int(child)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_stays_and_ends_leaving_nothing(start, temporary, ending):
    running = start("local", "--json", "--port", "0", TMPDIR=str(temporary))
    ready = json.loads(running.stdout.readline())
    aws = child_of(running.pid)
    session = boto3.Session(ready["access_key_id"], ready["secret_access_key"], region_name=ready["region"])
    machine = session.client("stepfunctions", endpoint_url=ready["endpoint"]).describe_state_machine(
        stateMachineArn=ready["state_machine"]
    )
    assert machine["name"] == ready["stack"] == "redrive"
    where = {"endpoint", "region", "account", "state_machine", "bucket", "stack"}
    assert set(ready) == {*where, "access_key_id", "secret_access_key"}
    assert running.poll() is None

    running.send_signal(ending)
    stdout, stderr = running.communicate(timeout=10)

    assert running.returncode == 0
    assert (stdout, stderr) == ("", "")
    assert members(aws) == []
    assert list(temporary.iterdir()) == []


def test_for_people_it_is_one_line_and_a_hint_that_can_be_pasted(start, redrive):
    running = start("local", "--port", "0")
    ready = running.stdout.readline()
    hint = running.stderr.readline()

    assert ready.startswith("Redrive is ready on an AWS of your own: http://127.0.0.1:")
    assert hint.startswith("hint: ")
    exports = hint.partition("export ")[2].split()
    done = redrive("show", **dict(export.split("=", 1) for export in exports))
    assert "This stack has not run yet." in done.stderr


def test_it_ends_when_it_is_killed_too(start, temporary):
    running = start("local", "--json", "--port", "0", TMPDIR=str(temporary))
    endpoint = json.loads(running.stdout.readline())["endpoint"]
    aws = child_of(running.pid)

    running.send_signal(signal.SIGKILL)

    deadline = time.monotonic() + 10
    while members(aws) or list(temporary.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with pytest.raises(OSError, match=r"refused|reset"):
        urllib.request.urlopen(endpoint, timeout=5)


def test_it_says_so_and_ends_when_its_aws_dies(start, temporary):
    running = start("local", "--json", "--port", "0", TMPDIR=str(temporary))
    running.stdout.readline()

    os.kill(child_of(running.pid), signal.SIGKILL)
    stdout, stderr = running.communicate(timeout=10)

    assert running.returncode == 1
    error, hint = stderr.splitlines()
    assert error.startswith("error: The embedded AWS was killed (SIGKILL)")
    assert hint == "hint: What was on it is gone. Start it again."
    assert stdout == ""
    assert list(temporary.iterdir()) == []


def test_other_credentials_than_those_it_printed_are_refused_in_words(start, redrive):
    running = start("local", "--json", "--port", "0")
    ready = json.loads(running.stdout.readline())
    where = {"AWS_ENDPOINT_URL": ready["endpoint"], "AWS_DEFAULT_REGION": ready["region"]}
    done = redrive("show", **where, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")

    assert done.returncode == 1
    assert done.stderr.startswith("error: AWS does not know these credentials.")


def test_a_port_in_use_is_one_sentence(redrive):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = redrive("local", "--port", str(port))

    assert done.returncode == 1
    assert done.stdout == ""
    error, hint = done.stderr.splitlines()
    assert error.startswith(f"error: Port {port} cannot be used")
    assert hint.startswith("hint: ")


def test_without_its_extra_it_says_what_to_install(redrive, tmp_path):
    # An installation without the extra, as the import system sees one.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in {'ministack', 'samtranslator'}:\n"
        "            raise ModuleNotFoundError(name=name)\n"
        "import importlib.util\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, package=None: (\n"
        "    None if name in {'ministack', 'samtranslator'} else find(name, package))\n"
    )
    done = redrive("local", PYTHONPATH=f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: The embedded AWS is not installed: ministack and samtranslator cannot be found.",
        'hint: Install the tool with its extra: pip install "redrive[local]"',
    ]
