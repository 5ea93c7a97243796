"""A real browser opens a stranger's page, which tries to reach the AWS on this machine: it reads and changes nothing.

The same page against ministack as it is reads dead letters and runs code. So the page knows how to, and the browser lets
it: what keeps it out is ours.
"""

import base64
import io
import json
import os
import shutil
import subprocess
import threading
import zipfile
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from redrive_embedded import EmbeddedAws
from support.embedded import error_of

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PAGE = Path(__file__).with_name("stranger.html")
SECRET = "a dead letter's body"
NAME = "stranger.example"  # the browser is told that this is 127.0.0.1, as a stranger's DNS may say
SECONDS = 240  # some five, on a machine that has nothing else to do

CODE = """
import os, pathlib
def handler(event, context):
    pathlib.Path({mark!r}).write_text(str(os.getuid()))
"""


@pytest.fixture(scope="module")
def browser():
    """The command of a browser."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"needs a browser, one of {', '.join(BROWSERS)}: apt install chromium")
    return found


class _Stranger(BaseHTTPRequestHandler):
    """The stranger's server: its page, where the page reports to, and everything else.

    Everything else is passed on to the AWS as the browser sent it, Host and all: that is what becomes of these requests
    when the stranger's name has become 127.0.0.1 after the page was loaded ("DNS rebinding").
    """

    def do_GET(self):
        if self.path == "/":
            self._answer(200, "text/html", PAGE.read_bytes())
        else:
            self._pass_on()

    def do_POST(self):
        if self.path == "/report":
            self.server.report = json.loads(self._body())
            self._answer(204, "text/plain", b"")
            self.server.reported.set()
        else:
            self._pass_on()

    def do_PUT(self):
        self._pass_on()

    def _pass_on(self):
        connection = HTTPConnection("127.0.0.1", self.server.aws_port, timeout=10)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(self._body())
        answer = connection.getresponse()
        self._answer(answer.status, answer.headers.get("Content-Type", ""), answer.read())

    def _body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status, content_type, body):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Scene:
    """An AWS with something to lose, and a stranger's server beside it."""

    def __init__(self, aws, folder):
        self.aws, self.folder, self.mark = aws, folder, folder / "code-ran"
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("victim.py", CODE.format(mark=str(self.mark)))
        self.function = {
            "Runtime": "python3.13",
            "Role": f"arn:aws:iam::{aws.account}:role/any",
            "Handler": "victim.handler",
        }
        aws.client("lambda").create_function(
            FunctionName="victim", Code={"ZipFile": package.getvalue()}, **self.function
        )
        self.function["Code"] = {"ZipFile": base64.b64encode(package.getvalue()).decode()}
        aws.client("s3").create_bucket(Bucket="letters")
        aws.client("s3").put_object(Bucket="letters", Key="page", Body=SECRET.encode())
        sockets = aws.client("apigatewayv2").create_api(
            Name="sockets", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
        )
        self.api = sockets["ApiId"]
        aws.client("apigatewayv2").create_stage(ApiId=self.api, StageName="$default")

    def opened_by(self, browser):
        """Open the page in the browser; what it could read, by attempt."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Stranger)
        server.daemon_threads = True
        server.aws_port, server.report, server.reported = self.aws.port, None, threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        plan = {
            "targets": {
                "address": self.aws.endpoint,
                "localhost": f"http://localhost:{self.aws.port}",
                "name": f"http://{NAME}:{self.aws.port}",
                "rebound": f"http://{NAME}:{server.server_port}",
            },
            "object": "letters/page",
            "victim": "victim",
            "function": self.function,
            "api": self.api,
        }
        page = f"http://{NAME}:{server.server_port}/#{quote(json.dumps(plan))}"
        with open_page(browser, page, self.folder) as running:
            assert server.reported.wait(SECONDS), (self.folder / "browser.log").read_text()[-2000:]
            running.kill()
        server.shutdown()
        server.server_close()
        return server.report

    def state(self):
        """Everything that the page tries to change."""
        functions = self.aws.client("lambda").list_functions()["Functions"]
        queues = self.aws.client("sqs").list_queues().get("QueueUrls", [])
        page = self.aws.client("s3").get_object(Bucket="letters", Key="page")["Body"].read().decode()
        return sorted(found["FunctionName"] for found in functions), queues, page, self.mark.exists()


def open_page(browser, page, folder):
    """A browser with a profile of its own, without a window."""
    command = [browser, "--headless", "--disable-gpu", "--no-first-run", f"--user-data-dir={folder / 'profile'}"]
    command += [f"--host-resolver-rules=MAP {NAME} 127.0.0.1", "--no-proxy-server", "--disable-dev-shm-usage"]
    # Newer ones ask before a page may reach this machine. This is about those that do not ask, and those who say yes.
    command += ["--disable-features=LocalNetworkAccessChecks"]
    command += ["--no-sandbox"] if os.geteuid() == 0 else []
    with (folder / "browser.log").open("wb") as log:
        return subprocess.Popen([*command, page], stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def test_a_strangers_page_reads_nothing_and_changes_nothing(browser, tmp_path):
    with EmbeddedAws() as aws:
        scene = Scene(aws, tmp_path)
        before = scene.state()
        read = scene.opened_by(browser)
        assert scene.state() == before
    assert before == (["victim"], [], SECRET, False)
    assert len(read) == 64
    # Of a frame and of a blind request a page sees that there was an answer, which is an empty text here.
    assert {attempt: seen for attempt, seen in read.items() if seen} == {}


def test_upstream_still_lets_the_page_read_and_change_everything(browser, tmp_path):
    with EmbeddedAws(plain=True) as aws:
        scene = Scene(aws, tmp_path)
        read = scene.opened_by(browser)
        assert error_of(aws.client("s3").get_object, Bucket="letters", Key="page") == "NoSuchBucket"
    assert read["address: read an object"] == SECRET
    assert read["name: read an object"] == "stranger"  # which it had written there
    assert read["rebound: read an object"] == "stranger"
    assert read["address: open a web socket"] == "open"
    assert "stranger-fetch-rebound" in read["rebound: make a function, blindly"]
    for way in ("json", "form", "image"):
        for target in ("address", "localhost", "name", "rebound"):
            assert f"stranger-{way}-{target}" in read["rebound: list the queues"]
    assert scene.mark.exists()
