"""What a user reads when something stands in the way."""

from __future__ import annotations


class DeepEyesError(Exception):
    """A fault of the set-up, the data or a server; the message names it and the fix."""


class PrepareError(DeepEyesError):
    """The files cannot be prepared as asked; the message names the file or option and the fix."""
