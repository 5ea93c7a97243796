"""EventBridge Scheduler: a cron expression is read in the schedule's time zone."""
# ruff: noqa: SLF001  filling a gap means reaching into ministack

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

from redrive_embedded.patching import ministack, replaces, rewrites

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

scheduler: Any = ministack("services.scheduler")

Json: TypeAlias = dict[str, Any]

_SCHEDULE = "AWS::Scheduler::Schedule"


class ZonedCron(str):
    """A cron expression that knows its time zone on its way through ministack."""

    __slots__ = ("zone",)
    zone: ZoneInfo


def zoned(expression: str, zone: str) -> ZonedCron:
    """The expression in a time zone, e.g. `zoned("cron(0 6 * * ? *)", "Asia/Seoul")`."""
    cron = ZonedCron(expression)
    cron.zone = ZoneInfo(zone)
    return cron


@rewrites("services.cloudformation.provisioners._RESOURCE_HANDLERS")
def keep_the_time_zone_of_a_schedule(handlers: dict[str, Json]) -> dict[str, Json]:
    """AWS: CloudFormation's ScheduleExpressionTimezone reaches the schedule. ministack 1.5.33 drops it."""
    create, update = handlers[_SCHEDULE]["create"], handlers[_SCHEDULE]["update"]

    def create_with_zone(logical_id: str, properties: Json, stack: str) -> tuple[str, Json]:
        name, attributes = create(logical_id, properties, stack)
        _set_zone(name, properties)
        return name, attributes

    def update_with_zone(physical_id: str, old: Json, new: Json, stack: str) -> tuple[str, Json]:
        name, attributes = update(physical_id, old, new, stack)
        _set_zone(name, new)
        return name, attributes

    handlers[_SCHEDULE] |= {"create": create_with_zone, "update": update_with_zone}
    return handlers


def _set_zone(name: str, properties: Json) -> None:
    schedule = scheduler._schedules[f"{properties.get('GroupName', 'default')}/{name}"]
    # An unknown zone fails the resource here, as on AWS.
    schedule["ScheduleExpressionTimezone"] = ZoneInfo(properties.get("ScheduleExpressionTimezone", "UTC")).key


@replaces("services.scheduler._tick_schedules")
def read_cron_in_the_time_zone(tick: Callable[[], None]) -> None:
    """AWS: ScheduleExpressionTimezone is the zone of the cron expression (docs/facts.md D).

    ministack reads every expression in UTC. Filled by giving the expression its zone before ministack looks
    whether it is due, and by asking for the next time in that zone.
    """
    for schedule in list(scheduler._schedules._data.values()):
        zone = schedule["ScheduleExpressionTimezone"]
        expression = schedule["ScheduleExpression"]
        if zone != "UTC" and expression.startswith("cron("):
            schedule["ScheduleExpression"] = zoned(expression, zone)
    tick()


@replaces("services.eventbridge._parse_cron_fields")
def parse_cron_with_its_zone(parse: Callable[[str], Any], expression: str) -> Any:
    """The parsed fields; of a zoned expression, followed by its zone."""
    fields = parse(expression)
    return (*fields, expression.zone) if fields and isinstance(expression, ZonedCron) else fields


@replaces("services.eventbridge._cron_next_fire")
def next_time_in_its_zone(
    next_fire: Callable[[Any, datetime], datetime | None],
    fields: Any,
    after: datetime,
) -> datetime | None:
    """The next time after `after` that the fields match, in their zone when they have one."""
    *plain, last = fields
    return next_fire(tuple(plain), after.astimezone(last)) if isinstance(last, ZoneInfo) else next_fire(fields, after)
