"""The embedded AWS keeps to itself, and leaves nothing behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

import redrive_embedded
from redrive_embedded import EmbeddedAws, EmbeddedAwsError, patching
from support.embedded import function, invoke, queue, run
from support.engine import eventually

ON_LINUX = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's /proc")

STARTED_AND_KILLED = """
import sys, threading, time
from redrive_embedded import EmbeddedAws
from support.embedded import function, invoke
with EmbeddedAws() as aws:
    probe = function(aws, timeout=60)
    invoke(aws, probe, {})
    threading.Thread(target=invoke, args=(aws, probe, {"sleep": 60}), daemon=True).start()
    time.sleep(0.3)
    print(aws.process_id, aws.log.parent, flush=True)
    time.sleep(60)
"""


def processes_of_group(group, *, zombies=True):
    """The process ids of a process group, from /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and (zombies or fields[0] != "Z"):
            found.append(int(stat.parent.name))
    return found


def listening_addresses(processes):
    """The addresses on which these processes listen, as `127.0.0.1:port`."""
    inodes = set()
    for process in processes:
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            match = re.match(r"socket:\[(\d+)\]", str(descriptor.readlink()))
            inodes |= {match[1]} if match else set()
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address, port = fields[1].split(":")
                octets = [str(int(address[index : index + 2], 16)) for index in (6, 4, 2, 0)]
                addresses.add(f"{'.'.join(octets)}:{int(port, 16)}")
    return addresses


@ON_LINUX
def test_it_listens_on_one_port_of_this_machine_only(aws):
    assert listening_addresses(processes_of_group(aws.process_id)) == {f"127.0.0.1:{aws.port}"}


@ON_LINUX
def test_stop_leaves_no_process_and_no_file():
    with EmbeddedAws() as aws:
        probe = function(aws)
        worker = invoke(aws, probe, {})[0]["pid"]
        group, home = aws.process_id, aws.log.parent
        assert worker in processes_of_group(group)
        assert home.exists()
    assert processes_of_group(group) == []
    assert not home.exists()
    aws.stop()


@ON_LINUX
def test_the_death_of_the_parent_leaves_no_process_and_no_file():
    roots = [Path(redrive_embedded.__path__[0]).parent, Path(__file__).parents[1]]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, roots))}
    command = [sys.executable, "-c", STARTED_AND_KILLED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        group, home = parent.stdout.readline().split()
        assert len(processes_of_group(int(group))) == 2  # the AWS, and a worker in the middle of its work
        parent.send_signal(signal.SIGKILL)
    # An orphan that ended is a zombie until this machine's init collects it: not ours to wait for.
    eventually(lambda: processes_of_group(int(group), zombies=False) == [])
    eventually(lambda: not Path(home).exists())


def test_a_taken_port_is_told_with_a_hint():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedAwsError, match=f"Port {port} cannot be used: Address already in use") as error:
            EmbeddedAws(port).start()
    assert "another port" in error.value.hint


def test_of_two_that_want_one_port_at_once_one_has_it():
    """The port is taken before the process starts, and not looked at and let go."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started, refused = [], []

    def start():
        try:
            started.append(EmbeddedAws(port).start())
        except EmbeddedAwsError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [aws] = started
    aws.client("sqs").list_queues()  # it is ours: no other one takes our credentials
    aws.stop()
    assert refused == [f"Port {port} cannot be used: Address already in use."] * 3


def test_what_lies_in_the_folder_is_not_imported(monkeypatch, tmp_path):
    for name in ("queue", "types", "app", "yaml", "json", "probe"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('a file of somebody')\n")
    monkeypatch.chdir(tmp_path)
    with EmbeddedAws() as aws:
        answer, error = invoke(aws, function(aws), {})
    assert error is None
    assert answer["environment"]["PYTHONSAFEPATH"] == "1"


def test_the_death_of_the_process_is_told():
    with EmbeddedAws() as aws:
        os.kill(aws.process_id, signal.SIGKILL)
        with pytest.raises(
            EmbeddedAwsError, match=r"The embedded AWS was killed \(SIGKILL\); the last line of its log: "
        ):
            aws.wait()


def test_a_failed_start_quotes_the_log(monkeypatch, tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'one line'\necho 'the reason'\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(EmbeddedAwsError, match="the last line of its log: the reason"):
        EmbeddedAws().start()


def test_the_users_aws_settings_reach_neither_the_clients_nor_the_functions(monkeypatch):
    foreign = {
        "AWS_PROFILE": "does-not-exist",
        "AWS_ENDPOINT_URL": "http://192.0.2.1",
        "AWS_ENDPOINT_URL_SQS": "http://192.0.2.1",
        "AWS_REGION": "eu-west-1",
        "HTTP_PROXY": "http://192.0.2.1",
        "http_proxy": "http://192.0.2.1",
        "PYTHONPATH": "/nowhere",
    }
    for name, value in foreign.items():
        monkeypatch.setenv(name, value)
    with EmbeddedAws() as aws:
        queue(aws)
        source = (
            "import boto3\ndef handler(event, context):\n    return boto3.client('sqs').list_queues()['QueueUrls']\n"
        )
        assert len(invoke(aws, function(aws, source=source), {})[0]) == 1
        environment = invoke(aws, function(aws), {})[0]["environment"]
    assert environment["AWS_ENDPOINT_URL"] == aws.endpoint
    assert environment["AWS_REGION"] == "us-east-1"
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_SQS", "PYTHONPATH"} & set(environment)


def test_requests_and_transitions_are_counted():
    with EmbeddedAws() as aws:
        url, _ = queue(aws)
        aws.client("sqs").send_message(QueueUrl=url, MessageBody="hello")
        aws.client("s3").create_bucket(Bucket="any")
        aws.client("s3").put_object(Bucket="any", Key="a/b", Body=b"")
        ask = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:listQueues", "Next": "Call"}
        call = {"Type": "Task", "Resource": function(aws), "Next": "Done"}
        run(aws, {"Ask": {**ask, "Parameters": {}}, "Call": call, "Done": {"Type": "Succeed"}})
        with urllib.request.urlopen(f"{aws.endpoint}/_redrive/requests") as answer:
            counts = json.load(answer)
    assert counts == {
        "lambda": {"Invoke": 1},
        "s3": {"PUT bucket": 1, "PutObject": 1},
        "sqs": {"CreateQueue": 1, "ListQueues": 1, "SendMessage": 1},
        "states": {"HistoryEvent": 14, "StateTransition": 3},
    }


def test_another_ministack_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr(patching, "MINISTACK_VERSION", "0.0.1")
    with pytest.raises(patching.PatchError, match=r"needs ministack 0\.0\.1, but .* is installed"):
        patching.apply_patches()


def test_a_name_that_is_gone_is_refused_in_one_sentence(monkeypatch):
    gone = patching.Patch("services.sqs._gone", lambda original: original)
    monkeypatch.setattr(patching, "PATCHES", [gone])
    with pytest.raises(patching.PatchError, match=r"this one has no services\.sqs\._gone"):
        patching.apply_patches()
