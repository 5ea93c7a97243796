"""What the suite stands on: the package as `make package` makes it, for the processor of this machine."""

import pytest

from redrive_cli.stack import product
from redrive_cli.stack.folder import build_folder


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The folder to deploy, for x86_64."""
    target = tmp_path_factory.mktemp("package") / "x86_64"
    build_folder(product.template(), target, "x86_64")
    return target
