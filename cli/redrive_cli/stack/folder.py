"""The product as a folder that `sam deploy` or `aws cloudformation package` takes as it is: no build, no Docker.

    template.yaml
    statemachine/    the machine
    functions/       handlers, library, and their dependencies as wheels of the Python and the processor in the template

`make package` makes it with nothing but this Python and its pip: pip fetches wheels of another Python than its own.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

from redrive_cli.errors import CliError
from redrive_cli.stack import product
from redrive_cli.stack.package import is_noise, own_files, requirements

# What the wheels of a processor of Lambda's are called. Amazon Linux 2023 has glibc 2.34, and so takes those for 2.17.
_PLATFORMS = {"arm64": "manylinux2014_aarch64", "x86_64": "manylinux2014_x86_64"}
_RUNTIME = re.compile(r"^ +Runtime: python(3\.\d+)$", re.MULTILINE)
_ARCHITECTURES = re.compile(r"^( +Architectures: )\[(\w+)\]$", re.MULTILINE)
_CODE = re.compile(r"^ +CodeUri: functions/\n", re.MULTILINE)
_HANDLER = re.compile(r"^( +)Handler: .+\n", re.MULTILINE)


def build_folder(template: Path, target: Path, architecture: str = "") -> None:
    """Build `target` from the template and what lies beside it, for the template's architecture or another of Lambda's.

    Raises CliError when there is something in the way, or pip cannot get the dependencies.
    """
    if target.exists():
        raise CliError(f"{target} exists already.", "Remove it, or name another folder.")
    text = template.read_text()
    python, own = _RUNTIME.search(text), _ARCHITECTURES.search(text)
    assert python, "the template names the runtime"
    assert own, "the template names the architecture"
    architecture = architecture or own[2]
    functions = target / "functions"
    _fetch(requirements(template.parent / "functions"), functions, python[1], architecture)
    for name, path in own_files(template.parent / "functions"):
        (functions / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, functions / name)
    machine = Path("statemachine", "redrive.asl.json")
    (target / machine).parent.mkdir()
    shutil.copyfile(template.parent / machine, target / machine)
    text = _ARCHITECTURES.sub(rf"\1[{architecture}]", text)
    # `aws cloudformation package` does not see it under Globals, and would upload the whole folder for each function.
    text = _HANDLER.sub(r"\g<0>\1CodeUri: functions/\n", _CODE.sub("", text))
    (target / "template.yaml").write_text(text)


def _fetch(dependencies: dict[str, str], target: Path, python: str, architecture: str) -> None:
    """Let pip put the wheels' files into `target`, without what is of no use at run time."""
    wanted = ["--platform", _PLATFORMS[architecture], "--python-version", python, "--implementation", "cp"]
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "install",
        "--no-deps",
        "--no-compile",
    ]
    command = [*pip, "--only-binary=:all:", *wanted, "--target", str(target), *dependencies.values()]
    if subprocess.run(command, check=False).returncode:  # noqa: S603  pip, on pins of ours
        raise CliError(
            f"pip could not get the functions' dependencies for Python {python} on {architecture}.",
            f"See above why; {sys.executable} needs pip (python -m ensurepip), and pip the package index.",
        )
    shutil.rmtree(target / "bin", ignore_errors=True)  # commands
    for path in [path for path in target.rglob("*") if is_noise(path.relative_to(target))]:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def main() -> None:
    """Build the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Build the folder that `sam deploy` deploys.")
    parser.add_argument("target", type=Path)
    parser.add_argument("--architecture", choices=_PLATFORMS, default="", help="instead of the template's")
    options = parser.parse_args()
    try:
        build_folder(product.template(), options.target, options.architecture)
    except CliError as error:
        sys.exit(f"{error}\nhint: {error.hint}")
    print(f"ready for: sam deploy --guided --template-file {options.target}/template.yaml")


if __name__ == "__main__":
    main()
