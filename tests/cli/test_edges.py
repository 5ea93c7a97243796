"""Whatever a person can type or have set ends in one error and one hint, never in a traceback.

Each is a process of its own. That botocore lets these out as ValueError, OSError and worse was seen with 1.43.
"""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ACCESS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
REGION = {"AWS_DEFAULT_REGION": "us-east-1"}
WORKING = {**ACCESS, **REGION, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}  # a port that nobody listens on
ANSWER = '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": "soon"}'

# typed, the error, the hint
TYPED = [
    ("runn", "No such command 'runn'.", "Did you mean run or runs?"),
    ("orders-dlq", "No such command 'orders-dlq'.", "`redrive --help` says what there is."),
    ("--verzion", "No such option '--verzion'.", "Did you mean --version?"),
    ("run", "Missing argument 'QUEUE'.", "`redrive run --help` says"),
    ("run q --limt 3", "No such option '--limt'.", "Did you mean --limit?"),
    ("run q --zzz", "No such option '--zzz'.", "`redrive run --help` lists them"),
    ("run q body.x = 1", "Got unexpected extra arguments (body.x = 1).", "`redrive run --help`"),
    ("run q --where", "Option '--where' requires an argument.", "`redrive run --help`"),
    ("run q --limit 0", "Invalid value for '--limit': 0 is not in the range x>=1.", "`redrive run --help`"),
    ("run q --limit '\x1b[31m1'", r"'\x1b[31m1' is not a valid", "`redrive run --help`"),
    ("run q --path fast", "'fast' is not one of 'auto', 'native', 'custom'", "`redrive run --help`"),
    ("run q --sent ..", "--sent needs a day", "`redrive run --help`"),
    ("run q --preview=yes", "Option '--preview' does not take a value.", "`redrive run --help`"),
    ("show -2026", "No such option '-2'.", "redrive show -- RUN"),
    ("local --port x", "Invalid value for '--port'", "`redrive local --help`"),
]

ENDPOINTS = [
    ("127.0.0.1:4566", "http:// or https:// is missing", "Did you mean http://127.0.0.1:4566?"),
    ("", "'' is no address", "http://127.0.0.1:4566"),
    ("http://my_aws:4566", "no host with an underscore", "network alias"),
    ("ftp://127.0.0.1", "is no address", "http://127.0.0.1:4566"),
    ("http://", "is no address", "http://127.0.0.1:4566"),
    ("http://a b", "is no address", "http://127.0.0.1:4566"),
    ("http://127.0.0.1:99999", "is no address", "http://127.0.0.1:4566"),
    ("http://127.0.0.1:abc", "is no address", "http://127.0.0.1:4566"),
    ("http://[::1", "is no address", "http://127.0.0.1:4566"),
    ("http://x\n", r"'http://x\n' is no address", "http://127.0.0.1:4566"),
    ("http://127.0.0.1:9", "http://127.0.0.1:9/ cannot be reached", "`redrive local`"),
]

# set, the error, the hint
SET = [
    ({"AWS_ENDPOINT_URL": "localhost:4566"}, "AWS_ENDPOINT_URL: 'localhost:4566' is no", "http://localhost:4566?"),
    ({"AWS_ENDPOINT_URL_SFN": "x"}, "AWS_ENDPOINT_URL_SFN: 'x' is no address", "Did you mean http://x?"),
    ({"AWS_ACCESS_KEY_ID": "test\n"}, "The AWS credentials are no keys", "AWS_…"),
    ({"AWS_SECRET_ACCESS_KEY": "te st"}, "The AWS credentials are no keys", "AWS_…"),
    ({"AWS_SESSION_TOKEN": "a\nb"}, "The AWS credentials are no keys", "AWS_…"),
    ({"AWS_ACCESS_KEY_ID": ""}, "There are no AWS credentials.", "--profile"),
    ({"AWS_DEFAULT_REGION": "us east"}, "'us east' is no AWS Region.", "us-east-1"),
    ({"AWS_REGION": "us-east-1\n"}, r"'us-east-1\n' is no AWS Region.", "us-east-1"),
    ({"AWS_PROFILE": "nobodys"}, "(nobodys) could not be found", "list-profiles"),
    ({"AWS_DEFAULTS_MODE": "x"}, "invalid defaults mode: x", "~/.aws/config"),
    ({"HTTP_PROXY": "http://127.0.0.1:9"}, "The proxy http://127.0.0.1:9 cannot be reached.", "unset HTTP_PROXY"),
    ({"http_proxy": "http://u:p@127.0.0.1:9"}, "The proxy 127.0.0.1:9 cannot be reached.", "unset http_proxy"),
    ({"HTTP_PROXY": "foo bar"}, "The endpoint cannot be asked: ", "HTTP_PROXY, which is set"),
]

