"""What the tool cannot do, in a form that people can use. `app` prints it."""

from __future__ import annotations


class CliError(Exception):
    """Something that was asked for cannot be done. `str()` is one sentence of what is wrong; `hint` says what to do."""

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(sentence)
        self.hint = hint
