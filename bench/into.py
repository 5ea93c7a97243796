"""Run a bench and put what it prints into a section of a document: `into.py docs/performance.md cost -- COMMAND`.

The section lies between `<!-- cost: begin -->` and `<!-- cost: end -->`. What the bench prints is shown as well, and
its exit code is this program's; a bench that fails leaves the document as it was.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def main() -> None:
    document, section, dashes, *command = sys.argv[1:]
    assert dashes == "--", __doc__
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, end="")
    if done.returncode == 0:
        begin, end = f"<!-- {section}: begin -->\n", f"<!-- {section}: end -->"
        before = Path(document).read_text()
        after, times = re.subn(
            re.escape(begin) + ".*?" + re.escape(end), lambda _: begin + done.stdout + end, before, flags=re.DOTALL
        )
        assert times == 1, f"{document} has no section {section}"
        Path(document).write_text(after)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
