"""A small Lambda: the built package under Lambda's own runtime client, in a sandbox, its memory measured.

What it has of Lambda: the runtime client (awslambdaric) over the Runtime API, Python 3.13, another user, a read-only
root, no /dev/shm, only /tmp to write to, the function's memory as the most that all of its processes may have, and its
share of a processor. What it lacks: Amazon Linux, arm64, the network between it and AWS.
"""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import subprocess
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1_048_576
WHOLE_PROCESSOR = 1769  # MB of memory that come with one processor (Lambda Developer Guide, configuration-memory)
LOOK = 0.005  # seconds between two looks at the memory
PERIOD = 100_000  # microseconds, the kernel's own
OPEN = ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"]


class EndedError(Exception):
    """The worker did not answer: it ended, took too long, or had more memory than the function has."""


class RaisedError(Exception):
    """The handler raised: the runtime's `errorType` and `errorMessage`."""


@dataclass(frozen=True)
class Function:
    """A function as the template has it. `memory` is in MiB, `timeout` in seconds."""

    name: str
    handler: str
    memory: int
    timeout: int


@dataclass(frozen=True)
class Place:
    """What every sandbox sees: a Python 3.13, the unpacked package, and the runtime (its client and boto3)."""

    python: Path
    package: Path
    runtime: Path
    log: Path
    environment: dict[str, str]


class _Api(BaseHTTPRequestHandler):
    """The Runtime API (Lambda Developer Guide, runtimes-api)."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """Give the next invocation, when there is one."""
        request, event, deadline = self.server.events.get()
        body = json.dumps(event).encode()
        self.send_response(200)
        for name, value in {
            "Lambda-Runtime-Aws-Request-Id": request,
            "Lambda-Runtime-Deadline-Ms": str(deadline),
            "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:us-east-1:000000000000:function:{self.server.name}",
            "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Take an answer or an error."""
        self.server.answers.put((self.path.rsplit("/", 1)[-1], b"".join(self._body())))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _body(self) -> Iterator[bytes]:
        if length := self.headers.get("Content-Length"):
            yield self.rfile.read(int(length))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Api)
        self.name = name
        self.events: queue.Queue[tuple[str, Any, int]] = queue.Queue()
        self.answers: queue.Queue[tuple[str, bytes]] = queue.Queue()


class Sandbox:
    """One worker of a function, from its cold start on; ends with the `with` block. `peak` is in MiB."""

    def __init__(self, function: Function, place: Place) -> None:
        self.function = function
        self.peak = 0.0
        self.killed = ""
        self._share = Share(function)
        self._api = _Server(function.name)
        threading.Thread(target=self._api.serve_forever, daemon=True).start()
        with place.log.open("ab") as log:
            self._process = subprocess.Popen([*self._share.enter, *self._command(place)], stdout=log, stderr=log)
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # and all that is in it: it is the sandbox's init
        self._process.wait()
        self._watcher.join()
        self._api.shutdown()
        self._api.server_close()
        self._share.remove()

    def invoke(self, event: Any) -> Any:
        """Give what the handler answers. Raises RaisedError, EndedError."""
        until = time.time() + self.function.timeout
        self._api.events.put((str(uuid.uuid4()), event, int(until * 1000)))
        while True:
            try:
                kind, body = self._api.answers.get(timeout=0.2)
                break
            except queue.Empty:
                if self._process.poll() is not None:
                    raise EndedError(self.killed or f"it ended with exit code {self._process.returncode}") from None
                if time.time() > until:
                    raise EndedError(f"it took longer than {self.function.timeout} s") from None
        answer = json.loads(body)
        if kind == "error":
            raise RaisedError(f"{answer['errorType']}: {answer['errorMessage']}")
        return answer

    def _command(self, place: Place) -> list[str]:
        variables = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": self.function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.function.memory),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "LAMBDA_TASK_ROOT": "/var/task",
            "_HANDLER": self.function.handler,
            "PYTHONPATH": "/var/task:/var/runtime",
            "PATH": "/var/lang/bin:/usr/bin:/bin",
            "LD_LIBRARY_PATH": "/var/lang/lib",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            **place.environment,
        }
        command = ["bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent"]
        command += ["--uid", "993", "--gid", "990", "--clearenv", "--ro-bind", "/usr", "/usr"]
        for link in ("lib", "lib64", "bin"):
            command += ["--symlink", f"usr/{link}", f"/{link}"]
        command += ["--ro-bind-try", "/etc/ssl", "/etc/ssl", "--ro-bind", place.python, "/var/lang"]
        command += ["--ro-bind", place.package, "/var/task", "--ro-bind", place.runtime, "/var/runtime"]
        command += ["--proc", "/proc", "--dir", "/dev"]
        for device in OPEN:
            command += ["--dev-bind", device, device]
        command += ["--size", str(512 * MIB), "--tmpfs", "/tmp", "--remount-ro", "/", "--chdir", "/var/task"]
        for name, value in variables.items():
            command += ["--setenv", name, value]
        return [*map(str, command), "/var/lang/bin/python3.13", "-m", "awslambdaric", self.function.handler]

    def _watch(self) -> None:
        while self._process.poll() is None:
            self.peak = max(self.peak, _memory(self._process.pid) / MIB)
            if self.peak > self.function.memory:
                self.killed = f"it had {self.peak:.0f} MiB of {self.function.memory}"
                self._process.kill()
            time.sleep(LOOK)


def _memory(pid: int) -> int:
    """Give the bytes that a process and its descendants have, each page that they share once.

    Or the most that one of them ever had, if that is more: this no look can miss.
    """
    now, ever = [0], [0]
    for process in _family(pid):
        with suppress(OSError):  # it has ended
            now.append(_kilobytes(process, "smaps_rollup", "Pss"))
            ever.append(_kilobytes(process, "status", "VmHWM"))
    return 1024 * max(sum(now), *ever)


def _kilobytes(process: int, file: str, field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{process}/{file}").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:
        return
    for child in children.split():
        yield from _family(int(child))


class Share:
    """The part of a processor that a function of so much memory has, where this machine lets us say so (cgroup v1)."""

    ROOT = Path("/sys/fs/cgroup/cpu")

    def __init__(self, function: Function) -> None:
        self._group: Path | None = None
        if self.possible():
            self._group = self.ROOT / f"redrive-{uuid.uuid4().hex}"
            self._group.mkdir()
            quota = int(PERIOD * function.memory / WHOLE_PROCESSOR)
            (self._group / "cpu.cfs_quota_us").write_text(str(quota))

    @classmethod
    def possible(cls) -> bool:
        """Whether there is such a thing here."""
        return (cls.ROOT / "cpu.cfs_quota_us").exists() and os.access(cls.ROOT, os.W_OK)

    @property
    def enter(self) -> list[str]:
        """The words before a command that let it begin in this group."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self._group / "cgroup.procs")] if self._group else []

    def remove(self) -> None:
        """Remove it, once all that was in it has ended."""
        until = time.monotonic() + 5
        while self._group and (self._group / "cgroup.procs").read_text() and time.monotonic() < until:
            time.sleep(LOOK)
        if self._group:
            self._group.rmdir()


def missing() -> str:
    """Say what this machine lacks for a sandbox; nothing when it lacks nothing."""
    if shutil.which("bwrap") is None:
        return "there is no bubblewrap here (Debian: apt-get install bubblewrap)"
    tried = subprocess.run(
        ["bwrap", "--unshare-user", "--ro-bind", "/", "/", "true"], capture_output=True, text=True, check=False
    )
    return f"bubblewrap may make no sandbox here: {tried.stderr.strip()}" if tried.returncode else ""
