"""What AWS answers when it does not do what was asked, in one sentence and a hint."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from botocore import exceptions
from botocore.parsers import ResponseParserError

from redrive_cli.errors import CliError

if TYPE_CHECKING:
    from collections.abc import Iterator


_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
CORRECT_IT = "Correct it in the environment or in ~/.aws/config; --profile names another profile."


@contextlib.contextmanager
def aws_errors(asked: str = "") -> Iterator[None]:
    """Turn what boto3 raises into a CliError: one sentence, and a hint.

    `asked` is the ARN of the state machine or of the execution that is asked about.
    """
    try:
        yield
    except exceptions.ClientError as error:
        raise _refused(error, asked) from error
    except exceptions.BotoCoreError as error:
        raise _unable(error) from error
    except ResponseParserError as error:  # the one that is no BotoCoreError
        raise no_aws("The endpoint") from error


def no_aws(endpoint: str) -> CliError:
    """Say that whatever answers there is no AWS."""
    proxies = "".join(f", and {name}, which is set" for name in _proxies())
    return CliError(f"{endpoint} does not answer as AWS does.", f"Check --endpoint-url{proxies}.")


def _refused(error: exceptions.ClientError, asked: str) -> CliError:
    answer = error.response.get("Error", {})
    code, message = str(answer.get("Code", "")), str(answer.get("Message", ""))
    _, _, _, region, account, _, stack, *execution = [*asked.split(":"), *[""] * 7][:8]
    match code:
        case "StateMachineDoesNotExist":
            return CliError(
                f"There is no stack {stack} in {region}, account {account}.",
                "Name it with --stack, its Region with --region, or deploy it first: docs/install.md says how.",
            )
        case "ExecutionDoesNotExist":
            return CliError(
                f"There is no execution {''.join(execution)} of the stack {stack} in {region}, account {account}.",
                "`redrive runs` lists those there were; AWS keeps an execution for 90 days.",
            )
        case "AccessDenied" | "AccessDeniedException":
            return CliError(
                f"AWS denies it: {message.rstrip('.')}.", "Ask for this permission, or name another --profile."
            )
        case "ExpiredToken" | "ExpiredTokenException":
            return CliError("The credentials have expired.", "Sign in again, as in: aws sso login")
        case "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch":
            return CliError(
                "AWS does not know these credentials.",
                "Check --profile, or sign in again; `redrive local` takes only what it printed.",
            )
    if not code or code.isdigit():  # botocore's, when all it has is an HTTP status
        return no_aws("The endpoint")
    return CliError(
        f"AWS refuses {error.operation_name}: {message.rstrip('.') or code}.", "Correct that, and run it again."
    )


def _unable(error: exceptions.BotoCoreError) -> CliError:
    match error:
        case exceptions.NoCredentialsError() | exceptions.PartialCredentialsError():
            return CliError(
                "There are no AWS credentials.",
                "Name a profile with --profile, or sign in; for `redrive local`, export what it printed.",
            )
        case exceptions.ProfileNotFound():
            return CliError(f"{error}.", "`aws configure list-profiles` lists them.")
        case exceptions.NoRegionError():
            return CliError("No AWS Region is chosen.", "Name it with --region, or set AWS_REGION.")
        case exceptions.ProxyConnectionError():
            return CliError(
                f"The proxy {error.kwargs['proxy_url'].rpartition('@')[2]} cannot be reached.",  # not its password
                f"Correct or unset {' and '.join(_proxies()) or 'it'}, or set NO_PROXY to the hosts that need none.",
            )
        case exceptions.EndpointConnectionError() | exceptions.ConnectTimeoutError() | exceptions.SSLError():
            return CliError(
                f"{error.kwargs['endpoint_url']} cannot be reached.",
                "Check --endpoint-url (is `redrive local` running?), --region and the network.",
            )
        case exceptions.ConnectionError() | exceptions.HTTPClientError():
            proxies = "".join(f", {name}, which is set," for name in _proxies())
            return CliError(
                f"The endpoint cannot be asked: {str(error.kwargs.get('error') or error).rstrip('.')}.",
                f"Check --endpoint-url (is `redrive local` running?), --region{proxies} and the network.",
            )
        case exceptions.CredentialRetrievalError():
            why = str(error.kwargs.get("error_msg") or "").strip().rstrip(".") or "it failed, and said nothing"
            return CliError(f"The credentials cannot be had from {error.kwargs.get('provider')}: {why}.", CORRECT_IT)
        case exceptions.SSOError() | exceptions.SSOTokenLoadError() | exceptions.TokenRetrievalError():
            return CliError(f"{str(error).rstrip('.')}.", "Sign in again, as in: aws sso login")
    return CliError(f"{str(error).rstrip('.')}.", CORRECT_IT)


def _proxies() -> list[str]:
    """The variables that name a proxy, as they are spelt here."""
    return [name for name in os.environ if name.upper() in _PROXIES and os.environ[name]]
