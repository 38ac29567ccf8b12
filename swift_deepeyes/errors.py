"""What a user reads when something stands in the way: one tree, whose root the command prints.

Errors stand beside what raises them. What never leaves its room (a failed try of a call, a model's
mistake that becomes an observation) is no part of the tree.
"""

from __future__ import annotations


class DeepEyesError(Exception):
    """A fault of the set-up, the data or a server; the message names it and the fix."""


class PrepareError(DeepEyesError):
    """The files cannot be prepared as asked; the message names the file or option and the fix."""
