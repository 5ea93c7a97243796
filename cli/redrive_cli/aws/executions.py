"""Executions: start one, find one, tell what happens in it."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from redrive.history.tail import Tail, newest
from redrive.sqs import queues
from redrive.values.run import End
from redrive_cli.aws.errors import aws_errors
from redrive_cli.errors import CliError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_stepfunctions import SFNClient

    from redrive.history.events import Event

Json: TypeAlias = dict[str, Any]

_NAME_LENGTH = 80  # Step Functions API, StartExecution
_NAME = r"""[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}"""  # the same
_RECENT = 100  # executions, among which the last to start is looked for


@dataclass(frozen=True)
class Machine:
    """A stack's state machine, and the client that speaks to it; `caller` is the ARN of who does."""

    sfn: SFNClient
    arn: str
    caller: str = ""

    def start(self, document: Json, name: str) -> str:
        """Start a run of this request; gives the execution's ARN. Raises CliError."""
        with aws_errors(self.arn):
            return self.sfn.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps(document))[
                "executionArn"
            ]

    def find(self, execution: str | None) -> str:
        """Give the ARN of an execution by its name or ARN, or of the one that started last. Raises CliError."""
        if execution is None:
            return self._latest()
        ours = self.arn.replace(":stateMachine:", ":execution:")
        if not execution.startswith("arn:"):
            execution = f"{ours}:{execution}"
        if not re.fullmatch(rf"{re.escape(ours)}(/[^:]+)?:{_NAME}", execution):
            stack, region = self.arn.rpartition(":")[2], self.arn.split(":")[3]
            raise CliError(
                f"{execution.removeprefix(f'{ours}:')!r} is no execution of the stack {stack} in {region}.",
                "Write its name, or its ARN; --stack and --region say where it ran.",
            )
        return execution

    def must_be_there(self) -> None:
        """Refuse a stack that is not there. Raises CliError; where the caller may not ask, the start will tell."""
        try:
            if not self.sfn.list_executions(stateMachineArn=self.arn, maxResults=1)["executions"]:
                self.sfn.describe_state_machine(stateMachineArn=self.arn)
        except self.sfn.exceptions.StateMachineDoesNotExist as error:
            with aws_errors(self.arn):
                raise error from None
        except (ClientError, BotoCoreError):
            return

    def must_be_near(self, document: Json) -> None:
        """Refuse queues that are, by what was written, not where the machine is. Raises InvalidRequest."""
        _, partition, _, region, *_ = self.arn.split(":")
        for field in ("queue", "destination"):
            if written := document.get(field):
                queues.must_be_in(region, partition, queues.read(written, field))

    def end_of(self, execution: str) -> End:
        """Give how an execution ended. Raises CliError."""
        with aws_errors(execution):
            found = self.sfn.describe_execution(executionArn=execution)
        return End(execution, found["status"], found["startDate"])

    def events(self, execution: str, *, live: bool) -> Iterator[Event]:
        """Tell what happened in an execution; `live`, also what happens until it ends. Raises CliError."""
        with aws_errors(execution):
            yield from Tail(self.sfn, execution, live=live).events()

    def last_events(self, execution: str) -> list[Event]:
        """Give the last things that happened in an execution, in their order. Raises CliError."""
        with aws_errors(execution):
            return newest(self.sfn, execution)

    def running(self) -> list[str]:
        """Give the ARNs of the runs that are under way, the last to start first. Raises CliError."""
        with aws_errors(self.arn):
            pages = self.sfn.get_paginator("list_executions").paginate(stateMachineArn=self.arn, statusFilter="RUNNING")
            found = [execution for page in pages for execution in page["executions"]]
        found.sort(key=lambda execution: execution["startDate"], reverse=True)
        return [execution["executionArn"] for execution in found]

    def _latest(self) -> str:
        with aws_errors(self.arn):
            found = self.sfn.list_executions(stateMachineArn=self.arn, maxResults=_RECENT)["executions"]
            if not found:
                self.sfn.describe_state_machine(stateMachineArn=self.arn)  # is there such a machine at all?
        if not found:
            raise CliError("This stack has not run yet.", "Start a run, as in: redrive run orders-dlq")
        # They are listed by when they ended, or started if they run: the last to start need not be the first.
        return max(found, key=lambda execution: execution["startDate"])["executionArn"]


def name_execution(queue: str) -> str:
    """Make a name that says which queue and when, as in `orders-dlq-20261121T060000Z-ab12cd`.

    `queue` is a name, a URL or an ARN. Only letters, digits, `-` and `_`: what CloudWatch Logs can show.
    """
    ending = f"-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    queue_name = re.split(r"[/:]", queue)[-1]
    return re.sub(r"[^A-Za-z0-9_-]", "-", queue_name)[: _NAME_LENGTH - len(ending)] + ending
