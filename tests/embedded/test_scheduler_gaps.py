"""EventBridge Scheduler's time zone: ours as AWS, and upstream still as it was."""

from datetime import UTC, datetime

import pytest
from ministack.services import eventbridge

from redrive_cli.stack.deploy import deploy
from redrive_embedded import scheduler_gaps
from support.embedded import unique

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
