"""What a user chooses between; light to import, for the command line."""

from __future__ import annotations

from enum import StrEnum


class PromptColumn(StrEnum):
    """Under which name the conversation is written."""

    PROMPT = "prompt"  # as published; ms-swift renames it by `columns` of the dataset's entry
    MESSAGES = "messages"  # ms-swift's own name


class ChartPolicy(StrEnum):
    """What happens to the rows of the chart file, whose images are very large."""

    EXCLUDE = "exclude"
    CAP = "cap"
    KEEP = "keep"


class UnknownColumns(StrEnum):
    """What happens to columns that the schema of the data does not have."""

    DROP = "drop"
    KEEP = "keep"


class RowIssue(StrEnum):
    """What can be wrong with a row; the value is its name in options and reports."""

    NO_PROMPT = "no_prompt"
    NO_IMAGE = "no_image"
    MISSING_IMAGE = "missing_image"
    BROKEN_IMAGE = "broken_image"
    THIN_IMAGE = "thin_image"
    IMAGE_TAGS = "image_tags"
    NO_REFERENCE = "no_reference"
    NO_QUESTION = "no_question"
    NOT_AN_OPTION = "not_an_option"
    UNMATCHED_REFERENCE = "unmatched_reference"
    CONTRADICTORY = "contradictory"
    EXCLUDED_CHART = "excluded_chart"


MEANING = {
    RowIssue.NO_PROMPT: "no messages, one without role or text, or no user's",
    RowIssue.NO_IMAGE: "no image at all",
    RowIssue.MISSING_IMAGE: "an image without content, a file or address that is not there",
    RowIssue.BROKEN_IMAGE: "an image that cannot be decoded",
    RowIssue.THIN_IMAGE: "an image more than 200 times as long as wide, which no model encodes",
    RowIssue.IMAGE_TAGS: "more <image> tags than images, or images that nobody can place",
    RowIssue.NO_REFERENCE: "no reference answer: nobody can score it",
    RowIssue.NO_QUESTION: "no extra_info.question: the judge reads the prompt instead",
    RowIssue.NOT_AN_OPTION: "options in the question, and a reference that is none of them",
    RowIssue.UNMATCHED_REFERENCE: "the math rules refuse the reference itself as an answer",
    RowIssue.CONTRADICTORY: "the same image and question as another row, another reference",
    RowIssue.EXCLUDED_CHART: "a chart row, left out by --chart exclude",
}

DROPPED_BY_DEFAULT = frozenset(
    {
        RowIssue.NO_PROMPT,
        RowIssue.NO_IMAGE,
        RowIssue.MISSING_IMAGE,
        RowIssue.BROKEN_IMAGE,
        RowIssue.THIN_IMAGE,
        RowIssue.IMAGE_TAGS,
        RowIssue.NO_REFERENCE,
        RowIssue.EXCLUDED_CHART,
    }
)
"""Rows that would stop a run or could not be scored. The others train, and are reported."""
