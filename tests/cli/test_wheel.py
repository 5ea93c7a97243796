"""The wheel carries what it deploys: installed somewhere else, it runs without the repository."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this repository."""
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run([*PIP, "wheel", "--no-deps", "--wheel-dir", folder, REPOSITORY], check=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder with the wheel installed in it; its dependencies are those of this environment."""
    target = tmp_path_factory.mktemp("installed")
    subprocess.run([*PIP, "install", "--no-deps", "--target", target, wheel], check=True)
    return target


@pytest.mark.slow
def test_an_installed_tool_runs_and_deploys_from_any_folder(installed, start, redrive, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    variables = {"PYTHONPATH": str(installed)}
    where = "import redrive_cli.stack.product as p; print(p.template())"
    found = subprocess.run(
        [sys.executable, "-c", where], env=variables, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert found == str(installed / "redrive_cli" / "product" / "template.yaml")
    assert redrive("--help", **variables).returncode == 0

    running = start("local", "--json", "--port", "0", **variables)

    ready = json.loads(running.stdout.readline())
    done = redrive(
        "run",
        "no-such-queue",
        "--endpoint-url",
        ready["endpoint"],
        "--region",
        ready["region"],
        AWS_ACCESS_KEY_ID=ready["access_key_id"],
        AWS_SECRET_ACCESS_KEY=ready["secret_access_key"],
        **variables,
    )
    assert "there is no queue 'no-such-queue'" in done.stderr


@pytest.mark.slow
def test_the_wheel_has_the_product_and_nothing_compiled(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    product = {name.split("/")[2] for name in names if name.startswith("redrive_cli/product/")}
    assert product == {"template.yaml", "statemachine", "functions"}
    assert not [name for name in names if "__pycache__" in name]
