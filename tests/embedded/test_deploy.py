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


# What the product's template takes for granted of CloudFormation and SAM, each once.
WIDE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Keys: {Type: CommaDelimitedList, Default: ""}
  Alarmed: {Type: CommaDelimitedList, Default: ""}
  Queue: {Type: String}
Conditions:
  HasKeys: !Not [!Equals [!Join ["", !Ref Keys], ""]]
  HasAlarmed: !Not [!Equals [!Join ["", !Ref Alarmed], ""]]
Globals:
  Function:
    CodeUri: functions/
    Runtime: python3.13
    Environment: {Variables: {GREETING: !If [HasKeys, keys, no keys], FIRST: !If [HasKeys, !Select [0, !Ref Keys], none]}}
    LoggingConfig: {LogGroup: !Ref Logs}
Resources:
  Logs:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties: {RetentionInDays: 30}
  Failures: {Type: AWS::SQS::Queue, Properties: {MessageRetentionPeriod: 1209600, SqsManagedSseEnabled: true}}
  KeysPolicy:
    Type: AWS::IAM::ManagedPolicy
    Condition: HasKeys
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: "kms:Decrypt", Resource: !Ref Keys}]
  HelloFunction:
    Type: AWS::Serverless::Function
    Properties:
      Handler: hello.handler
      Policies:
        - !If [HasKeys, !Ref KeysPolicy, !Ref AWS::NoValue]
        - Statement:
            - {Effect: Allow, Action: "sqs:SendMessage", Resource: !GetAtt Failures.Arn}
            - !If
              - HasKeys
              - {Effect: Allow, Action: "kms:GenerateDataKey", Resource: !Ref Keys}
              - !Ref AWS::NoValue
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failures.Arn}}
      Events:
        Red:
          Type: EventBridgeRule
          Properties:
            Pattern: {source: [aws.states]}
            RetryPolicy: {MaximumRetryAttempts: 3, MaximumEventAgeInSeconds: 3600}
            DeadLetterConfig: {Arn: !GetAtt Failures.Arn}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Condition: HasAlarmed
    Properties:
      AlarmActions: !Ref Alarmed
      ComparisonOperator: GreaterThanThreshold
      EvaluationPeriods: 1
      MetricName: ApproximateNumberOfMessagesVisible
      Namespace: AWS/SQS
      Period: 60
      Statistic: Maximum
      Threshold: 0
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.json
      DefinitionSubstitutions: {HelloFunction: !GetAtt HelloFunction.Arn}
      Policies:
        - Statement:
            - {Effect: Allow, Action: "lambda:InvokeFunction", Resource: !GetAtt HelloFunction.Arn}
            - !If
              - HasKeys
              - {Effect: Allow, Action: "kms:Decrypt", Resource: !Ref Keys}
              - !Ref AWS::NoValue
      Events:
        EveryMorning:
          Type: ScheduleV2
          Properties:
            OmitName: true
            ScheduleExpression: cron(0 6 * * ? *)
            ScheduleExpressionTimezone: Asia/Seoul
            State: DISABLED
            RetryPolicy: {MaximumRetryAttempts: 5, MaximumEventAgeInSeconds: 3600}
            DeadLetterConfig: {Arn: !GetAtt Failures.Arn}
            Input: !Sub '{"queue": "${Queue}", "now": "<aws.scheduler.scheduled-time>"}'
  Bucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
Outputs:
  Machine: {Value: !Ref Machine}
  Function: {Value: !Ref HelloFunction}
  Failures: {Value: !GetAtt Failures.Arn}
  Logs: {Value: !Ref Logs}
  Bucket: {Value: !Ref Bucket}
"""


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


@pytest.fixture
def wide(product):
    product.write_text(WIDE)
    return product


def resources(aws, stack):
    """Logical id → (type, physical id)."""
    listed = aws.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {one["LogicalResourceId"]: (one["ResourceType"], one["PhysicalResourceId"]) for one in listed}


def statements(aws, stack, role):
    """Every action that a role of the stack may take, by its inline policies and the stack's own managed ones."""
    iam, name = aws.client("iam"), resources(aws, stack)[role][1]
    documents = [
        iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    ]
    for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        if ":aws:policy/" not in policy["PolicyArn"]:
            version = iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
            got = iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)["PolicyVersion"]
            documents.append(got["Document"])
    return {statement["Action"]: statement["Resource"] for document in documents for statement in document["Statement"]}


