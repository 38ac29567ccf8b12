"""What a user reads when something stands in the way: one tree, whose root the command prints.

Errors stand beside what raises them. What never leaves its room (a failed try of a call, a model's
mistake that becomes an observation) is no part of the tree.
"""

from __future__ import annotations

import sys
from types import TracebackType


class DeepEyesError(Exception):
    """A fault of the set-up, the data or a server; the message names it and the fix."""


class PrepareError(DeepEyesError):
    """The files cannot be prepared as asked; the message names the file or option and the fix."""


def show_in_one_line() -> None:
    """Have an error of ours that ends this process shown as one line, as our commands show it.

    For processes whose `main` is not ours: with its traceback of forty lines it would be the last
    of them. Other errors look as before. Idempotent.
    """
    before = sys.excepthook
    if getattr(before, "shows_in_one_line", False):
        return

    def show(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        if isinstance(error, DeepEyesError):
            sys.stderr.write(f"error: {error}\n")
        else:
            before(kind, error, where)

    show.shows_in_one_line = True  # type: ignore[attr-defined]
    sys.excepthook = show
