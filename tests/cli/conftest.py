"""The command line as a user has it: a process of its own, its stdout and stderr in pipes."""

import os
import signal
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-m", "redrive_cli"]


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """An environment without anything of AWS in it, neither in variables nor in files."""
    nowhere = tmp_path_factory.mktemp("no-aws")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "REDRIVE_"))}
    return {
        **kept,
        "AWS_CONFIG_FILE": str(nowhere / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(nowhere / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture(scope="session")
def redrive(environment):
    """Run a command in an empty AWS environment: `redrive("show", AWS_DEFAULT_REGION="us-east-1")`."""

    def run(*words, **variables):
        return subprocess.run(
            [*COMMAND, *words],
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def on_embedded(embedded, redrive):
    """Run a command on the embedded AWS."""
    return lambda *words, **variables: redrive(*words, **embedded.environment, **variables)


@pytest.fixture
def start(environment):
    """Start a command and let it run; it is killed after the test."""
    started = []

    def begin(*words, **variables):
        process = subprocess.Popen(
            [*COMMAND, *words],
            env={**environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Also where the tests themselves run with Ctrl-C ignored, as a shell's background jobs do.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509  no threads here
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()
