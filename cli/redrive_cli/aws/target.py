"""The target: which stack, and where it is."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import boto3
from botocore.config import Config

from redrive_cli.aws.errors import aws_errors
from redrive_cli.aws.executions import Machine
from redrive_cli.stack.product import STACK


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
            session = boto3.Session(profile_name=self.profile, region_name=self.region)
            # A few attempts: an endpoint that is not there should be said soon.
            config = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=5, read_timeout=30)
            sfn = session.client("stepfunctions", endpoint_url=self.endpoint_url, config=config)
            caller = session.client("sts", endpoint_url=self.endpoint_url, config=config).get_caller_identity()
        partition = caller["Arn"].split(":")[1]
        arn = f"arn:{partition}:states:{sfn.meta.region_name}:{caller['Account']}:stateMachine:{self.stack}"
        return Machine(sfn, arn)

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
