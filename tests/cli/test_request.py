"""The options of `redrive run` become the request document, with only what was asked for in it."""

import re
import shlex

import click
import pytest
from click.testing import CliRunner

from redrive.steps.validate import parse
from redrive.values.errors import InvalidRequest
from redrive_cli.app import cli
from redrive_cli.aws.executions import Machine as RealMachine
from redrive_cli.aws.executions import name_execution
from redrive_cli.aws.target import Target
from redrive_cli.commands.run import build_request

CALLER = "arn:aws:sts::123456789012:assumed-role/oncall/anna"


class NothingStartedError(Exception):
    """Stands for the AWS that a request would be sent to."""


def document_of(typed, monkeypatch):
    """The document that `redrive run <typed>` would start a run with."""
    asked = []

    class Machine:
        caller = CALLER

        def must_be_near(self, document):
            pass

        def find(self, name):
            return name

        def start(self, document, name):
            asked.append(document)
            raise NothingStartedError

    monkeypatch.setattr(Target, "machine", lambda _: Machine())
    done = CliRunner().invoke(cli, ["run", *shlex.split(typed)])
    assert isinstance(done.exception, NothingStartedError), done.output
    [document] = asked
    assert document.pop("started_by") == f"command line, {CALLER}"
    return document


CASES = [
    ("orders-dlq", {"queue": "orders-dlq"}),
    (
        "dlq --where 'body.error.code = \"TIMEOUT\"'",
        {"queue": "dlq", "filter": {"where": 'body.error.code = "TIMEOUT"'}},
    ),
    ("dlq --sent yesterday", {"queue": "dlq", "filter": {"sent": {"day": "yesterday"}}}),
    ("dlq --sent 2026-11-20", {"queue": "dlq", "filter": {"sent": {"day": "2026-11-20"}}}),
    (
        "dlq --sent 2026-11-18..2026-11-20T06:00:00Z",
        {"queue": "dlq", "filter": {"sent": {"from": "2026-11-18", "to": "2026-11-20T06:00:00Z"}}},
    ),
    ("dlq --sent 2026-11-18..", {"queue": "dlq", "filter": {"sent": {"from": "2026-11-18"}}}),
    ("dlq --sent ..2026-11-20", {"queue": "dlq", "filter": {"sent": {"to": "2026-11-20"}}}),
    ("dlq --older-than PT2H", {"queue": "dlq", "filter": {"sent": {"older_than": "PT2H"}}}),
    ("dlq --older-than 3d", {"queue": "dlq", "filter": {"sent": {"older_than": "3d"}}}),
    ("dlq --sent yesterday..today", {"queue": "dlq", "filter": {"sent": {"from": "yesterday", "to": "today"}}}),
    (
        "dlq --sent yesterday --as-of 2026-11-20",
        {"queue": "dlq", "filter": {"sent": {"day": "yesterday"}}, "as_of": "2026-11-20"},
    ),
    ("dlq --max-redrives 0", {"queue": "dlq", "filter": {"max_redrives": 0}}),
    (
        "dlq --sent today --where true --max-redrives 3",
        {"queue": "dlq", "filter": {"sent": {"day": "today"}, "where": "true", "max_redrives": 3}},
    ),
    ("dlq --destination orders-2", {"queue": "dlq", "destination": "orders-2"}),
    ("dlq --transform '$merge([body])'", {"queue": "dlq", "transform": "$merge([body])"}),
    ("dlq --limit 100 --rate 50", {"queue": "dlq", "limit": 100, "rate": 50}),
    ("dlq --lanes 4", {"queue": "dlq", "lanes": 4}),
    ("dlq --path native", {"queue": "dlq", "path": "native"}),
    ("dlq --record", {"queue": "dlq", "record": True}),
    ("dlq --timezone Asia/Seoul --preview", {"queue": "dlq", "timezone": "Asia/Seoul", "preview": True}),
]


@pytest.mark.parametrize(("typed", "document"), CASES)
def test_the_document_has_what_was_typed_and_no_more(typed, document, monkeypatch):
    assert document_of(typed, monkeypatch) == document


@pytest.mark.parametrize("document", [document for _, document in CASES])
def test_every_document_is_a_valid_request(document):
    assert parse(document).to_json() == document


def test_a_message_cannot_be_asked_for_by_day_and_by_age():
    with pytest.raises(click.UsageError, match="exclude each other"):
        build_request("dlq", sent="today", older_than="PT2H")


def test_a_span_needs_an_end():
    with pytest.raises(click.UsageError, match="at least one end"):
        build_request("dlq", sent="..")


