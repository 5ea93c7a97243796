"""One AWS with our gap fillers and one plain ministack, for the whole session; both wait half as long."""

import pytest

from redrive_embedded import EmbeddedAws


@pytest.fixture(scope="session")
def aws():
    with EmbeddedAws(wait_scale=0.5) as running:
        yield running


@pytest.fixture(scope="session")
def plain():
    """ministack as it is: what a `test_upstream_still_…` test looks at."""
    with EmbeddedAws(wait_scale=0.5, plain=True) as running:
        yield running
