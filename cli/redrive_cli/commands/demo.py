"""`redrive demo`: one true story on an embedded AWS, told as it happens, and checked at its end.

Nothing is staged: SQS dead-letters the messages itself, the commands are run as they are printed, EventBridge
Scheduler starts its run itself, and every number comes from what happened.
"""

# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

import click

from redrive_cli.errors import CliError
from redrive_cli.stack.local import install, local_aws
from redrive_cli.view.console import console

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from redrive_cli.stack.local import LocalStack
    from redrive_embedded import EmbeddedAws

Json: TypeAlias = dict[str, Any]

ORDERS = ["TIMEOUT"] * 6 + ["CARD_DECLINED"] * 4 + ["ADDRESS_UNKNOWN"] * 3
NIGHTLY = ["TIMEOUT"] * 3
WHERE = 'body.error.code = "TIMEOUT"'
RECEIVES = 2  # until SQS gives up on a message

_VISIBILITY = 1  # seconds
_SCHEDULE_SECONDS = 90  # every minute, and the time it takes to notice and to run
_SYSTEM = ["AWSTraceHeader", "ApproximateReceiveCount"]


class DemoError(CliError):
    """The story did not end as it must. `str()` says where."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, "This is a bug in Redrive: please report it, with what the demo printed.")


@click.command()
def demo() -> None:
    """Play the whole story on an AWS on this machine: a minute or two, and it checks itself.

    \b
    Example:
      redrive demo
    """
    play()


def play() -> None:
    """Play the story on stdout. Raises DemoError when a single message is not where it should be."""
    began = time.monotonic()
    _tell("The story takes a minute or two, most of it waiting for SQS and for the schedule.")
    _tell("Starting an AWS on this machine, and deploying on it the template that AWS gets ...")
    zone = _zone_away_from_midnight()
    with local_aws() as aws:
        with _waiting("Deploying"):
            nightly = Story(aws, "nightly", NIGHTLY)
            orders = Story(aws, "orders", ORDERS)
            nightly.fail_all()  # they are waiting in nightly-dlq before the schedule can fire
            schedule = {
                "ScheduledQueue": "nightly-dlq",
                "Schedule": "cron(* * * * ? *)",
                "ScheduleTimezone": zone,
            }
            stack = install(aws, schedule)
        _tell(f"Redrive is ready at {aws.endpoint}.")
        _orders_fail(orders)
        _preview(stack, orders)
        _redrive_the_timeouts(stack, orders, zone)
        _redrive_the_rest(stack, orders)
        _schedule_fires(stack, nightly)
        _every_message_is_where_it_should_be(orders, nightly)
    _tell(f"\nEvery message is where it should be. ({time.monotonic() - began:.0f} seconds)")


def _orders_fail(orders: Story) -> None:
    _title("1. Orders fail")
    _tell(f"{len(ORDERS)} messages are sent to the queue orders. Their consumer fails on every one, {RECEIVES} times,")
    _tell("and SQS moves them to the dead-letter queue orders-dlq.")
    with _waiting("The consumer receives and fails"):
        orders.fail_all()
    codes = ", ".join(f"{number} {code}" for code, number in Counter(ORDERS).items())
    _tell(f"Waiting now: {orders.waiting()} in orders, {orders.dead()} in orders-dlq ({codes})")
    orders.must_have(waiting=0, dead=len(ORDERS))


def _preview(stack: LocalStack, orders: Story) -> None:
    _title("2. What would be redriven? A preview sends and deletes nothing")
    _type(stack, "run", "orders-dlq", "--where", WHERE, "--preview")
    _tell(f"Waiting now: {orders.waiting()} in orders, {orders.dead()} in orders-dlq")
    orders.must_have(waiting=0, dead=len(ORDERS))


def _redrive_the_timeouts(stack: LocalStack, orders: Story, zone: str) -> None:
    _title("3. Redrive today's timeouts, and nothing else")
    _type(stack, "run", "orders-dlq", "--sent", "today", "--timezone", zone, "--where", WHERE)
    _tell(f"Waiting now: {orders.waiting()} in orders, {orders.dead()} in orders-dlq")
    orders.must_have(waiting=ORDERS.count("TIMEOUT"), dead=len(ORDERS) - ORDERS.count("TIMEOUT"))


def _redrive_the_rest(stack: LocalStack, orders: Story) -> None:
    _title("4. Redrive the rest: with nothing to choose, SQS can move them itself")
    _type(stack, "run", "orders-dlq")
    _tell(f"Waiting now: {orders.waiting()} in orders, {orders.dead()} in orders-dlq")
    orders.must_have(waiting=len(ORDERS), dead=0)


def _schedule_fires(stack: LocalStack, nightly: Story) -> None:
    _title("5. The schedule: every minute here, every morning on AWS")
    _tell("EventBridge Scheduler starts a run of its own at the full minute.")
    with _waiting("Waiting for the full minute"):
        execution = _scheduled_execution(stack)
        _end_schedule(stack)
    _tell(f"It did, with the request {execution['input']}")
    _type(stack, "show", execution["name"])
    result = json.loads(execution["output"])
    _tell(f"It asks for yesterday's messages. The {result['held']} that it received are of today, so it held them")
    _tell(f"while it ran, and sent {result['sent']}.")
    _tell(f"Waiting now: {nightly.waiting()} in nightly, {nightly.dead()} in nightly-dlq")
    nightly.must_have(waiting=0, dead=len(NIGHTLY))


def _every_message_is_where_it_should_be(orders: Story, nightly: Story) -> None:
    _title("6. Is every message where it should be? Received from the queues, and compared one by one")
    with _waiting("Receiving"):
        stamped = orders.must_be_intact(orders.queue)
    orders.must_have(waiting=0, dead=0, received=len(ORDERS))
    _tell(f"orders       {len(ORDERS)}: body, attributes and trace header of each as they were sent;")
    _tell(f"                {stamped} carry the stamp `redrive`, which says by which run")
    _tell("orders-dlq    0")
    nightly.must_be_intact(nightly.dlq)
    _tell(f"nightly-dlq   {len(NIGHTLY)}: all that was there, as it was")
    if stamped != ORDERS.count("TIMEOUT"):
        raise DemoError(f"{stamped} messages carry the stamp, and {ORDERS.count('TIMEOUT')} should.")


class Story:
    """A queue, its dead-letter queue, and what was sent to it: the messages by their body."""

    def __init__(self, aws: EmbeddedAws, name: str, codes: list[str]) -> None:
        self._sqs = aws.client("sqs")
        self._name = name
        self.dlq = self._sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
        policy = {
            "deadLetterTargetArn": f"arn:aws:sqs:{aws.region}:{aws.account}:{name}-dlq",
            "maxReceiveCount": RECEIVES,
        }
        attributes = {"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": str(_VISIBILITY)}
        self.queue = self._sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self._sent = {message["MessageBody"]: message for message in map(_message, range(len(codes)), codes)}

    def fail_all(self) -> None:
        """Send the messages, then receive and never delete them, until SQS has given up on all."""
        for message in self._sent.values():
            self._sqs.send_message(QueueUrl=self.queue, **message)
        deadline = time.monotonic() + 30
        while self.dead() < len(self._sent):
            self._sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            if time.monotonic() > deadline:
                raise DemoError(f"SQS did not dead-letter the messages of {self._name}.")

    def waiting(self) -> int:
        """How many messages can be received from the queue."""
        return self._count(self.queue)["ApproximateNumberOfMessages"]

    def dead(self) -> int:
        """How many messages can be received from the dead-letter queue."""
        return self._count(self.dlq)["ApproximateNumberOfMessages"]

    def must_have(self, *, waiting: int, dead: int, received: int = 0) -> None:
        """Compare the queues with what they should have; `received` are invisible in the queue, none in the DLQ."""
        for url, visible, in_flight in ((self.queue, waiting, received), (self.dlq, dead, 0)):
            found = self._count(url)
            there = found["ApproximateNumberOfMessages"], found["ApproximateNumberOfMessagesNotVisible"]
            if there != (visible, in_flight):
                raise DemoError(
                    f"{url.rsplit('/', 1)[-1]} has {there[0]} messages and {there[1]} in flight, "
                    f"where {visible} and {in_flight} should be."
                )

    def must_be_intact(self, url: str) -> int:
        """Receive everything from `url` and compare it with what was sent; gives how many carry Redrive's stamp."""
        found: dict[str, Json] = {}
        stamped = 0
        while messages := self._receive(url):
            for message in messages:
                if message["Body"] in found:
                    raise DemoError(f"A message is twice in {url.rsplit('/', 1)[-1]}: {message['Body']}.")
                stamped += message.get("MessageAttributes", {}).pop("redrive", None) is not None
                found[message["Body"]] = _as_sent(message)
        for body, message in self._sent.items():
            if found.pop(body, None) != message:
                raise DemoError(f"A message is missing or changed in {url.rsplit('/', 1)[-1]}: {body}.")
        if found:
            raise DemoError(f"Messages nobody sent are in {url.rsplit('/', 1)[-1]}: {', '.join(found)}.")
        return stamped

    def _receive(self, url: str) -> list[Any]:
        answer = self._sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=1,
            VisibilityTimeout=60,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=_SYSTEM,
        )
        messages: list[Any] = answer.get("Messages", [])
        return messages

    def _count(self, url: str) -> Counter[str]:
        found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return Counter({name: int(value) for name, value in found.items() if name.startswith("Approximate")})


