"""`redrive queues`: every dead-letter queue, with what can be known of it and what cannot."""

import json

import pytest
from botocore.exceptions import ClientError

from redrive.values.queue import QueueDepth
from redrive_cli.aws.dead_letters import DeadLetterQueue, Untold, dead_letter_queues
from redrive_cli.aws.target import Target
from redrive_cli.view.console import console
from redrive_cli.view.queues import queue_json, show_queues
from support.aws import arn_of, dead_letter, make_queues, send


@pytest.fixture(scope="module")
def queues(embedded):
    sqs = embedded.client("sqs")
    many, few = make_queues(sqs, sources=2), make_queues(sqs)
    send(sqs, many.dlq, ["x"] * 12)
    send(sqs, few.dlq, ["x"])
    sqs.create_queue(QueueName="plain")
    sqs.create_queue(QueueName="left-DLQ-alone")
    return many, few


def listed(on_embedded, *words):
    done = on_embedded("queues", "--json", *words)
    assert done.returncode == 0, done.stderr
    return {line["queue"]: line for line in map(json.loads, done.stdout.splitlines())}


def test_dead_letter_queues_are_listed_and_others_are_not(on_embedded, queues):
    many, few = queues
    found = listed(on_embedded)

    assert found[many.name]["messages"] == {"visible": 12, "in_flight": 0, "delayed": 0}
    assert found[many.name]["sources"] == sorted(url.rsplit("/", 1)[-1] for url in many.sources)
    assert found[many.name]["sqs_can_move"] is True
    assert found["left-DLQ-alone"]["sqs_can_move"] is False
    assert "plain" not in found
    assert not {url.rsplit("/", 1)[-1] for url in many.sources} & set(found)
    names = list(found)
    assert names.index(many.name) < names.index(few.name) < names.index("left-DLQ-alone")


def test_what_nobody_tells_is_unknown_and_not_invented(on_embedded, queues):
    assert listed(on_embedded)[queues[0].name]["oldest_seconds"] == {"unknown": "unknown"}


def test_without_a_stack_its_columns_say_so(on_embedded, queues):
    found = listed(on_embedded, "--stack", "not-deployed")[queues[0].name]
    assert found["runs"] == {"unknown": "no stack"}
    assert found["messages"]["visible"] == 12


def test_a_move_task_and_a_schedule_are_told(on_embedded, embedded):
    scheduler, sqs = embedded.client("scheduler"), embedded.client("sqs")
    many = make_queues(sqs)
    send(sqs, many.source, ["x"] * 30)
    dead_letter(many)
    target = {
        "Arn": embedded.state_machine,
        "RoleArn": "arn:aws:iam::000000000000:role/r",
        "Input": json.dumps({"queue": many.name, "as_of": "<aws.scheduler.scheduled-time>"}),
    }
    scheduler.create_schedule(
        Name="nightly",
        ScheduleExpression="cron(0 6 1 1 ? *)",
        ScheduleExpressionTimezone="Asia/Seoul",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
    )
    task = sqs.start_message_move_task(SourceArn=arn_of(sqs, many.dlq), MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    try:
        found = listed(on_embedded)[many.name]
        told = on_embedded("queues").stdout
    finally:
        sqs.cancel_message_move_task(TaskHandle=task)
        scheduler.delete_schedule(Name="nightly")

    (schedule,) = found["schedules"]
    assert (schedule["what"], schedule["by"], schedule["on"]) == ("cron(0 6 1 1 ? *) Asia/Seoul", "run", True)
    assert schedule["next"].endswith("-12-31T21:00:00+00:00")
    assert found["move_task"]["status"] == "RUNNING"
    line = next(line for line in told.splitlines() if line.startswith(many.name))
    assert "move task, " in line
    assert "cron(0 6 1 1 ? *) Asia/Seoul, next " in line


class Denying(Target):
    """A target whose account denies some services."""

    denied = ("cloudwatch", "scheduler", "dynamodb", "cloudformation", "lambda")

    def client(self, service):
        if service in self.denied:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Any")
        return super().client(service)


def test_what_may_not_be_asked_costs_its_own_column(embedded, environment, queues, monkeypatch, capsys):
    for name, value in {**environment, **embedded.environment}.items():
        monkeypatch.setenv(name, value)

    found, dark = dead_letter_queues(Denying("redrive", None, None, None))

    shown = {queue.name: queue for queue in found}[queues[0].name]
    assert (shown.oldest, shown.schedules, shown.runs) == (Untold("denied"),) * 3
    assert (shown.depth.visible, shown.moving, dark) == (12, None, [])
    assert queue_json(shown)["schedules"] == {"unknown": "denied"}
    show_queues(console(), [shown], ["secret"])
    out = capsys.readouterr().out
    assert "denied" in out
    assert "You may not look at secret" in out


def test_what_hurts_most_comes_first():
    def queue(name, number, oldest):
        return DeadLetterQueue(name, "", "", QueueDepth(number, 0, 0), 100, oldest)

    mixed = [
        queue("empty", 0, None),
        queue("few", 2, 10.0),
        queue("many", 9, Untold("unknown")),
        queue("late", 1, 90.0),
    ]
    assert [each.name for each in sorted(mixed, key=lambda each: each.pain, reverse=True)] == [
        "late",
        "many",
        "few",
        "empty",
    ]


def test_no_queue_at_all(capsys):
    show_queues(console(), [], [])
    assert "There is no dead-letter queue" in capsys.readouterr().out