# in ~/.aws/config, the error
CONFIGURED = [
    ("credential_process = /bin/echo notjson", "`credential_process` does not print the JSON"),
    ("credential_process = /bin/echo []", "`credential_process` does not print the JSON"),
    ("credential_process =", "`credential_process` does not print the JSON"),
    (f"credential_process = /bin/echo '{ANSWER}'", "Unknown string format: soon"),
    ("credential_process = 'a", "cannot be read: No closing quotation."),
    ("credential_process = /no/such", "cannot be read: /no/such: No such file or directory."),
    ("credential_process = /bin/false", "had from custom-process: it failed, and said nothing."),
    ("role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = nobodys", '"nobodys"'),
    ("endpoint_url = foo\naws_access_key_id = a\naws_secret_access_key = b", "Invalid endpoint: foo."),
    ("[[broken", "Unable to parse config file: "),
]


def assert_told(done, sentence, advice, code=1):
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 2, done.stderr
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert sentence in error
    assert hint.startswith("hint: ")
    assert advice in hint
    assert done.returncode == code


@pytest.mark.parametrize(("typed", "sentence", "advice"), TYPED, ids=[typed for typed, *_ in TYPED])
def test_what_is_typed(redrive, typed, sentence, advice):
    assert_told(redrive(*shlex.split(typed), **WORKING), sentence, advice, code=2)


@pytest.mark.parametrize(("url", "sentence", "advice"), ENDPOINTS, ids=[repr(url) for url, *_ in ENDPOINTS])
def test_an_endpoint(redrive, url, sentence, advice):
    assert_told(redrive("show", "--endpoint-url", url, **ACCESS, **REGION), sentence, advice)


@pytest.mark.parametrize(("variables", "sentence", "advice"), SET, ids=[repr(variables) for variables, *_ in SET])
def test_what_is_set(redrive, variables, sentence, advice):
    assert_told(redrive("show", **{**WORKING, "NO_PROXY": "", **variables}), sentence, advice)


@pytest.mark.parametrize(("lines", "sentence"), CONFIGURED, ids=[lines for lines, _ in CONFIGURED])
def test_what_is_configured(redrive, tmp_path, lines, sentence):
    config = tmp_path / "config"
    config.write_text(f"[profile p]\n{lines}\n")

    assert_told(redrive("show", "--profile", "p", **REGION, AWS_CONFIG_FILE=str(config)), sentence, "~/.aws/config")


@pytest.mark.parametrize(
    "name", ["", "a/b", "a b", "x" * 81, "arn:aws:states:us-east-1:000000000000:execution:other:x"]
)
def test_what_is_no_execution_of_the_stack(on_embedded, name):
    assert_told(on_embedded("show", name), f"{name!r} is no execution of the stack redrive in us-east-1.", "--stack")