@pytest.mark.parametrize(
    "option", ["--limit=0", "--rate=0", "--lanes=0", "--lanes=33", "--max-redrives=-1", "--path=fast", "--nonsense"]
)
def test_a_bad_option_is_refused_before_anything_is_asked_of_aws(option, monkeypatch):
    monkeypatch.setattr(Target, "machine", lambda _: pytest.fail("AWS was asked"))

    done = CliRunner().invoke(cli, ["run", "orders-dlq", option])

    assert done.exit_code == 2
    error, hint = done.output.splitlines()
    assert error.startswith("error: ")
    assert hint == "hint: `redrive run --help` says what there is." or option == "--nonsense"


@pytest.mark.parametrize(
    ("typed", "field", "option"),
    [
        ("'orders dlq'", "queue", "QUEUE"),
        ("dlq --destination 'a b'", "destination", "--destination"),
        ("dlq --where '((('", "filter.where", "--where"),
        ("dlq --where ''", "filter.where", "--where"),
        ("dlq --transform '{'", "transform", "--transform"),
        ("dlq --sent soon", "filter.sent.day", "--sent"),
        ("dlq --sent ''", "filter.sent.day", "--sent"),
        ("dlq --sent 1796061600", "filter.sent.day", "--sent"),
        ("dlq --sent 2026-11-20...2026-11-21", "filter.sent.to", "--sent"),
        ("dlq --sent soon..", "filter.sent.from", "--sent"),
        ("dlq --sent today..yesterday", "filter.sent", "--sent"),
        ("dlq --older-than 2hours", "filter.sent.older_than", "--older-than"),
        ("dlq --older-than ''", "filter.sent.older_than", "--older-than"),
        ("dlq --timezone Asia/Soul", "timezone", "--timezone"),
        ("dlq --as-of yesterday", "as_of", "--as-of"),
        ("dlq --as-of 2099-01-01", "as_of", "--as-of"),
    ],
)
def test_what_the_run_would_refuse_is_one_error_and_one_hint_and_starts_nothing(typed, field, option, monkeypatch):
    monkeypatch.setattr(Target, "machine", lambda _: pytest.fail("AWS was asked"))

    done = CliRunner().invoke(cli, ["run", *shlex.split(typed)])

    assert done.exit_code == 1
    assert done.stdout == ""
    [error, hint] = done.stderr.splitlines()
    assert error.startswith(f"error: {field}: ")
    assert hint == f"hint: No run was started. Correct {option}."


@pytest.mark.parametrize(
    ("queue", "start"),
    [
        ("orders-dlq", "orders-dlq-"),
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dlq", "orders-dlq-"),
        ("arn:aws:sqs:eu-west-1:123456789012:orders-dlq.fifo", "orders-dlq-fifo-"),
        ("what a queue?*", "what-a-queue---"),
        ("q" * 80, "q" * 56 + "-"),
    ],
)
def test_an_executions_name_says_which_queue_and_when(queue, start):
    name = name_execution(queue)

    assert name.startswith(start)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name)
    assert re.search(r"-\d{8}T\d{6}Z-[0-9a-f]{6}$", name)


def test_two_runs_of_one_queue_in_one_second_have_two_names():
    assert len({name_execution("orders-dlq") for _ in range(100)}) == 100


def test_a_command_to_type_has_the_options_that_find_the_same_stack():
    target = Target("ours", "http://127.0.0.1:4566", None, "work")

    assert target.redrive("show", "run-1") == (
        "redrive show run-1 --stack ours --endpoint-url http://127.0.0.1:4566 --profile work"
    )
    assert Target("redrive", None, None, None).redrive("show", "run-1") == "redrive show run-1"


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"queue": "https://sqs.eu-west-1.amazonaws.com/123456789012/q"}, "queue"),
        ({"queue": "q", "destination": "arn:aws:sqs:eu-west-1:123456789012:q"}, "destination"),
        ({"queue": "arn:aws-cn:sqs:us-east-1:123456789012:q"}, "queue"),
    ],
    ids=["another Region", "a destination", "another partition"],
)
def test_what_is_elsewhere_is_refused_before_a_run_is_started(document, field):
    machine = RealMachine(None, "arn:aws:states:us-east-1:123456789012:stateMachine:redrive")
    with pytest.raises(InvalidRequest, match=f"^{field}: the queue .* is in"):
        machine.must_be_near(document)
    machine.must_be_near({"queue": "q", "destination": "arn:aws:sqs:us-east-1:123456789012:q"})
