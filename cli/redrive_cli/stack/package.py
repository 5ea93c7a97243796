"""The functions' package: handlers, library and dependencies in one zip, the same bytes for the same content.

This one is for the embedded AWS, which runs the functions with the Python that it runs in itself: the dependencies are
that Python's own, and no network is needed. `folder` makes what Lambda runs.
"""

from __future__ import annotations

import importlib.metadata
import io
import zipfile
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from redrive_cli.errors import CliError

if TYPE_CHECKING:
    from collections.abc import Iterator

# In every Python runtime of Lambda beside boto3, and left out of the package for that.
_IN_THE_RUNTIME = {"boto3", "botocore", "s3transfer", "jmespath", "urllib3", "python-dateutil", "six"}
_NOISE_FOLDERS = {"__pycache__", "tests", "test"}
_NOISE_FILES = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say: the same content gives the same bytes


def build_package(functions: Path, target: Path) -> Path:
    """Zip the handlers, the library and their run-time dependencies to `target`; answers `target`.

    The dependencies are those that `functions/requirements.txt` lists, copied from this Python's installed
    distributions. Raises CliError when one is not installed.
    """
    target.write_bytes(package_bytes(functions))
    return target


def package_bytes(functions: Path) -> bytes:
    """Give the package's bytes; see `build_package`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name, path in sorted(_package_files(functions)):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            package.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=6)
    return buffer.getvalue()


def own_files(functions: Path) -> Iterator[tuple[str, Path]]:
    """Name in a package and file of each handler and of the library, and the page that a report is made of."""
    for path in (*functions.rglob("*.py"), *functions.rglob("*.html")):
        name = path.relative_to(functions)
        if not is_noise(name):
            yield name.as_posix(), path


def requirements(functions: Path) -> dict[str, str]:
    """What goes into a package beside them: name → its line (`name==version`) in `functions/requirements.txt`."""
    compiled = (functions / "requirements.txt").read_text()
    lines = [line for line in (line.partition("#")[0].strip() for line in compiled.splitlines()) if line]
    pinned = {line.partition("==")[0].strip().lower(): line for line in lines}
    return {name: line for name, line in pinned.items() if name not in _IN_THE_RUNTIME}


def is_noise(name: PurePath) -> bool:
    """Whether a file of a distribution is of no use at run time."""
    return bool(_NOISE_FOLDERS.intersection(name.parts)) or name.name in _NOISE_FILES


def _package_files(functions: Path) -> Iterator[tuple[str, Path]]:
    yield from own_files(functions)
    for name in requirements(functions):
        yield from _distribution_files(name)


def _distribution_files(name: str) -> Iterator[tuple[str, Path]]:
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise CliError(
            f"The functions need {name}, which is not installed beside this tool.",
            'Install the tool with its extra: pip install "redrive[local]"',
        ) from None
    for file in distribution.files or []:
        outside = ".." in file.parts or file.is_absolute()
        if outside or is_noise(file):
            continue
        yield file.as_posix(), Path(str(file.locate()))
