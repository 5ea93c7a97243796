"""Redrive's stack on an AWS on this machine: what `redrive local`, `redrive demo` and the tests stand on."""

from __future__ import annotations

import contextlib
import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redrive_cli.stack import product
from redrive_cli.stack.deploy import deploy
from redrive_cli.stack.product import STACK
from redrive_embedded import ACCOUNT, REGION, EmbeddedAws, EmbeddedAwsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_EVERY_QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:*"
_NEEDED = ("ministack", "samtranslator")


@dataclass(frozen=True)
class LocalStack:
    """Redrive, deployed on an embedded AWS of its own."""

    aws: EmbeddedAws
    state_machine: str
    bucket: str

    @property
    def endpoint(self) -> str:
        """The address that every client speaks to."""
        return self.aws.endpoint

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point the AWS command line, boto3 and `redrive` at it, with the credentials it takes."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": self.aws.region,
            **self.aws.credentials,
        }

    def client(self, service: str) -> Any:
        """A boto3 client of this AWS."""
        return self.aws.client(service)

    def to_json(self) -> dict[str, str]:
        """What a program must know to use it."""
        return {
            "endpoint": self.endpoint,
            "region": self.aws.region,
            "account": self.aws.account,
            "state_machine": self.state_machine,
            "bucket": self.bucket,
            "stack": STACK,
            **{name.removeprefix("AWS_").lower(): value for name, value in self.aws.credentials.items()},
        }


@contextlib.contextmanager
def local_stack(port: int = 0, parameters: Mapping[str, str] | None = None) -> Iterator[LocalStack]:
    """Start an embedded AWS, deploy Redrive on it with every queue allowed; it ends with the block.

    `port=0` takes a free port; `parameters` are more of the template's. Raises EmbeddedAwsError when it cannot
    run, and CliError when the template cannot be deployed.
    """
    with local_aws(port) as aws:
        yield install(aws, parameters)


def local_aws(port: int = 0) -> EmbeddedAws:
    """An embedded AWS, to be started with `with`. Raises EmbeddedAwsError when its packages are not installed."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise EmbeddedAwsError(
            f"The embedded AWS is not installed: {' and '.join(missing)} cannot be found.",
            'Install the tool with its extra: pip install "redrive[local]"',
        )
    return EmbeddedAws(port)


def install(aws: EmbeddedAws, parameters: Mapping[str, str] | None = None) -> LocalStack:
    """Deploy Redrive on a running embedded AWS. Raises CliError."""
    allowed = {"DeadLetterQueueArns": _EVERY_QUEUE, "DestinationQueueArns": _EVERY_QUEUE}
    outputs = deploy(aws.client, product.template(), STACK, {**allowed, **(parameters or {})})
    return LocalStack(aws, outputs["StateMachineArn"], outputs["Bucket"])
