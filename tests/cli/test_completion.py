"""A shell completes commands, options, queues and runs; it is quick about it, and silent about any error."""

import json
import time

import pytest

from support.aws import make_queues


@pytest.fixture
def complete(redrive, tmp_path):
    """What bash is offered for the last of the words."""

    def run(*words, **variables):
        done = redrive(
            COMP_WORDS=" ".join(("redrive", *words)),
            COMP_CWORD=str(len(words)),
            _REDRIVE_COMPLETE="bash_complete",
            **{"XDG_CACHE_HOME": str(tmp_path), **variables},
        )
        assert done.stderr == ""
        return [line.partition(",")[2] for line in done.stdout.splitlines() if line]

    return run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(redrive, shell):
    done = redrive("completion", shell)

    assert done.returncode == 0
    assert f"_REDRIVE_COMPLETE={shell}_complete" in done.stdout


def test_commands_and_options(complete):
    assert complete("ver") == ["verify"]
    assert "--outcome" in complete("messages", "--o")


def test_queues_and_runs(complete, embedded, on_embedded):
    name = make_queues(embedded.client("sqs")).name
    run = json.loads(on_embedded("run", name, "--record", "--json").stdout)["run"]

    assert complete("run", name[:-2], **embedded.environment) == [name]
    assert complete("runs", "--queue", name[:-2], **embedded.environment) == [name]
    for command in ("show", "messages", "verify", "stop"):
        assert complete(command, run[:-2], **embedded.environment) == [run]


def test_what_was_asked_serves_for_a_moment(complete, embedded, on_embedded, tmp_path):
    name = make_queues(embedded.client("sqs")).name
    assert complete("run", name, **embedded.environment) == [name]
    (kept,) = tmp_path.glob("redrive/completion/*/*")
    kept.write_text(json.dumps([f"{name}-kept"]))

    assert complete("run", name, **embedded.environment) == [f"{name}-kept"]


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"AWS_PROFILE": "nobodys"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"},
        {"XDG_CACHE_HOME": "/dev/null"},
        {"REDRIVE_STACK": "nobodys"},
    ],
    ids=["nothing", "profile", "endpoint", "cache", "stack"],
)
def test_no_error_is_told(complete, variables):
    began = time.monotonic()

    assert complete("show", "x", AWS_DEFAULT_REGION="us-east-1", **variables) == []
    assert complete("run", "x", AWS_DEFAULT_REGION="us-east-1", **variables) == []
    assert time.monotonic() - began < 10
