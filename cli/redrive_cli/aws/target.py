"""The target: which stack, and where it is."""

from __future__ import annotations

import difflib
import functools
import json
import os
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.utils import is_valid_endpoint_url, is_valid_ipv6_endpoint_url

from redrive.stores.ledger import Ledger
from redrive_cli.aws.errors import CORRECT_IT, aws_errors, no_aws
from redrive_cli.aws.executions import Machine
from redrive_cli.errors import CliError
from redrive_cli.stack.product import STACK

if TYPE_CHECKING:
    from redrive.values.run import End

_SURE = 3  # of a queue's name, the first characters: those that are likely right
_QUEUES = 1_000  # that one call lists
_NEAR = 0.75  # of 1.0, what difflib calls the same
# What is not the service's name in capitals, in the variable AWS_ENDPOINT_URL_….
_IDS = {"stepfunctions": "SFN", "events": "EVENTBRIDGE"}
# A few attempts: an endpoint that is not there should be said soon. Objects are fetched side by side.
PATIENT = Config(
    retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=5, read_timeout=30, max_pool_connections=16
)
QUICK = Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=2)  # for who would not wait
_WHERE_CREDENTIALS_ARE = (
    "Correct the variables AWS_…, or the profile in ~/.aws/config or ~/.aws/credentials; --profile names another."
)