def test_something_that_is_no_aws(redrive, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-um", "http.server", "0", "--bind", "127.0.0.1", "--directory", tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        port = server.stdout.readline().split(" port ")[1].split()[0]
        done = redrive("show", "--endpoint-url", f"http://127.0.0.1:{port}", **ACCESS, **REGION)
        server.kill()

    assert_told(done, "does not answer as AWS does", "--endpoint-url")


def test_either_of_the_variables_for_the_region_is_enough(redrive, embedded):
    variables = {**embedded.environment}
    region = variables.pop("AWS_DEFAULT_REGION")

    assert_told(redrive("show", "nobodys", **variables), "No AWS Region", "AWS_REGION")
    assert_told(redrive("show", "nobodys", **variables, AWS_REGION=region), f"in {region}", "redrive runs")
    assert_told(redrive("show", "nobodys", **variables, AWS_DEFAULT_REGION=region), f"in {region}", "redrive runs")


def test_of_two_regions_it_takes_that_which_awss_tools_take(on_embedded):
    assert_told(on_embedded("show", "nobodys", AWS_REGION="eu-west-1"), "in eu-west-1", "redrive runs")


@pytest.mark.parametrize(
    "typed", ["orders-edge-dql", "Orders-Edge-DLQ", "arn:aws:sqs:us-east-1:000000000000:orders-edge-dql"]
)
def test_a_misspelt_queue_is_suggested(on_embedded, embedded, typed):
    embedded.client("sqs").create_queue(QueueName="orders-edge-dlq")

    done = on_embedded("run", typed)

    assert done.stderr.splitlines()[-1].startswith("hint: Did you mean orders-edge-dlq? See every step with: redrive ")


def test_a_misspelt_destination_is_suggested(on_embedded, embedded):
    embedded.client("sqs").create_queue(QueueName="orders-edge-dlq")

    done = on_embedded("run", "orders-edge-dlq", "--destination", "order-edge-dlq")

    assert "hint: Did you mean orders-edge-dlq? " in done.stderr


def test_a_queue_that_is_like_no_other_is_not_suggested(on_embedded):
    assert "Did you mean" not in on_embedded("run", "zzzzzzzzzz").stderr


@pytest.mark.parametrize("queue", ["-dlq", "--help"])
def test_the_hint_can_be_typed_whatever_the_queue_is_called(on_embedded, queue):
    done = on_embedded("run", "--preview", "--", queue)
    command = done.stderr.splitlines()[-1].partition("redrive ")[2]

    shown = on_embedded(*shlex.split(command))

    assert shown.returncode == 0, shown.stderr
    assert "✘ FAILED" in shown.stdout


def test_dry_run_is_another_name_of_preview(on_embedded):
    assert_told(on_embedded("run", "zz", "--dry-run", "--lanes", "99"), "'--lanes'", "redrive run --help", code=2)


@pytest.fixture
def full():
    """A disk without room, which Linux has a device for."""
    with Path("/dev/full").open("w") as device:
        yield device


def run(environment, words, **streams):
    return subprocess.run(
        [sys.executable, "-m", "redrive_cli", *words], env=environment, text=True, timeout=60, check=False, **streams
    )


@pytest.mark.parametrize("words", [["--help"], ["show"], ["show", "--json"]])
def test_a_full_stdout_is_told(environment, embedded, on_embedded, full, words):
    on_embedded("run", "no-such-queue")
    done = run({**environment, **embedded.environment}, words, stdout=full, stderr=subprocess.PIPE)

    assert done.returncode == 1
    error, hint = done.stderr.splitlines()
    assert error == "error: The output cannot be written: No space left on device."
    assert hint.startswith("hint: ")


def test_a_full_stderr_leaves_the_exit_code(environment, full):
    assert run(environment, ["show"], stdout=subprocess.PIPE, stderr=full).returncode == 1


@pytest.mark.parametrize("words", [["--help"], ["show"], ["show", "--json"], ["runn"]])
def test_a_reader_that_has_gone_is_no_error_to_tell(environment, embedded, on_embedded, words):
    on_embedded("run", "no-such-queue")
    read, write = os.pipe()
    os.close(read)
    shared = subprocess.STDOUT if words == ["runn"] else subprocess.PIPE
    done = run({**environment, **embedded.environment}, words, stdout=write, stderr=shared)
    os.close(write)

    assert done.returncode == 1
    assert not done.stderr


@pytest.mark.parametrize("closed", [[1], [2], [0, 1, 2]])
def test_closed_streams_are_as_the_null_device(environment, embedded, on_embedded, closed):
    on_embedded("run", "no-such-queue")

    def close():
        for number in closed:
            os.close(number)

    done = run({**environment, **embedded.environment}, ["show"], preexec_fn=close, capture_output=True)

    assert done.returncode == 0
    assert done.stderr == ""
    assert ("✘ FAILED" in done.stdout) == (1 not in closed)


def test_ctrl_c_while_it_is_loading(start, tmp_path):
    (tmp_path / "boto3.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)\n")
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    running = start("show", PYTHONPATH=path)
    assert running.stdout.readline() == "loading\n"

    running.send_signal(signal.SIGINT)

    assert running.communicate(timeout=10) == ("", "")
    assert running.returncode == -signal.SIGINT


@pytest.mark.parametrize("words", [["show"], ["run", "orders-dlq"]])
def test_ctrl_c_while_aws_does_not_answer(start, words):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        running = start(*words, "--endpoint-url", f"http://127.0.0.1:{port}", **ACCESS, **REGION)
        connection, _ = silent.accept()

        running.send_signal(signal.SIGINT)
        stdout, stderr = running.communicate(timeout=10)
        connection.close()

    assert (running.returncode, stdout.strip(), stderr.strip()) == (130, "", "")


def test_the_installed_command_is_the_same():
    command = shutil.which("redrive", path=str(Path(sys.executable).parent))
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)

    assert done.stdout == "redrive 0.1.0\n"


def test_make_says_in_a_sentence_that_python_is_too_old(tmp_path):
    old = tmp_path / "python-of-old"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.18\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "demo", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr.splitlines()[:2] == [
        f"error: Redrive needs Python 3.11 or newer; {old} is: Python 3.9.18.",
        "hint: Name a newer one, as in: make demo PYTHON=python3.12",
    ]
    assert done.returncode == 2
    assert not (tmp_path / "venv").exists()


def test_the_demo_needs_nothing_that_the_tests_do_not_pin():
    small, whole = (
        (ROOT / file).read_text().splitlines() for file in ("embedded/requirements.txt", "requirements.txt")
    )

    assert set(small) < set(whole)
