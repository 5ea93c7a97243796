"""What every suite may use: one embedded AWS with Redrive deployed on it, for the whole session."""

import pytest

from redrive_cli.stack.local import local_stack


def pytest_addoption(parser):
    parser.addoption(
        "--sfn-endpoint",
        metavar="URL",
        help="run the state machine's path tests on the stack that is deployed there ('aws' for AWS itself)",
    )


@pytest.fixture(scope="session")
def embedded():
    """A `LocalStack`: `.client(service)`, `.endpoint`, `.state_machine`, `.bucket`, `.environment`."""
    with local_stack() as stack:
        yield stack
