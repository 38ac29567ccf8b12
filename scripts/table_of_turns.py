"""What became of forty turns as Qwen3-VL and Qwen3.5 write them, under their own templates.

Each is played through the scheduler and ms-swift's own driver; the rows are the test's. Prints
Markdown, and exits with an error if a row became something else than it says.
Usage: PYTHONPATH=. python scripts/table_of_turns.py
"""

from __future__ import annotations

import io
import logging
import sys
from contextlib import redirect_stderr, redirect_stdout

from swift_deepeyes.demo import cpu_support

cpu_support.install()

HEADER = [
    "model",
    "prompt",
    "thinks",
    "case",
    "seen in",
    "what it writes",
    "became",
    "what it reads back",
    "fined",
]


def cell(text: str, longest: int) -> str:
    """One line of a cell: tags are shown, not rendered."""
    line = " ".join(text.split())
    line = line if len(line) <= longest else line[:longest].rstrip() + " …"
    return f"`{line}`" if line else ""


def main() -> int:
    """Print the table; 1 if a row is not as it says."""
    from swift_deepeyes.demo.families import family_template
    from swift_deepeyes.ms_swift.register import register_all
    from tests.ms_swift.written_turns import TURNS, play

    logging.disable(logging.WARNING)
    register_all()
    templates = {family: family_template(family) for family in {turn.family for turn in TURNS}}
    print("| " + " | ".join(HEADER) + " |")
    print("|" + "---|" * len(HEADER))
    different = 0
    for turn in TURNS:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # the run's banner
            outcome = play(turn, templates[turn.family])
        different += outcome.became != turn.became
        told = outcome.told.removeprefix("<tool_response>").partition("\nThink first")[0]
        thinks = "yes" if turn.thinks else "no"
        row = [turn.family, turn.taught, thinks, turn.what, turn.seen, cell(turn.sampled, 240)]
        row += [outcome.became, cell(told, 90), ", ".join(outcome.errors)]
        print("| " + " | ".join(row) + " |")
    print(f"{len(TURNS)} turns, {different} other than expected", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
