"""EventBridge Scheduler: the time zone of a cron expression, and what stands for itself in a schedule's input."""
# ruff: noqa: SLF001  filling a gap means reaching into ministack

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4
from zoneinfo import ZoneInfo

from redrive_embedded.patching import ministack, replaces, rewrites

if TYPE_CHECKING:
    from collections.abc import Callable

eventbridge: Any = ministack("services.eventbridge")
scheduler: Any = ministack("services.scheduler")

Json: TypeAlias = dict[str, Any]

_SCHEDULE = "AWS::Scheduler::Schedule"

# When each schedule had fired before the tick that is under way: (account, Region, "group/name") → seconds.
_fired_before: dict[tuple[str, str, str], float] = {}


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


@rewrites("services.cloudformation.provisioners._RESOURCE_HANDLERS")
def refuse_a_schedule_that_is_there(handlers: dict[str, Json]) -> dict[str, Json]:
    """AWS: a schedule whose name another one has in its group is not created, and so its stack is not.

    EventBridge Scheduler API, CreateSchedule: ConflictException. ministack 1.5.33 says so to an SDK, but not to
    CloudFormation: the stack is complete, without its schedule, and takes the other's with it when it is deleted.
    """
    create = handlers[_SCHEDULE]["create"]

    def create_new(logical_id: str, properties: Json, stack: str) -> tuple[str, Json]:
        group, name = properties.get("GroupName", "default"), properties.get("Name")
        if f"{group}/{name}" in scheduler._schedules:
            raise ValueError(f"ConflictException: Schedule {name} already exists in group {group}.")
        created: tuple[str, Json] = create(logical_id, properties, stack)
        return created

    handlers[_SCHEDULE]["create"] = create_new
    return handlers


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
    _fired_before.clear()
    _fired_before.update(scheduler._schedule_last_fired)
    tick()


@replaces("services.eventbridge._invoke_target")
def say_what_only_the_scheduler_knows(
    invoke: Callable[..., None],
    target: Json,
    event: Json,
    rule: Json,
    *more: Any,
) -> None:
    """AWS: a schedule's Input may hold `<aws.scheduler.…>`; the scheduler puts in its place what it stands for.

    EventBridge Scheduler user guide, "Adding context attributes" (docs/facts.md I). ministack 1.5.33 hands them on.
    """
    if event.get("Source") == "aws.scheduler" and target.get("Input"):
        target = {**target, "Input": with_context_attributes(target["Input"], rule, _due(rule, event["Time"]))}
    invoke(target, event, rule, *more)


def with_context_attributes(text: str, schedule: Json, due: datetime) -> str:
    """The text with its context attributes filled in. A target is tried once here, so the attempt is the first."""
    attributes = {
        "schedule-arn": schedule["Arn"],
        "scheduled-time": due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "execution-id": uuid4().hex[:16],
        "attempt-number": "1",
    }
    for name, value in attributes.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _due(schedule: Json, now: float) -> datetime:
    """When this schedule was to fire, which is up to ten seconds before ministack looks whether it was."""
    expression = schedule["ScheduleExpression"]
    if (at := scheduler._at_time_epoch(expression)) is not None:
        return datetime.fromtimestamp(at, UTC)
    before = datetime.fromtimestamp(_last_fired(schedule), UTC)
    if (interval := eventbridge._parse_rate_seconds(expression)) is not None:
        return before + timedelta(seconds=interval)
    due: datetime | None = eventbridge._cron_next_fire(eventbridge._parse_cron_fields(expression), before)
    return due or datetime.fromtimestamp(now, UTC)


def _last_fired(schedule: Json) -> float:
    """When it fired the last time before the tick that is under way; or when it was made."""
    name = f"{schedule['GroupName']}/{schedule['Name']}"
    fired = [at for (_, _, key), at in _fired_before.items() if key == name]
    created: float = schedule["CreationDate"]
    return fired[0] if fired else created


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
