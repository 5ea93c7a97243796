"""Deploy the template: what `sam deploy` does, without Docker, network or an AWS account."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any, TypeAlias

from redrive_cli.errors import CliError
from redrive_cli.stack.package import package_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

ClientFactory: TypeAlias = "Callable[[str], Any]"
Json: TypeAlias = dict[str, Any]

LONGEST_STACK = 80  # characters of a state machine's name (Step Functions API, CreateStateMachine)
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


def deploy(
    client: ClientFactory,
    template: Path,
    stack: str,
    parameters: Mapping[str, str] | None = None,
    *,
    poll_seconds: float = 0.2,
) -> dict[str, str]:
    """Create the stack, or update it; answers its outputs once it stands.

    `client` makes a boto3 client of a service: `EmbeddedAws.client`, or a boto3 session's. Code and state
    machine definitions that the template names as local paths are uploaded first, to a bucket that is made
    for it. Raises CliError with the reason of the first resource that failed.
    """
    if len(stack) > LONGEST_STACK:
        raise CliError(
            f"The stack name {stack} has {len(stack)} characters, and its state machine, which has the same name, "
            f"at most {LONGEST_STACK}.",
            "Choose a shorter name.",
        )
    artifacts = _Artifacts(client)
    body = json.dumps(_with_uploaded_artifacts(_read_template(template), template.parent, artifacts))
    cloudformation = client("cloudformation")
    request = {
        "StackName": stack,
        "TemplateBody": body,
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in (parameters or {}).items()],
        "Capabilities": _CAPABILITIES,
    }
    if _create_or_update(cloudformation, request):
        _wait(cloudformation, stack, poll_seconds)
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


class _Artifacts:
    """The bucket that code and definitions are deployed from. Keys are content hashes: new code, new key."""

    def __init__(self, client: ClientFactory) -> None:
        self._s3 = client("s3")
        account = client("sts").get_caller_identity()["Account"]
        self._region = self._s3.meta.region_name
        # One for all stacks: with a stack's name in it, it could be longer than a bucket's name may be.
        self._bucket = f"redrive-artifacts-{account}-{self._region}"
        self._made = False

    def upload(self, content: bytes, suffix: str) -> Json:
        """Upload; answers SAM's location, `{"Bucket": …, "Key": …}`."""
        if not self._made:
            self._make_bucket()
        key = hashlib.sha256(content).hexdigest() + suffix
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content)
        return {"Bucket": self._bucket, "Key": key}

    def _make_bucket(self) -> None:
        owned = {bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]}
        if self._bucket not in owned:
            place = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
            self._s3.create_bucket(Bucket=self._bucket, **({} if self._region == "us-east-1" else place))
        self._made = True


def _read_template(path: Path) -> Json:
    """The template as plain JSON, CloudFormation's short tags (`!Ref`) in their long form."""
    from samtranslator import yaml_helper  # noqa: PLC0415  slow to import

    parse: Any = yaml_helper.yaml_parse
    template: Json = json.loads(json.dumps(parse(path.read_text()), default=str))
    return template


def _with_uploaded_artifacts(template: Json, root: Path, artifacts: _Artifacts) -> Json:
    """The template with every local `CodeUri` and `DefinitionUri` replaced by where it was uploaded to."""
    holders = [resource.get("Properties", {}) for resource in template["Resources"].values()]
    holders += list(template.get("Globals", {}).values())
    uploaded: dict[str, Json] = {}
    for holder in holders:
        for name in ("CodeUri", "DefinitionUri"):
            local = holder.get(name)
            if not isinstance(local, str) or local.startswith("s3://"):
                continue
            if local not in uploaded:
                uploaded[local] = artifacts.upload(*_artifact(root / local))
            holder[name] = uploaded[local]
    return template


def _artifact(path: Path) -> tuple[bytes, str]:
    """Content and key suffix: of a folder its package, of a file the file."""
    if path.is_dir():
        return package_bytes(path), ".zip"
    return path.read_bytes(), path.suffix


def _create_or_update(cloudformation: Any, request: Json) -> bool:
    """Start creating or updating the stack; False when it is as the template says already."""
    error = cloudformation.exceptions.ClientError
    try:
        cloudformation.create_stack(**request)
    except cloudformation.exceptions.AlreadyExistsException:
        try:
            cloudformation.update_stack(**request)
        except error as refused:
            if "No updates are to be performed" in str(refused):
                return False
            raise _refused(request["StackName"], refused) from refused
    except error as refused:
        raise _refused(request["StackName"], refused) from refused
    return True


def _refused(stack: str, refused: Any) -> CliError:
    return CliError(
        f"CloudFormation refused the stack {stack}: {refused.response['Error']['Message']}",
        "Check the template and its parameters.",
    )


def _wait(cloudformation: Any, stack: str, poll_seconds: float) -> None:
    """Wait until the stack stands. Raises CliError when it does not."""
    status = "IN_PROGRESS"
    while status.endswith("IN_PROGRESS"):
        time.sleep(poll_seconds)
        status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise CliError(
            f"The stack {stack} ended as {status}: {_first_failure(cloudformation, stack)}",
            "Correct the template or its parameters, delete the stack and deploy again.",
        )


def _first_failure(cloudformation: Any, stack: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]  # newest first
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    if not failed:
        return "no resource says why"
    first = failed[-1]
    return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', 'no reason given')}"
