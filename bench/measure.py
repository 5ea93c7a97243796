"""What the benches have in common: which machine it was, and how a figure is given."""

import os
import platform
from pathlib import Path
from statistics import median


def machine() -> str:
    """Name the Python and the processor that the figures are of."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"Python {platform.python_version()} on {model}, {os.cpu_count()} cores"


def spread(values: list[float]) -> str:
    """Give the median of some figures, and the least and the most of them; whole numbers from 100 on."""
    digits = 0 if median(values) >= 100 else 2
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"
