"""The package holds what the functions need and nothing else; the stack is what the template says."""

import json
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from redrive_cli.errors import CliError
from redrive_cli.stack.deploy import deploy
from redrive_cli.stack.package import build_package
from support.embedded import ended, unique
from support.engine import eventually

REPOSITORY = Path(__file__).parents[2]
FUNCTIONS = REPOSITORY / "functions"
IN_THE_RUNTIME = ["boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six.py"]

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Queues: {Type: CommaDelimitedList, Default: "first,second"}
  Greeting: {Type: String, Default: hello, AllowedPattern: "[a-z]+"}
Conditions:
  HasQueues: !Not [!Equals [!Join ["", !Ref Queues], ""]]
Globals:
  Function:
    CodeUri: functions/
    Runtime: python3.13
    Environment: {Variables: {GREETING: !Ref Greeting, FIRST: !If [HasQueues, !Select [0, !Ref Queues], none]}}
Resources:
  HelloFunction: {Type: AWS::Serverless::Function, Properties: {Handler: hello.handler}}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.json
      DefinitionSubstitutions: {HelloFunction: !GetAtt HelloFunction.Arn}
      Role: !Sub "arn:aws:iam::${AWS::AccountId}:role/any"
Outputs:
  Machine: {Value: !Ref Machine}
"""
HANDLER = """
import os
from lib import words
def handler(event, context):
    return [words.WORD, os.environ["GREETING"], os.environ["FIRST"]]
"""
MACHINE = {"StartAt": "Say", "States": {"Say": {"Type": "Task", "Resource": "${HelloFunction}", "End": True}}}


@pytest.fixture
def product(tmp_path):
    """A small template with a function, a library and a state machine; answers the template's path."""
    library = tmp_path / "functions" / "lib"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("")
    (library / "words.py").write_text("WORD = 'first'\n")
    (tmp_path / "functions" / "hello.py").write_text(HANDLER)
    (tmp_path / "functions" / "requirements.txt").write_text("# none\n")
    (tmp_path / "machine.asl.json").write_text(json.dumps(MACHINE))
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    return template


def said(aws, outputs):
    sfn = aws.client("stepfunctions")
    return ended(aws, sfn.start_execution(stateMachineArn=outputs["Machine"])["executionArn"])["output"]


def test_a_stack_is_deployed_left_alone_and_updated(aws, product):
    stack = unique("stack")
    outputs = deploy(aws.client, product, stack, {"Queues": "one,two"})
    assert said(aws, outputs) == ["first", "hello", "one"]
    assert deploy(aws.client, product, stack, {"Queues": "one,two"}) == outputs
    (product.parent / "functions" / "lib" / "words.py").write_text("WORD = 'second'\n")
    updated = deploy(aws.client, product, stack, {"Queues": "one,two", "Greeting": "bye"})
    assert eventually(lambda: said(aws, updated)) == ["second", "bye", "one"]


def test_a_refused_parameter_is_told(aws, product):
    with pytest.raises(CliError, match="CloudFormation refused the stack"):
        deploy(aws.client, product, unique("stack"), {"Greeting": "NOT LOWER CASE"})


def test_a_failed_resource_is_told_with_its_reason(aws, product):
    wrong = "  Wrong: {Type: AWS::Lambda::EventInvokeConfig, Properties: {FunctionName: nowhere, Qualifier: $LATEST}}\n"
    product.write_text(TEMPLATE.replace("Outputs:\n", wrong + "Outputs:\n"))
    with pytest.raises(CliError, match=r"ended as ROLLBACK_COMPLETE: Wrong: .+"):
        deploy(aws.client, product, unique("stack"))


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return build_package(FUNCTIONS, tmp_path_factory.mktemp("package") / "functions.zip")


def test_the_same_content_gives_the_same_bytes(package, tmp_path):
    assert build_package(FUNCTIONS, tmp_path / "again.zip").read_bytes() == package.read_bytes()


def test_the_package_holds_no_noise_and_nothing_of_the_runtime(package):
    names = zipfile.ZipFile(package).namelist()
    assert "redrive/__init__.py" in names
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name or name.endswith("/RECORD")]
    assert not {name.split("/")[0] for name in names} & set(IN_THE_RUNTIME)


def test_every_handler_imports_with_only_the_package_and_boto3(package, tmp_path):
    """What Lambda has: the package and the runtime's own boto3."""
    unpacked, runtime = tmp_path / "package", tmp_path / "runtime"
    zipfile.ZipFile(package).extractall(unpacked)
    runtime.mkdir()
    site_packages = Path(str(distribution("boto3").locate_file("")))
    for name in IN_THE_RUNTIME:
        (runtime / name).symlink_to(site_packages / name)
    handlers = [path.stem for path in sorted(FUNCTIONS.glob("*.py")) if "\ndef handler(" in path.read_text()]
    assert handlers
    script = (
        f"import sys; sys.path[:0] = [{str(unpacked)!r}, {str(runtime)!r}]\n"
        f"import importlib\n"
        f"for name in {handlers!r}: assert callable(importlib.import_module(name).handler), name\n"
    )
    environment = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    command = [sys.executable, "-I", "-S", "-c", script]
    imported = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert imported.returncode == 0, imported.stderr


def test_a_dependency_that_is_not_installed_is_told_with_a_hint(product, tmp_path):
    (product.parent / "functions" / "requirements.txt").write_text("no-such-distribution==1.0\n")
    with pytest.raises(CliError, match="need no-such-distribution, which is not installed") as error:
        build_package(product.parent / "functions", tmp_path / "functions.zip")
    assert "pip install" in error.value.hint
