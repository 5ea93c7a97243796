"""The picture in the README: a run as `redrive run` shows it, on the embedded AWS, in colours, as SVG.

`make picture` writes it anew. Nothing in it is drawn by hand.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from redrive_cli.commands.demo import ORDERS, WHERE, Story
from redrive_cli.stack.local import local_stack

FILE = Path(__file__).parent / "run.svg"
COLUMNS = 148
COMMAND = ["run", "orders-dlq", "--sent", "today", "--where", WHERE]
TYPED = f"redrive run orders-dlq --sent today --where '{WHERE}'"
# rich's own frame loads its font from the network; a monospaced one of the reader's does as well.
FRAME = (
    """\
<svg class="{unique_id}" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
  <title>$ """
    + TYPED.replace("{", "{{").replace("}", "}}")
    + """</title>
  <style>
    .{unique_id}-matrix {{
      font-family: ui-monospace, "Fira Code", Menlo, Consolas, monospace;
      font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
    }}
    {styles}
  </style>
  <defs>
    <clipPath id="{unique_id}-clip-terminal">
      <rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
    </clipPath>
    {lines}
  </defs>
  {chrome}
  <g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
    {backgrounds}
    <g class="{unique_id}-matrix">{matrix}</g>
  </g>
</svg>
"""
)


def main() -> None:
    with local_stack() as stack:
        Story(stack.aws, "orders", ORDERS).fail_all()
        done = subprocess.run(
            [sys.executable, "-m", "redrive_cli", *COMMAND],
            env={**os.environ, **stack.environment, "FORCE_COLOR": "1", "TERM": "xterm-256color"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
    out = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    out.print(Text(f"$ {TYPED}"))
    out.print(Text.from_ansi(done.stdout))
    out.save_svg(str(FILE), title="redrive", code_format=FRAME, unique_id="run")


if __name__ == "__main__":
    main()
