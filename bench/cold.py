"""What a cold start costs: the import of each handler and its first clients, beside `boto3.client("sqs")` alone.

The package is the one that `redrive local` deploys; boto3 and what it stands on are this environment's, as Lambda's
runtime brings them. Each measurement is a fresh process that sees these two folders and the standard library.

Lambda unpacks a package without bytecode, into a folder that it cannot write to: every cold start compiles what it
imports. boto3 is given its bytecode, whether or not the runtime's has any: so the reference is as cheap as it can be.
The same with bytecode in the package shows what compiling is of it.

Fails when the import of a handler costs more than 1.5 times the reference, or the package is 5 MB or more.
"""

from __future__ import annotations

import compileall
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter, defaultdict
from importlib import metadata
from pathlib import Path

from measure import machine, spread

from redrive_cli.stack.package import build_package
from redrive_cli.stack.product import template

ROUNDS = 9
MOST = 1.5  # times the reference
LARGEST = 5_000_000  # bytes of the zipped package
PARTS = 6
# boto3 and what it needs: with the standard library, all that Lambda has beside the package.
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "python-dateutil", "six")
# The clients that a first call makes in a run over one lane, with nothing held, stopped or run at the same time.
CLIENTS = {
    "check": ["sqs"],
    "count": ["sqs"],
    "plan": ["dynamodb", "stepfunctions", "sqs", "s3"],
    "find": ["sqs"],
    "receive": ["sqs", "s3"],
    "filter": ["s3"],
    "send": ["sqs", "s3", "dynamodb"],
    "delete": ["sqs", "s3"],
    "release": ["sqs", "s3"],
    "report": ["s3", "dynamodb"],
    "cleanup": ["sqs", "stepfunctions", "s3"],
}
REFERENCE = "boto3"
# Python's own start is in neither figure: the clock begins when the probe does.
PROBE = """
import os, sys
from time import perf_counter, process_time
module, clients, *sys.path[:0] = sys.argv[1], sys.argv[2].split(","), *sys.argv[3:]
os.environ.update(AWS_DEFAULT_REGION="us-east-1", AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")
times = [(process_time(), perf_counter())]
__import__(module)
times.append((process_time(), perf_counter()))
ours = sys.modules.get("clients")
make = ours._client if ours else sys.modules["boto3"].client
for client in clients:
    make(client)
times.append((process_time(), perf_counter()))
print(*(1000 * (time - start) for after in times[1:] for time, start in zip(after, times[0])))
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        package, runtime = Path(folder, "package"), Path(folder, "runtime")
        zipped = build_package(template().parent / "functions", Path(folder, "package.zip"))
        with zipfile.ZipFile(zipped) as archive:
            parts = Counter()
            for entry in archive.infolist():
                parts[entry.filename.split("/", 1)[0]] += entry.compress_size
            archive.extractall(package)
        size = zipped.stat().st_size
        copy_runtime(runtime)
        compileall.compile_dir(runtime, quiet=2)
        print(f"Measured on {machine()}, {ROUNDS} rounds; boto3 {metadata.version('boto3')}.")
        print("Milliseconds of processor time, but where it says clock: the median (least to greatest). A ratio is to")
        print(f"the reference of the same round, the median of {ROUNDS}.\n")
        missed = report_times("The package as it is deployed, without bytecode", package, runtime)
        compileall.compile_dir(package, quiet=2)
        report_times("The same with bytecode in the package", package, runtime)
        bytecode = sum(path.stat().st_size for path in package.rglob("*.pyc"))
    print(f"The package: {size / 1e6:.2f} MB zipped (goal: below {LARGEST / 1e6:.0f}). Its largest parts:\n")
    print("| part | MB zipped |\n|---|--:|")
    for name, bytes_ in parts.most_common(PARTS):
        print(f"| {name} | {bytes_ / 1e6:.2f} |")
    print(f"\nBytecode of all of it would be {bytecode / 1e6:.1f} MB, not zipped.")
    if size >= LARGEST:
        missed.append(f"the package has {size / 1e6:.2f} MB")
    for miss in missed:
        print(f"missed: {miss}", file=sys.stderr)
    return 1 if missed else 0


def copy_runtime(target: Path) -> None:
    """Copy boto3 and what it needs, as installed here, to a folder that has nothing else."""
    for name in RUNTIME:
        for file in metadata.distribution(name).files or []:
            if file.suffix != ".pyc" and ".." not in file.parts:
                to = target / file
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), to)


def report_times(title: str, package: Path, runtime: Path) -> list[str]:
    """Measure, print the table, and give the goals that were missed."""
    found = defaultdict(list)
    for number in range(ROUNDS):
        print(f"{title}: round {number + 1} of {ROUNDS}", file=sys.stderr)
        found[REFERENCE].append(cold(REFERENCE, ["sqs"], package, runtime))
        for handler, clients in CLIENTS.items():
            found[handler].append(cold(handler, clients, package, runtime))
    reference = [times[2] for times in found[REFERENCE]]
    clock = spread([times[3] for times in found[REFERENCE]])
    print(f"### {title}\n")
    print("| handler | import | ratio | import and first clients | ratio | the same by the clock | clients |")
    print("|---|--:|--:|--:|--:|--:|---|")
    print(f"| *boto3, the reference* | | | {spread(reference)} | 1 | {clock} | sqs |")
    missed = []
    for handler, clients in CLIENTS.items():
        alone, _, whole, clock = zip(*found[handler], strict=True)
        ratios = [statistics.median(map(float.__truediv__, times, reference)) for times in (alone, whole)]
        cells = [handler, spread(alone), f"{ratios[0]:.2f}", spread(whole), f"{ratios[1]:.2f}", spread(clock)]
        print(f"| {' | '.join([*cells, ', '.join(clients)])} |")
        if ratios[0] > MOST:
            missed.append(f"the import of {handler} costs {ratios[0]:.2f} times the reference, not {MOST}")
    print()
    return missed


def cold(module: str, clients: list[str], package: Path, runtime: Path) -> list[float]:
    """Give CPU and clock time (ms) of the import, then of import and clients, in a fresh process."""
    command = [sys.executable, "-I", "-S", "-B", "-c", PROBE, module, ",".join(clients), str(package), str(runtime)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(time) for time in answer.stdout.split()]


if __name__ == "__main__":
    sys.exit(main())
