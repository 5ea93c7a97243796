"""What can be expected to go wrong is told in one sentence and a hint, on stderr, with exit code 1."""

import socket

import boto3
import pytest
from botocore.exceptions import ClientError

from redrive_cli.aws.errors import aws_errors
from redrive_cli.errors import CliError

ACCESS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
REGION = {"AWS_DEFAULT_REGION": "us-east-1"}


def assert_told(done, sentence):
    assert done.returncode == 1
    assert done.stdout == ""
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert sentence in error
    assert hint.startswith("hint: ")


@pytest.fixture
def nowhere():
    """An address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.parametrize("command", [["run", "orders-dlq"], ["show"]])
def test_a_stack_that_is_not_there(on_embedded, command):
    done = on_embedded(*command, "--stack", "nobodys")

    assert_told(done, "There is no stack nobodys in us-east-1, account 0000")
    assert "goes on" not in done.stderr


def test_the_stack_may_be_named_in_the_environment(on_embedded):
    assert_told(on_embedded("show", REDRIVE_STACK="nobodys"), "There is no stack nobodys in us-east-1")


def test_an_execution_that_is_not_there(on_embedded):
    assert_told(on_embedded("show", "never-started"), "no execution never-started of the stack redrive in us-east-1")


def test_an_endpoint_that_is_not_there(redrive, nowhere):
    assert_told(redrive("show", "--endpoint-url", nowhere, **ACCESS, **REGION), f"{nowhere}/ cannot be reached")


def test_no_credentials(redrive):
    assert_told(redrive("run", "orders-dlq", **REGION), "no AWS credentials")


def test_no_region(redrive):
    assert_told(redrive("run", "orders-dlq", **ACCESS), "No AWS Region")


def test_a_profile_that_is_not_there(redrive):
    assert_told(redrive("show", "--profile", "nobodys", **REGION), "(nobodys) could not be found")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("AccessDeniedException", "AWS denies it: not for you."),
        ("ExpiredTokenException", "The credentials have expired."),
        ("UnrecognizedClientException", "AWS does not know these credentials."),
        ("InvalidArn", "AWS refuses StartExecution: not for you."),
    ],
)
def test_what_aws_refuses_is_one_sentence(code, sentence):
    with pytest.raises(CliError) as told, aws_errors():
        raise ClientError({"Error": {"Code": code, "Message": "not for you"}}, "StartExecution")

    assert str(told.value) == sentence
    assert told.value.hint


def test_sso_that_has_ended_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "config").write_text(
        "[sso-session work]\nsso_region=us-east-1\nsso_start_url=https://127.0.0.1\n"
        "[profile work]\nsso_session=work\nsso_account_id=123456789012\nsso_role_name=ops\nregion=us-east-1\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(CliError, match=r"[Tt]oken") as told, aws_errors():
        boto3.Session(profile_name="work").client("sts").get_caller_identity()

    assert "aws sso login" in told.value.hint
