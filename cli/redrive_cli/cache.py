"""The cache: a folder of this user's, where what was fetched once may be kept; whatever is in it may be deleted."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def folder(kind: str, *whose: str) -> Path:
    """Give the folder for `kind`, of what `whose` names (other people's names: they are hashed), and make it.

    Raises OSError where there can be none.
    """
    root = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(root):  # noqa: PTH117  as the XDG Base Directory Specification asks: another is ignored
        try:
            root = str(Path.home() / ".cache")
        except RuntimeError as error:
            raise OSError("there is no home directory") from error
    path = Path(root) / "redrive" / kind / name_for(*whose)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def name_for(*parts: str) -> str:
    """Give a file's name that stands for these texts, whatever they have in them."""
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:40]
