"""Where a run speaks: whole lines on stdout, beside ms-swift's progress bar."""

from __future__ import annotations

import sys

from tqdm import tqdm


def say(text: str) -> None:
    """Print whole lines on stdout, above the progress bar where there is one."""
    # In a file the bar has no line end, and a line behind it would be found by no search.
    is_behind_bar = bool(getattr(tqdm, "_instances", ())) and not sys.stdout.isatty()
    encoding = sys.stdout.encoding or "utf-8"
    lines = "\n" * is_behind_bar + text.encode(encoding, "replace").decode(encoding) + "\n"
    with tqdm.external_write_mode(file=sys.stdout):
        sys.stdout.write(lines)
        sys.stdout.flush()
