"""The target: which stack, and where it is."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from redrive_cli.aws.errors import aws_errors
from redrive_cli.aws.executions import Machine
from redrive_cli.stack.product import STACK

if TYPE_CHECKING:
    from redrive.values.run import End


@dataclass(frozen=True)
class Target:
    """Which stack, and where. None leaves it to the AWS configuration."""

    stack: str
    endpoint_url: str | None
    region: str | None
    profile: str | None

    def machine(self) -> Machine:
        """Find the stack's state machine, which has its name, in the caller's account and Region. Raises CliError."""
        with aws_errors():
            sfn = self._client("stepfunctions")
            caller = self._client("sts").get_caller_identity()
        partition = caller["Arn"].split(":")[1]
        arn = f"arn:{partition}:states:{sfn.meta.region_name}:{caller['Account']}:stateMachine:{self.stack}"
        return Machine(sfn, arn, caller["Arn"])

    def clean_up(self, end: End) -> None:
        """Have the stack's clean-up do what an execution that ended without a summary could not.

        EventBridge tells it of each such end, but on a best-effort basis; to be told twice does no harm. Where the
        caller may not, the next run at the queue does it.
        """
        try:
            function = self._client("cloudformation").describe_stack_resource(
                StackName=self.stack, LogicalResourceId="CleanupFunction"
            )["StackResourceDetail"]["PhysicalResourceId"]
            event = json.dumps(end.to_event())
            self._client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=event)
        except (BotoCoreError, ClientError):
            return

    def _client(self, service: str) -> Any:
        session = boto3.Session(profile_name=self.profile, region_name=self.region)
        # A few attempts: an endpoint that is not there should be said soon.
        config = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=5, read_timeout=30)
        return session.client(service, endpoint_url=self.endpoint_url, config=config)  # type: ignore[call-overload]

    def redrive(self, *words: str) -> str:
        """A `redrive` command on the same target, to type."""
        stack = [] if self.stack == STACK else ["--stack", self.stack]
        return shlex.join(["redrive", *words, *stack, *self._where()])

    def aws(self, *words: str) -> str:
        """A command of the AWS command line on the same target, to type."""
        return shlex.join(["aws", *words, *self._where()])

    def _where(self) -> list[str]:
        options = {"--endpoint-url": self.endpoint_url, "--region": self.region, "--profile": self.profile}
        return [word for flag, value in options.items() if value for word in (flag, value)]