def _message(number: int, code: str) -> Json:
    """What SendMessage is given: a body, attributes of every type, a trace header."""
    body = {"order": f"A-{1001 + number}", "amount": 10 * number + 9, "error": {"code": code}}
    trace = f"Root=1-67891233-{number:024x};Parent=53995c3f42cd8ad8;Sampled=1"
    return {
        "MessageBody": json.dumps(body),
        "MessageAttributes": {
            "tenant": {"DataType": "String", "StringValue": f"shop-{number % 3}"},
            "attempt": {"DataType": "Number", "StringValue": str(number)},
            "signature": {"DataType": "Binary", "BinaryValue": bytes([number, 0, 255])},
        },
        "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}},
    }


def _as_sent(message: Json) -> Json:
    """A received message in the shape of `_message`."""
    trace = message["Attributes"].get("AWSTraceHeader", "")
    return {
        "MessageBody": message["Body"],
        "MessageAttributes": message.get("MessageAttributes", {}),
        "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}},
    }


def _scheduled_execution(stack: LocalStack) -> Json:
    """Wait for the first run that the schedule started, and for its end; gives what DescribeExecution says."""
    sfn = stack.client("stepfunctions")
    deadline = time.monotonic() + _SCHEDULE_SECONDS
    while time.monotonic() < deadline:
        listed = sfn.list_executions(stateMachineArn=stack.state_machine)["executions"]
        for execution in reversed(listed):  # the oldest first
            found: Json = sfn.describe_execution(executionArn=execution["executionArn"])
            if json.loads(found["input"])["queue"] == "nightly-dlq" and found["status"] != "RUNNING":
                return _succeeded(found)
        time.sleep(0.5)
    raise DemoError(f"The schedule did not fire within {_SCHEDULE_SECONDS} seconds.")


