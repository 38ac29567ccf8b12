"""What a user reads when something stands in the way."""

from __future__ import annotations


class DeepEyesError(Exception):
    """A fault of the set-up, the data or a server; the message names it and the fix."""
