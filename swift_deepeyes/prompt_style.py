"""Whose words tell a model of its tools. Imports nothing: the command line names the styles."""

from __future__ import annotations

from enum import StrEnum


class PromptStyle(StrEnum):
    """One setting, `DEEPEYES_PROMPT` and `--prompt`; each style includes the one before it.

    `published` is the default for every family: a model is asked in the words that it was trained
    on, and the released models, and all runs so far, were trained on these.
    """

    PUBLISHED = "published"  # the row's own, to the letter
    CORRECTED = "corrected"  # the tool's schema requires the argument that it describes
    FAMILY = "family"  # boxes in the model family's frame, calls in its form
