"""The embedded AWS's own process, which `EmbeddedAws` starts.

It runs ministack with our gap fillers on a socket of 127.0.0.1 that it inherits, keeps every file under its home, and
ends (with its Lambda workers, and its home) when its standard input closes: so it cannot outlive the process that
started it, however that one died.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from redrive_embedded import ACCOUNT, CREDENTIALS, REGION, gaps
from redrive_embedded.patching import PatchError, ministack

_FOREIGN = ("AWS_", "MINISTACK_", "LOCALSTACK_", "SFN_", "LAMBDA_", "S3_", "POWERTOOLS_", "PYTHONPATH")


def main() -> None:
    """Run until standard input closes."""
    options = _parse_arguments()
    enclose(options.home, options.port, options.wait_scale)
    # Only now: ministack reads its environment when it is imported.
    app = ministack("app")
    if not options.plain:
        try:
            gaps.fill_all()
        except PatchError as error:
            sys.exit(str(error))  # the log's last line, which the parent quotes
    threading.Thread(target=_end_with_parent, args=(options.home,), daemon=True).start()
    _serve(app.app, options.socket)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The embedded AWS's own process; `redrive local` starts it.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--socket", type=int, required=True, help="the descriptor that listens on that port")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--wait-scale", type=float, default=1.0, help="shortens Waits, e.g. 0.1 to a tenth")
    parser.add_argument("--plain", action="store_true", help="ministack as it is, without our gap fillers")
    return parser.parse_args()


def _serve(app: Any, descriptor: int) -> None:
    """As ministack's own `main`, but on a socket that its parent opened: nobody can be there in its place."""
    from hypercorn.asyncio import serve  # noqa: PLC0415  after ministack, which changes it
    from hypercorn.config import Config  # noqa: PLC0415

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a burst of connections
    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.keep_alive_timeout = 75
    config.loglevel = os.environ["LOG_LEVEL"]
    asyncio.run(serve(app, config))


def enclose(home: Path, port: int, wait_scale: float) -> None:
    """Set what ministack and its Lambda workers read from the environment: one port, one address, one home.

    The user's own AWS settings are taken out: a worker inherits this environment, and with the user's
    AWS_ENDPOINT_URL or profile it would talk to a real account; with a PYTHONPATH it would find modules
    that its package lacks. The access key is the one that the parent made up for this AWS.
    """
    credentials = {name: os.environ[name] for name in CREDENTIALS}
    for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
        del os.environ[name]
    for folder in ("state", "s3", "tmp"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    os.environ.update(
        {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "AWS_DEFAULT_REGION": REGION,
            **credentials,
            "AWS_CONFIG_FILE": str(home / "no-aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(home / "no-aws-credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "STATE_DIR": str(home / "state"),
            "S3_DATA_DIR": str(home / "s3"),
            "TMPDIR": str(home / "tmp"),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LAMBDA_EXECUTOR": "local",
            "PYTHONSAFEPATH": "1",  # a worker imports its package, and no file that lies around
            "SFN_WAIT_SCALE": str(wait_scale),
            "DOCKER_HOST": f"unix://{home / 'no-docker.sock'}",
            "LOG_LEVEL": "WARNING",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        },
    )


def _end_with_parent(home: Path) -> None:
    """Wait for the end of standard input, then end everything this process started, and itself."""
    sys.stdin.buffer.read()
    ministack(
        "core.lambda_runtime"
    ).reset()  # reaps the workers, so that no zombie is left where nobody collects orphans
    shutil.rmtree(home, ignore_errors=True)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # also a worker started in this very moment
    os._exit(0)


if __name__ == "__main__":
    main()