@dataclass(frozen=True)
class Target:
    """Which stack, and where. None leaves it to the AWS configuration."""

    stack: str
    endpoint_url: str | None
    region: str | None
    profile: str | None

    def machine(self, config: Config = PATIENT) -> Machine:
        """Find the stack's state machine, which has its name, in the caller's account and Region. Raises CliError."""
        with aws_errors():
            sfn, sts = self.client("stepfunctions", config), self.client("sts", config)
            caller = sts.get_caller_identity()
        if not str(caller.get("Arn", "")).startswith("arn:"):
            raise no_aws(sts.meta.endpoint_url)
        partition = caller["Arn"].split(":")[1]
        arn = f"arn:{partition}:states:{sfn.meta.region_name}:{caller['Account']}:stateMachine:{self.stack}"
        return Machine(sfn, arn, caller["Arn"])

    def queue_like(self, name: str) -> str | None:
        """Find the queue that a misspelt name may mean; None when none is near, or the caller may not list them."""
        try:
            sqs = self.client("sqs")
            for prefix in (name[:_SURE], ""):
                named = {"QueueNamePrefix": prefix} if prefix else {}
                urls: list[str] = sqs.list_queues(**named, MaxResults=_QUEUES).get("QueueUrls", [])
                found = {url.rsplit("/", 1)[-1].lower(): url.rsplit("/", 1)[-1] for url in urls}
                if near := difflib.get_close_matches(name.lower(), found, n=1, cutoff=_NEAR):
                    return found[near[0]]
        except (BotoCoreError, ClientError, CliError):
            pass
        return None

    def clean_up(self, end: End) -> None:
        """Have the stack's clean-up do what an execution that ended without a summary could not.

        EventBridge tells it of each such end, but on a best-effort basis; to be told twice does no harm. Where the
        caller may not, the next run at the queue does it.
        """
        try:
            function = self.resource("CleanupFunction")
            event = json.dumps(end.to_event())
            self.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=event)
        except (BotoCoreError, ClientError, CliError):
            return

    def resource(self, logical_id: str) -> str:
        """Give the name of one of the stack's resources, as in `Bucket`. Raises botocore's errors."""
        found = self.client("cloudformation").describe_stack_resource(
            StackName=self.stack, LogicalResourceId=logical_id
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def ledger(self, run: str = "") -> Ledger:
        """Give the ledger of a run, `<day>/<name>`, in the stack's bucket. Raises CliError."""
        with aws_errors():
            return Ledger(self.client("s3"), self.resource("Bucket"), run)

    def client(self, service: str, config: Config = PATIENT) -> Any:
        """A client of this target. Raises CliError, and botocore's errors."""
        check_endpoint("--endpoint-url", self.endpoint_url)
        if self.endpoint_url is None:
            for name in (f"AWS_ENDPOINT_URL_{_IDS.get(service, service.upper())}", "AWS_ENDPOINT_URL"):
                check_endpoint(name, os.environ.get(name) or None)
        try:
            return self._session.client(service, endpoint_url=self.endpoint_url, config=config)  # type: ignore[call-overload]
        except (BotoCoreError, CliError):
            raise
        except Exception as error:  # settings are many, and botocore lets out whatever is wrong with one as it is
            raise CliError(f"The AWS settings cannot be used: {error}.", CORRECT_IT) from error

    @functools.cached_property
    def _session(self) -> boto3.Session:
        # boto3 reads AWS_DEFAULT_REGION only; AWS's other tools AWS_REGION, and it first.
        region = self.region or os.environ.get("AWS_REGION")
        session = boto3.Session(profile_name=self.profile, region_name=region)
        if session.region_name and not re.fullmatch(r"[a-z0-9-]+", session.region_name):
            raise CliError(f"{session.region_name!r} is no AWS Region.", "Write one such as us-east-1.")
        self._check_credentials(session)
        return session

    def _check_credentials(self, session: boto3.Session) -> None:
        """Read the credentials now: what is wrong with them would else come out of anything that uses them."""
        of = f" of the profile {session.profile_name}" if session.profile_name != "default" else ""
        try:
            found = session.get_credentials()
            keys = found.get_frozen_credentials() if found else None
        except BotoCoreError:
            raise
        except Exception as error:  # a program's answer, a file, an address: botocore lets out what is wrong as it is
            raise CliError(f"The AWS credentials{of} cannot be read: {_why(error)}.", _WHERE_CREDENTIALS_ARE) from error
        if keys is None:
            raise NoCredentialsError
        for key in (keys.access_key, keys.secret_key, keys.token):
            if key is not None and not (isinstance(key, str) and re.fullmatch(r"[!-~]+", key)):
                raise CliError(
                    f"The AWS credentials{of} are no keys: there is a space, the end of a line or the like in one.",
                    _WHERE_CREDENTIALS_ARE,
                )

    def redrive(self, command: str, *words: str) -> str:
        """A `redrive` command on the same target, to type."""
        stack = [] if self.stack == STACK else _option("--stack", self.stack)
        options = [*stack, *self._where()]
        if any(word.startswith("-") for word in words):  # else it would be read as an option
            return shlex.join(["redrive", command, *options, "--", *words])
        return shlex.join(["redrive", command, *words, *options])

    def _where(self) -> list[str]:
        options = {"--endpoint-url": self.endpoint_url, "--region": self.region, "--profile": self.profile}
        return [word for flag, value in options.items() if value for word in _option(flag, value)]


def _why(error: Exception) -> str:
    """Why credentials cannot be read. botocore trusts a program to print what it should."""
    if isinstance(error, json.JSONDecodeError | AttributeError | TypeError | LookupError):
        return "`credential_process` does not print the JSON that it must"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error).rstrip(".")


def check_endpoint(source: str, url: str | None) -> None:
    """Raise CliError when `url`, which stands in `source`, is nothing that boto3 can speak to."""
    if url is None or is_endpoint(url):
        return
    wrong, hint = f"{source}: {url!r} is no address", "Write it whole, as in: http://127.0.0.1:4566"
    if "//" not in url and is_endpoint(f"http://{url}"):
        raise CliError(f"{wrong}: http:// or https:// is missing.", f"Did you mean http://{url}?")
    if is_endpoint(url.replace("_", "-")):
        raise CliError(
            f"{wrong}: boto3 takes no host with an underscore in its name.",
            "Give the host another name (in Docker Compose, a network alias), or write its IP address.",
        )
    raise CliError(f"{wrong}.", hint)


def is_endpoint(url: str) -> bool:
    """Whether boto3 takes it as an endpoint, and can reach one."""
    try:
        parts = urlsplit(url)
        told = parts.scheme in {"http", "https"} and (parts.port is None or parts.port > 0)
        return told and url.isprintable() and (is_valid_endpoint_url(url) or is_valid_ipv6_endpoint_url(url))
    except ValueError:
        return False


def _option(flag: str, value: str) -> list[str]:
    return [f"{flag}={value}"] if value.startswith("-") else [flag, value]
