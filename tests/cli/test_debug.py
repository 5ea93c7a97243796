"""`--debug` shows where an error comes from; without it there is a sentence; and with it no message and no key."""

import json

import pytest
from click.testing import CliRunner

from redrive_cli.app import COMMANDS, cli
from support.aws import dead_letter, make_queues, send

ACCESS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "very-secret", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.mark.parametrize("command", [name for section in COMMANDS.values() for name in section])
def test_every_command_has_it_once(command):
    assert CliRunner().invoke(cli, [command, "--help"]).output.count("--debug") == 1


def test_an_expected_error_has_its_way_and_then_its_sentence(redrive):
    where = {**ACCESS, "AWS_SESSION_TOKEN": "session-token", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    plain, whole = redrive("runs", **where), redrive("runs", "--debug", **where)

    assert len(plain.stderr.splitlines()) == 2
    assert "Traceback (most recent call last)" in whole.stderr
    assert "debug: botocore.credentials: Found credentials in environment variables." in whole.stderr
    assert whole.stderr.splitlines()[-2:] == plain.stderr.splitlines()
    assert whole.returncode == plain.returncode == 1
    assert not [secret for secret in ("very-secret", "session-token") if secret in whole.stderr]


def test_what_aws_answered_can_be_found_again(on_embedded):
    done = on_embedded("show", "never-started", "--debug")

    assert "debug: DescribeExecution: {'HTTPStatusCode': 400, 'RequestId': '" in done.stderr


def test_no_message_is_in_it(embedded, on_embedded):
    queues = make_queues(embedded.client("sqs"))
    send(queues.sqs, queues.source, [json.dumps({"secret": "PASSWORD"})])
    dead_letter(queues)
    done = on_embedded("run", queues.name, "--record", "--debug")
    looked = on_embedded("messages", "--debug")

    assert done.returncode == looked.returncode == 0
    assert "debug: urllib3.connectionpool: " in done.stderr
    assert "PASSWORD" not in done.stderr + looked.stderr


def test_what_nobody_expected_is_a_sentence_too(redrive, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import redrive.steps.check as check\ndef broken(*_): raise KeyError('\\x1b[2Jodd')\ncheck.understand = broken\n"
    )
    import os

    path = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    (tmp_path / "request.json").write_text("{}")
    done = redrive("check", str(tmp_path / "request.json"), **path)

    assert done.returncode == 1
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: This should not happen: KeyError: ")
    assert "--debug" in hint
    assert "Traceback" in redrive("check", str(tmp_path / "request.json"), "--debug", **path).stderr
