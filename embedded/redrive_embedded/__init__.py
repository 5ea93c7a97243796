"""An AWS on this machine: one process, one port, no Docker, no account.

ministack answers the requests; `gaps` supplies what it lacks. `EmbeddedAws` starts it, and leaves nothing
behind when it ends.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

if TYPE_CHECKING:
    from types import TracebackType

REGION = "us-east-1"
ACCOUNT = "000000000000"
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

_HOST = "127.0.0.1"
_LOG_NAME = "embedded-aws.log"
_READY_SECONDS = 30.0
_STOP_SECONDS = 5.0


class EmbeddedAwsError(Exception):
    """The embedded AWS cannot run. `str()` is one sentence of what is wrong; `hint` says what to do."""

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(sentence)
        self.hint = hint


class EmbeddedAws:
    """An AWS of its own, in a process of its own, from `with` to the end of the block.

    It answers who knows its `credentials`, and nobody else (`access`).
    `port=0` takes a free port. `wait_scale` shortens the state machines' Waits and the delays of their
    Retries, e.g. 0.1 to a tenth. `plain=True` runs ministack without our gap fillers: the tests use it to
    see which gaps are still there.
    """

    region = REGION
    account = ACCOUNT
    server = ("-m", "redrive_embedded.server")  # what Python is to run; a bench puts a slower one in its place

    def __init__(self, port: int = 0, *, wait_scale: float = 1.0, plain: bool = False) -> None:
        self.port = port
        self._wait_scale = wait_scale
        self._plain = plain
        self._access_key = f"LOCAL{secrets.token_hex(16).upper()}"
        self._home: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """The address that every client speaks to, e.g. `http://127.0.0.1:4566`."""
        return f"http://{_HOST}:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        """The variables with the only credentials that it takes. Of the two, the access key is what it looks at."""
        return dict(zip(CREDENTIALS, (self._access_key, "not-looked-at"), strict=True))

    @property
    def process_id(self) -> int | None:
        """The process id while it runs. Its Lambda workers are in the process group of the same number."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> Path:
        """The log of the running process; it goes with the process."""
        if self._home is None:
            raise EmbeddedAwsError("The embedded AWS is not running.", "Start it first.")
        return self._home / _LOG_NAME

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the process and wait until it answers.

        Raises EmbeddedAwsError: the port is taken, or it does not come up (with the last line of its log).
        """
        with _listening(self.port) as listener:  # from here on the port is ours; the process inherits it
            self.port = listener.getsockname()[1]
            self._home = Path(tempfile.mkdtemp(prefix="redrive-aws-"))
            self._process = self._launch(self._home, listener)
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the process and its Lambda workers, and remove their files. Stopping twice is fine."""
        if self._process is not None:
            _end(self._process)
            self._process = None
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def wait(self) -> NoReturn:
        """Wait for the end of the process, which does not end by itself. Raises EmbeddedAwsError, with how it did."""
        if self._process is None:
            raise EmbeddedAwsError("The embedded AWS is not running.", "Start it first.")
        code = self._process.wait()
        how = f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"
        raise EmbeddedAwsError(
            f"The embedded AWS {how}; the last line of its log: {_last_line(self.log)}",
            "What was on it is gone. Start it again.",
        )

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of this AWS; `options` go to boto3, e.g. `config`."""
        return self._session.client(service, endpoint_url=self.endpoint, **options)

    @functools.cached_property
    def _session(self) -> Any:
        """A boto3 session that sees nothing of the user's: no profile, no configuration file, no proxy."""
        import boto3  # noqa: PLC0415  the server's own process imports this package and needs no boto3
        import botocore.config  # noqa: PLC0415
        import botocore.session  # noqa: PLC0415

        nowhere = (None, None, os.devnull, None)
        variables = {
            "profile": (None, None, None, None),
            "config_file": nowhere,
            "credentials_file": nowhere,
        }
        settings = botocore.session.Session(session_vars=variables)
        settings.set_default_client_config(botocore.config.Config(proxies={}))
        session: Any = boto3.Session
        return session(*self.credentials.values(), region_name=self.region, botocore_session=settings)

    def _launch(self, home: Path, listener: socket.socket) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", *self.server]  # -P: the folder that somebody is in holds no modules of ours
        command += ["--port", str(self.port), "--socket", str(listener.fileno())]
        command += ["--home", str(home), "--wait-scale", str(self._wait_scale)]
        command += ["--plain"] if self._plain else []
        package_root = str(Path(__file__).resolve().parents[1])
        search_path = [package_root, os.environ.get("PYTHONPATH", "")]
        # The credentials go by the environment: another user of the machine could read them in the command.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, search_path)), **self.credentials}
        with (home / _LOG_NAME).open("wb") as log:
            return subprocess.Popen(  # noqa: S603  our own module, on our own arguments
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not self._answers():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                state = "ended" if ended else f"did not answer within {_READY_SECONDS:.0f} seconds"
                raise EmbeddedAwsError(
                    f"The embedded AWS {state}; the last line of its log: {_last_line(self.log)}",
                    'Is the package installed with its extra? pip install "redrive[local]"',
                )
            time.sleep(0.02)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(_HOST, self.port, timeout=5)
        try:
            connection.request("GET", "/_ministack/health", headers={"Authorization": f"AWS {self._access_key}:"})
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()


def _listening(port: int) -> socket.socket:
    """A socket that listens on the port, or for 0 on a free one. Raises EmbeddedAwsError with the reason."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise EmbeddedAwsError(
            f"Port {port} cannot be used: {error.strerror}.",
            "Choose another port, or 0 for any free one.",
        ) from error
    return listener


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close its standard input, which it takes as its end; then make sure of its whole process group."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "(empty)"
