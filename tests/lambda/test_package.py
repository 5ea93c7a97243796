"""The folder of `make package` is what Lambda can run: every file for its Python and its processor."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

from redrive_cli.errors import CliError
from redrive_cli.stack import folder, product
from redrive_cli.stack.folder import build_folder
from support import python313

pytestmark = pytest.mark.sandbox

REPOSITORY = Path(__file__).parents[2]
TEMPLATE = yaml_parse((REPOSITORY / "template.yaml").read_text())
AARCH64 = 183  # in the field `e_machine` of an ELF file's header (ELF for the Arm 64-bit architecture, 4.3)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """What a user makes: `make package`, in a checkout and with no more than a Python that has pip."""
    checkout = tmp_path_factory.mktemp("checkout")
    for name in ("Makefile", "template.yaml"):
        shutil.copy(REPOSITORY / name, checkout)
    for name in ("cli", "functions", "statemachine"):
        shutil.copytree(REPOSITORY / name, checkout / name)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    made = subprocess.run(
        ["make", "package", f"PYTHON={sys.executable}"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return checkout / "build" / "package"


def test_what_is_compiled_is_for_lambdas_python_and_processor(deployed):
    assert TEMPLATE["Globals"]["Function"]["Architectures"] == ["arm64"]
    compiled = list(deployed.rglob("*.so"))
    assert compiled  # pydantic-core's
    for file in compiled:
        assert ".cpython-313-aarch64-" in file.name
        assert int.from_bytes(file.read_bytes()[18:20], "little") == AARCH64


def test_the_template_of_the_folder_says_the_same_and_names_what_is_there(deployed):
    found = yaml_parse((deployed / "template.yaml").read_text())
    functions = {
        name: resource["Properties"]
        for name, resource in found["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    # `aws cloudformation package` looks for it at each function only.
    assert {properties.pop("CodeUri") for properties in functions.values()} == {"functions/"}
    for properties in functions.values():
        module, _, _ = properties["Handler"].partition(".")
        assert (deployed / "functions" / f"{module}.py").is_file()
    assert (deployed / found["Resources"]["StateMachine"]["Properties"]["DefinitionUri"]).is_file()
    found["Globals"]["Function"]["CodeUri"] = "functions/"
    assert found == TEMPLATE


def test_the_folder_holds_no_noise_and_nothing_of_the_runtime(deployed):
    names = {path.relative_to(deployed / "functions") for path in (deployed / "functions").rglob("*")}
    assert not [name for name in names if {"__pycache__", "tests", "bin", "RECORD"}.intersection(name.parts)]
    assert not {name.parts[0] for name in names} & {"boto3", "botocore", "jmespath", "urllib3"}


def test_every_handler_imports_on_lambdas_python(package, runtime):
    python = python313.needed() / "bin" / "python3.13"
    handlers = re.findall(r"Handler: (\w+)\.handler", (package / "template.yaml").read_text())
    assert len(handlers) >= 11
    script = (
        "import importlib, sys\n"
        f"sys.path[:0] = [{str(package / 'functions')!r}, {str(runtime)!r}]\n"
        "assert sys.version_info[:2] == (3, 13)\n"
        f"for name in {handlers!r}: assert callable(importlib.import_module(name).handler), name\n"
        "import pydantic_core, redrive, redrive.expressions.jsonata\n"
        f"for module in (pydantic_core, redrive): assert module.__file__.startswith({str(package)!r}), module\n"
    )
    imported = subprocess.run([python, "-I", "-S", "-c", script], env={}, capture_output=True, text=True, check=False)
    assert imported.returncode == 0, imported.stderr


def test_what_is_there_already_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("text")
    with pytest.raises(CliError, match="exists already"):
        build_folder(product.template(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_dependency_that_has_no_wheel_is_told(tmp_path):
    with pytest.raises(CliError, match=r"pip could not get the functions' dependencies for Python 3\.13 on arm64"):
        folder._fetch({"nothing": f"{tmp_path}/nothing.whl"}, tmp_path / "functions", "3.13", "arm64")
