"""The functions' package: handlers, library and dependencies in one zip, the same bytes for the same content."""

from __future__ import annotations

import importlib.metadata
import io
import zipfile
from pathlib import Path
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


def _package_files(functions: Path) -> Iterator[tuple[str, Path]]:
    """Name in the package and file of each of its files."""
    for path in functions.rglob("*.py"):
        name = path.relative_to(functions)
        if not _NOISE_FOLDERS.intersection(name.parts):
            yield name.as_posix(), path
    for requirement in _requirements(functions / "requirements.txt"):
        if requirement not in _IN_THE_RUNTIME:
            yield from _distribution_files(requirement)


def _requirements(compiled: Path) -> list[str]:
    """The distribution names of a compiled requirements file: `name==version` lines and comments."""
    lines = (line.partition("#")[0].strip() for line in compiled.read_text().splitlines())
    return [line.partition("==")[0].strip().lower() for line in lines if line]


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
        if outside or _NOISE_FOLDERS.intersection(file.parts) or file.name in _NOISE_FILES:
            continue
        yield file.as_posix(), Path(str(file.locate()))
