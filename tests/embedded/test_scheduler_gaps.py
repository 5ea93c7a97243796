"""EventBridge Scheduler's time zone and context attributes: ours as AWS, and upstream still as it was."""

import functools
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from ministack.services import eventbridge

from redrive_cli.errors import CliError
from redrive_cli.stack.deploy import deploy
from redrive_embedded import scheduler_gaps
from support.embedded import error_of, machine, unique
from support.engine import eventually

TEMPLATE = """
Resources:
  Daily:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: cron(0 6 * * ? *)
      ScheduleExpressionTimezone: Asia/Seoul
      FlexibleTimeWindow: {Mode: "OFF"}
      Target: {Arn: "arn:aws:states:us-east-1:000000000000:stateMachine:any", RoleArn: "arn:aws:iam::000000000000:role/any"}
Outputs:
  Name: {Value: !Ref Daily}
"""


def zone_after_deployment(aws, folder):
    template = folder / "template.yaml"
    template.write_text(TEMPLATE)
    name = deploy(aws.client, template, unique("stack"))["Name"]
    return aws.client("scheduler").get_schedule(Name=name)["ScheduleExpressionTimezone"]


def test_cloudformation_keeps_the_time_zone(aws, tmp_path):
    """CloudFormation reference, AWS::Scheduler::Schedule."""
    assert zone_after_deployment(aws, tmp_path) == "Asia/Seoul"


def test_upstream_still_lacks_the_time_zone_in_cloudformation(plain, tmp_path):
    assert zone_after_deployment(plain, tmp_path) == "UTC"


def second_of_one_name(aws, folder):
    """Deploy two stacks whose schedules have one name; give it, and what became of the second stack."""
    template, name = folder / "template.yaml", unique("daily")
    template.write_text(TEMPLATE.replace("Properties:", f"Properties:\n      Name: {name}"))
    deploy(aws.client, template, unique("stack"))
    try:
        deploy(aws.client, template, unique("stack"))
    except CliError as error:
        return name, str(error)
    return name, "complete"


def test_a_second_schedule_of_one_name_is_a_conflict(aws, tmp_path):
    """EventBridge Scheduler API, CreateSchedule."""
    name, outcome = second_of_one_name(aws, tmp_path)
    assert f"Schedule {name} already exists in group default" in outcome
    scheduler = aws.client("scheduler")
    known = scheduler.get_schedule(Name=name)
    again = {key: known[key] for key in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
    assert error_of(scheduler.create_schedule, **again) == "ConflictException"


def test_upstream_still_completes_a_stack_without_its_schedule(plain, tmp_path):
    assert second_of_one_name(plain, tmp_path)[1] == "complete"


@pytest.mark.parametrize(
    ("zone", "after", "due"),
    [
        ("Asia/Seoul", datetime(2026, 11, 21, 12, tzinfo=UTC), datetime(2026, 11, 21, 21, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 7, 2, 4, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 12, 1, 12, tzinfo=UTC), datetime(2026, 12, 2, 5, tzinfo=UTC)),
    ],
)
def test_six_in_the_morning_is_six_in_the_zone(zone, after, due):
    """docs/facts.md D."""
    cron = scheduler_gaps.zoned("cron(0 6 * * ? *)", zone)
    fields = scheduler_gaps.parse_cron_with_its_zone(eventbridge._parse_cron_fields, cron)
    assert scheduler_gaps.next_time_in_its_zone(eventbridge._cron_next_fire, fields, after) == due


def test_an_expression_without_a_zone_is_in_utc():
    fields = scheduler_gaps.parse_cron_with_its_zone(eventbridge._parse_cron_fields, "cron(0 6 * * ? *)")
    after = datetime(2026, 11, 21, 12, tzinfo=UTC)
    due = scheduler_gaps.next_time_in_its_zone(eventbridge._cron_next_fire, fields, after)
    assert due == datetime(2026, 11, 22, 6, tzinfo=UTC)


ATTRIBUTES = ("schedule-arn", "scheduled-time", "execution-id", "attempt-number")


def schedule_once(aws, due):
    """Let a schedule start a machine with all of its context attributes; give its ARN and the machine's."""
    started = machine(aws, {"Pass": {"Type": "Pass", "End": True}})
    target = {
        "Arn": started,
        "RoleArn": f"arn:aws:iam::{aws.account}:role/any",
        "Input": json.dumps({name: f"<aws.scheduler.{name}>" for name in ATTRIBUTES}),
    }
    return started, aws.client("scheduler").create_schedule(
        Name=unique("once"),
        ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
    )["ScheduleArn"]


def input_of(aws, started):
    sfn = aws.client("stepfunctions")
    [execution] = eventually(lambda: sfn.list_executions(stateMachineArn=started)["executions"])
    return json.loads(sfn.describe_execution(executionArn=execution["executionArn"])["input"])


def test_the_scheduler_says_in_the_input_what_only_it_knows_and_upstream_still_does_not(aws, plain):
    """EventBridge Scheduler user guide, "Adding context attributes"; docs/facts.md I."""
    due = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    (ours, arn), (theirs, _) = schedule_once(aws, due), schedule_once(plain, due)
    found = input_of(aws, ours)
    assert re.fullmatch(r"[0-9a-f]{16}", found.pop("execution-id"))
    assert found == {"schedule-arn": arn, "scheduled-time": f"{due:%Y-%m-%dT%H:%M:%SZ}", "attempt-number": "1"}
    assert input_of(plain, theirs)["scheduled-time"] == "<aws.scheduler.scheduled-time>"


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("at(2026-11-21T21:00:00)", "2026-11-21T21:00:00Z"),
        ("rate(5 minutes)", "2026-11-21T12:06:30Z"),
        ("cron(15 * * * ? *)", "2026-11-21T12:15:00Z"),
        (scheduler_gaps.zoned("cron(0 6 * * ? *)", "Asia/Seoul"), "2026-11-21T21:00:00Z"),
    ],
)
def test_the_scheduled_time_is_when_it_was_due(monkeypatch, expression, due):
    """Not when it was fired: "the time you specified for the schedule to invoke its target"."""
    fired = datetime(2026, 11, 21, 12, 1, 30, tzinfo=UTC).timestamp()
    monkeypatch.setattr(eventbridge, "_cron_next_fire", filled(scheduler_gaps.next_time_in_its_zone, "_cron_next_fire"))
    parse = filled(scheduler_gaps.parse_cron_with_its_zone, "_parse_cron_fields")
    monkeypatch.setattr(eventbridge, "_parse_cron_fields", parse)
    monkeypatch.setitem(scheduler_gaps._fired_before, ("account", "region", "default/daily"), fired)
    schedule = {
        "Arn": "any",
        "Name": "daily",
        "GroupName": "default",
        "ScheduleExpression": expression,
        "CreationDate": 0,
    }
    sent = []
    scheduler_gaps.say_what_only_the_scheduler_knows(
        lambda target, *_: sent.append(target["Input"]),
        {"Input": "<aws.scheduler.scheduled-time>"},
        {"Source": "aws.scheduler", "Time": fired + 90_000},
        schedule,
    )
    assert sent == [due]


def filled(gap, name):
    return functools.partial(gap, getattr(eventbridge, name))


def test_an_event_that_no_schedule_sent_is_left_alone():
    sent = []
    target = {"Input": "<aws.scheduler.scheduled-time>"}
    scheduler_gaps.say_what_only_the_scheduler_knows(lambda given, *_: sent.append(given), target, {"Source": "x"}, {})
    assert sent == [target]