def test_everything_the_template_takes_for_granted_is_deployed(aws, wide):
    stack = unique("stack")
    outputs = deploy(aws.client, wide, stack, {"Queue": "orders-dlq"})
    assert said(aws, outputs) == ["first", "no keys", "none"]
    assert not {"KeysPolicy", "Alarm"} & resources(aws, stack).keys()
    assert statements(aws, stack, "HelloFunctionRole").keys() == {"sqs:SendMessage"}
    assert statements(aws, stack, "MachineRole").keys() == {"lambda:InvokeFunction"}

    config = aws.client("lambda").get_function_event_invoke_config(
        FunctionName=outputs["Function"], Qualifier="$LATEST"
    )
    assert (config["MaximumRetryAttempts"], config["DestinationConfig"]["OnFailure"]["Destination"]) == (
        1,
        outputs["Failures"],
    )
    configured = aws.client("lambda").get_function_configuration(FunctionName=outputs["Function"])
    assert configured["LoggingConfig"]["LogGroup"] == outputs["Logs"]
    [group] = aws.client("logs").describe_log_groups(logGroupNamePrefix=outputs["Logs"])["logGroups"]
    assert group["retentionInDays"] == 30


def test_with_keys_whole_policies_and_statements_are_there(aws, wide):
    stack, keys = (
        unique("stack"),
        ["arn:aws:kms:us-east-1:000000000000:key/1", "arn:aws:kms:us-east-1:000000000000:key/2"],
    )
    outputs = deploy(
        aws.client,
        wide,
        stack,
        {"Queue": "orders-dlq", "Keys": ",".join(keys), "Alarmed": "arn:aws:sns:us-east-1:000000000000:ops"},
    )
    assert said(aws, outputs) == ["first", "keys", keys[0]]
    assert {"KeysPolicy", "Alarm"} <= resources(aws, stack).keys()
    granted = statements(aws, stack, "HelloFunctionRole")
    assert granted["kms:GenerateDataKey"] == granted["kms:Decrypt"] == keys
    assert statements(aws, stack, "MachineRole")["kms:Decrypt"] == keys


def test_upstream_still_takes_an_empty_list_for_a_full_one(plain, wide):
    outputs = deploy(plain.client, wide, unique("stack"), {"Queue": "orders-dlq"})
    assert said(plain, outputs)[1] == "keys"


def schedules(aws, stack):
    """The schedules that a stack made: named by CloudFormation, they are found by their machine."""
    machine = resources(aws, stack)["Machine"][1]
    scheduler = aws.client("scheduler")
    listed = scheduler.list_schedules()["Schedules"]
    return [scheduler.get_schedule(Name=one["Name"]) for one in listed if one["Target"]["Arn"] == machine]


def test_a_schedule_without_a_name_is_named_by_cloudformation_in_each_stack(aws, wide):
    """SAM, ScheduleV2: OmitName; CloudFormation reference, AWS::Scheduler::Schedule: Name."""
    first, second = unique("stack"), unique("stack")
    for stack in (first, second):
        deploy(aws.client, wide, stack, {"Queue": "orders-dlq"})
    ([one], [two]) = (schedules(aws, stack) for stack in (first, second))
    assert one["Name"] != two["Name"]
    assert one["Name"].startswith(first)
    assert (one["State"], one["ScheduleExpressionTimezone"]) == ("DISABLED", "Asia/Seoul")
    assert json.loads(one["Target"]["Input"]) == {"queue": "orders-dlq", "now": "<aws.scheduler.scheduled-time>"}


def what_is_left(aws, stack):
    """Of a stack's bucket, log group and function, what there is now."""
    events = aws.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    made = {event["LogicalResourceId"]: event["PhysicalResourceId"] for event in events if event["PhysicalResourceId"]}
    found = {
        "Bucket": [one["Name"] for one in aws.client("s3").list_buckets()["Buckets"]],
        "Logs": [one["logGroupName"] for one in aws.client("logs").describe_log_groups()["logGroups"]],
        "HelloFunction": [one["FunctionName"] for one in aws.client("lambda").list_functions()["Functions"]],
    }
    return {logical for logical, names in found.items() if made[logical] in names}


def test_what_is_to_be_retained_outlives_its_stack_and_the_rest_does_not(aws, wide):
    """CloudFormation user guide, DeletionPolicy: RetainExceptOnCreate."""
    stack, cloudformation = unique("stack"), aws.client("cloudformation")
    deploy(aws.client, wide, stack, {"Queue": "orders-dlq"})
    arn = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]  # what a deleted stack is known by
    assert what_is_left(aws, arn) == {"Bucket", "Logs", "HelloFunction"}
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=arn, WaiterConfig={"Delay": 1})
    assert what_is_left(aws, arn) == {"Bucket", "Logs"}


def test_what_is_to_be_retained_goes_when_its_stack_fails_to_be_made(aws, wide):
    """The `ExceptOnCreate`: so that the next try finds no bucket in its way."""
    wrong = """
  Wrong:
    Type: AWS::Lambda::EventInvokeConfig
    DependsOn: [Bucket, Logs, HelloFunction]
    Properties: {FunctionName: nowhere, Qualifier: $LATEST}
"""
    wide.write_text(WIDE.replace("Outputs:\n", f"{wrong}Outputs:\n"))
    stack = unique("stack")
    with pytest.raises(CliError, match="ended as ROLLBACK_COMPLETE"):
        deploy(aws.client, wide, stack, {"Queue": "orders-dlq"})
    assert what_is_left(aws, stack) == set()


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