def _succeeded(execution: Json) -> Json:
    if execution["status"] != "SUCCEEDED":
        raise DemoError(f"The run that the schedule started ended as {execution['status']}: {execution.get('cause')}")
    return execution


def _end_schedule(stack: LocalStack) -> None:
    """End the schedule, and wait for a run of it that may have begun: what is counted next must stay as it is."""
    scheduler, sfn = stack.client("scheduler"), stack.client("stepfunctions")
    for schedule in scheduler.list_schedules()["Schedules"]:
        scheduler.delete_schedule(Name=schedule["Name"], GroupName=schedule["GroupName"])
    while sfn.list_executions(stateMachineArn=stack.state_machine, statusFilter="RUNNING")["executions"]:
        time.sleep(0.2)


def _zone_away_from_midnight() -> str:
    """A time zone where today does not end before the story does."""
    later = timedelta(minutes=5)
    for zone in ("Asia/Seoul", "UTC"):
        now = datetime.now(ZoneInfo(zone))
        if (now + later).date() == now.date():
            break
    return zone


def _type(stack: LocalStack, *words: str) -> None:
    """Run a `redrive` command as somebody would type it, and show what they would see."""
    _tell(f"\n$ {shlex.join(['redrive', *words])}")
    theirs = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "REDRIVE_"))}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    nowhere |= dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1")
    done = subprocess.run(  # noqa: S603  our own command, on our own arguments
        [sys.executable, "-P", "-m", "redrive_cli", *words],
        env={**theirs, **nowhere, **stack.environment},
        stderr=subprocess.STDOUT,
        check=False,
    )
    _tell("")  # before its exit code is judged: where nobody reads any more, this ends the demo
    if done.returncode:
        raise DemoError(f"`{shlex.join(['redrive', *words])}` ended with exit code {done.returncode}.")


def _waiting(text: str) -> AbstractContextManager[None]:
    """Show on a terminal that it goes on, while there is nothing to tell."""
    return console().waiting(f"{text} ...")


def _title(text: str) -> None:
    _tell(f"\n{text}\n{'─' * len(text)}")


def _tell(text: str) -> None:
    print(text, flush=True)
