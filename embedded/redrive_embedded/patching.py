"""How a gap of ministack is filled: a named piece of it is replaced, after a check that it is still there.

`@replaces("services.sqs._dlq_sweep")` marks a function that takes the original as its first argument and
is called in its place. `@rewrites("services.sqs._HANDLERS")` marks a function from the original value to the
new one. Several patches of one name wrap each other in the order in which they are written.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# The one version whose insides the patches know. pyproject.toml pins the same.
MINISTACK_VERSION = "1.5.33"


class PatchError(Exception):
    """This ministack is not the one that the patches know."""


@dataclass(frozen=True)
class Patch:
    """What is patched (`services.sqs._dlq_sweep`), and from the original to what."""

    target: str
    make: Callable[[Any], Any]


PATCHES: list[Patch] = []


def ministack(module: str) -> Any:
    """A module of ministack, e.g. `ministack("services.sqs")`. It has no types: hence Any."""
    return importlib.import_module(f"ministack.{module}")


def replaces(target: str) -> Callable[[T], T]:
    """Mark a function to be called instead of `target`, with the original as its first argument."""

    def mark(function: Any) -> Any:
        PATCHES.append(Patch(target, lambda original: functools.partial(function, original)))
        return function

    return mark


def rewrites(target: str) -> Callable[[Callable[[T], T]], Callable[[T], T]]:
    """Mark a function that turns the value of `target` into the one to use instead."""

    def mark(function: Callable[[T], T]) -> Callable[[T], T]:
        PATCHES.append(Patch(target, function))
        return function

    return mark


def apply_patches() -> None:
    """Apply every patch that was marked. Raises PatchError: another version, or a name that is gone."""
    installed = importlib.metadata.version("ministack")
    if installed != MINISTACK_VERSION:
        raise PatchError(f"The embedded AWS needs ministack {MINISTACK_VERSION}, but {installed} is installed.")
    for patch in PATCHES:
        module_name, _, name = patch.target.rpartition(".")
        module = ministack(module_name)
        if not hasattr(module, name):
            raise PatchError(
                f"The embedded AWS needs ministack {MINISTACK_VERSION}, but this one has no {patch.target}."
            )
        setattr(module, name, patch.make(getattr(module, name)))
