"""What the suite stands on: the package as `make package` makes it, for the processor of this machine, and a sandbox."""

import json
import subprocess
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

from redrive_cli.stack import product
from redrive_cli.stack.folder import build_folder
from support import python313, sandbox

REPORT = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The folder to deploy, for x86_64."""
    target = tmp_path_factory.mktemp("package") / "x86_64"
    build_folder(product.template(), target, "x86_64")
    return target


@pytest.fixture(scope="session")
def runtime(tmp_path_factory):
    """What Lambda has beside the package, for its Python."""
    python = python313.needed() / "bin" / "python3.13"
    target = tmp_path_factory.mktemp("runtime")
    pip = [python, "-m", "pip", "install", "--quiet", "--target", target]
    subprocess.run([*pip, "-r", Path(__file__).parent / "requirements.txt"], check=True)
    return target


class _Relay(BaseHTTPRequestHandler):
    """Passes on to the embedded AWS, whose SQS writes every letter beyond ASCII as an escape: an answer is worth less
    memory that way than in UTF-8, which SQS may write as well."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        port, received = self.server.to, self.server.received
        connection = HTTPConnection("127.0.0.1", port)
        headers = {**self.headers, "Host": f"127.0.0.1:{port}"}  # it answers by its own name only
        connection.request(self.command, self.path, self.rfile.read(length), headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if self.headers.get("X-Amz-Target") == "AmazonSQS.ReceiveMessage":
            body = json.dumps(json.loads(body), ensure_ascii=False).encode()
            received.append(len(body))
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"content-length", "transfer-encoding", "connection", "date", "server"}:
                self.send_header(name, value)
        self.send_header(
            "Content-Length", answer.headers["Content-Length"] if self.command == "HEAD" else str(len(body))
        )
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST  # noqa: N815  http.server's names

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def relay(embedded):
    """The embedded AWS behind an SQS that answers in UTF-8; `received` are the sizes of what it gave out."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Relay)
    server.daemon_threads = True
    server.to, server.received = int(embedded.endpoint.rsplit(":", 1)[1]), []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def functions(package):
    """The functions of the template, by their step."""
    template = yaml_parse((package / "template.yaml").read_text())
    common = template["Globals"]["Function"]
    found = {}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            own = common | resource["Properties"]
            step = own["Handler"].partition(".")[0]
            found[step] = sandbox.Function(step, own["Handler"], own["MemorySize"], own["Timeout"])
    return found


@pytest.fixture(scope="session")
def place(embedded, relay, package, runtime, tmp_path_factory):
    """Where every sandbox is."""
    if lacking := sandbox.missing():
        pytest.skip(lacking)
    (own,) = [
        found["Environment"]["Variables"]
        for found in embedded.client("lambda").list_functions()["Functions"]
        if "ReceiveFunction" in found["FunctionName"]
    ]
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{relay.server_port}",
        "AWS_REGION": embedded.aws.region,
        "AWS_DEFAULT_REGION": embedded.aws.region,
        **embedded.aws.credentials,
        **{name: own[name] for name in ("BUCKET", "JOURNAL_TABLE", "POWERTOOLS_LOG_LEVEL")},
    }
    log = tmp_path_factory.mktemp("log") / "functions.log"
    return sandbox.Place(python313.needed(), package / "functions", runtime, log, environment)


@pytest.fixture(scope="session")
def report(pytestconfig):
    """Lines for the end of the suite."""
    return pytestconfig.stash.setdefault(REPORT, [])


def pytest_terminal_summary(terminalreporter, config):
    if lines := config.stash.get(REPORT, []):
        terminalreporter.section("peak memory of the functions")
        terminalreporter.write_line("\n".join(lines))
