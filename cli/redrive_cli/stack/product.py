"""What is deployed: the template, the state machine and the functions, wherever the tool is installed."""

from __future__ import annotations

from pathlib import Path

STACK = "redrive"  # as it is called unless somebody says otherwise

_HERE = Path(__file__).resolve().parents[1]


def template() -> Path:
    """The template; the machine and the functions that it names lie beside it.

    A wheel carries them inside the package; in a checkout they are at its root.
    """
    packaged = _HERE / "product"
    root = packaged if packaged.is_dir() else _HERE.parents[1]
    return root / "template.yaml"
