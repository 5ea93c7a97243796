"""What AWS answers when it does not do what was asked, in one sentence and a hint."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from botocore import exceptions

from redrive_cli.errors import CliError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def aws_errors() -> Iterator[None]:
    """Turn what boto3 raises into an CliError: one sentence, and a hint."""
    try:
        yield
    except exceptions.ClientError as error:
        raise _refused(error) from error
    except exceptions.BotoCoreError as error:
        raise _unable(error) from error


def _refused(error: exceptions.ClientError) -> CliError:
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    match code:
        case "StateMachineDoesNotExist":
            return CliError(
                "There is no such stack in this account and Region.",
                "Name it with --stack, its Region with --region, or deploy it first: the README says how.",
            )
        case "ExecutionDoesNotExist":
            return CliError(
                "There is no such execution in this account and Region.",
                "`redrive history` without a name shows the most recent one; AWS keeps 90 days.",
            )
        case "AccessDenied" | "AccessDeniedException":
            return CliError(
                f"AWS denies it: {message.rstrip('.')}.",
                "The README lists the permissions that each command needs.",
            )
        case "ExpiredToken" | "ExpiredTokenException":
            return CliError("The credentials have expired.", "Sign in again, as in: aws sso login")
        case "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch":
            return CliError("AWS does not know these credentials.", "Check --profile, or sign in again.")
    return CliError(
        f"AWS refuses {error.operation_name}: {message.rstrip('.') or code}.", "Correct that, and run it again."
    )


def _unable(error: exceptions.BotoCoreError) -> CliError:
    match error:
        case exceptions.NoCredentialsError() | exceptions.PartialCredentialsError():
            return CliError(
                "There are no AWS credentials.",
                "Name a profile with --profile, or sign in; `redrive local` takes any: "
                "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test",
            )
        case exceptions.ProfileNotFound():
            return CliError(f"{error}.", "`aws configure list-profiles` lists them.")
        case exceptions.NoRegionError():
            return CliError("No AWS Region is chosen.", "Name it with --region, or set AWS_DEFAULT_REGION.")
        case exceptions.ConnectionError() | exceptions.HTTPClientError():
            return CliError(
                f"{error.kwargs.get('endpoint_url', 'The endpoint')} cannot be reached.",
                "Check --endpoint-url (is `redrive local` running?), --region and the network.",
            )
    return CliError(f"{str(error).rstrip('.')}.", "Check --profile and --region, or sign in: aws sso login")
