"""When a schedule fires next: what its expression tells, and nothing that it does not."""

from datetime import UTC, datetime

import pytest

from redrive_cli.aws.cron import next_time

NOW = datetime(2026, 11, 21, 6, 0, 30, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("expression", "zone", "next_"),
    [
        ("cron(0 6 * * ? *)", "UTC", "2026-11-22T06:00"),
        ("cron(0 6 * * ? *)", "Asia/Seoul", "2026-11-21T21:00"),
        ("cron(* * * * ? *)", "UTC", "2026-11-21T06:01"),
        ("cron(0/15 8-10 ? * MON-FRI *)", "UTC", "2026-11-23T08:00"),
        ("cron(5,35 0 1 JAN ? *)", "UTC", "2027-01-01T00:05"),
        ("cron(0 0 29 2 ? *)", "UTC", "2028-02-29T00:00"),
        ("cron(0 0 ? * FRI-MON *)", "UTC", "2026-11-22T00:00"),
        ("cron(0 0 ? * 7 *)", "UTC", "2026-11-28T00:00"),
        ("cron(30 2 28 3 ? *)", "Europe/Berlin", "2028-03-28T00:30"),  # in 2027 no clock shows it
        ("at(2026-12-01T00:00:00)", "Asia/Seoul", "2026-11-30T15:00"),
        ("at(2026-01-01T00:00:00)", "UTC", None),
        ("cron(0 6 * * ? 2020)", "UTC", None),
        ("cron(0 6 L * ? *)", "UTC", None),
        ("cron(0 6 ? * 2#1 *)", "UTC", None),
        ("rate(1 day)", "UTC", None),
        ("cron(0 6 * *)", "UTC", None),
        ("cron(99 6 * * ? *)", "UTC", None),
        ("cron(0 6 * * ? *)", "Nowhere/At/All", None),
        ("whatever", "UTC", None),
    ],
)
def test_the_next_time(expression, zone, next_):
    found = next_time(expression, zone, NOW)
    assert found == (datetime.fromisoformat(next_).replace(tzinfo=UTC) if next_ else None)
