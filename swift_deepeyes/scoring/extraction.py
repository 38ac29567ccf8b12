"""What the format rules find in a trajectory: the answer to judge, and which rules fired.

`strict` and `official` each turn a transcript into one `Extraction`; weights and judging are
`score`'s business. An extraction needs no judge, no reward and no ms-swift.
"""

from __future__ import annotations

from enum import StrEnum

from swift_deepeyes.frozen import FrozenModel

ANSWER_LIMIT_CHARACTERS = 1000
"""From this length on an answer is an attempt to talk the judge over, not an answer."""


class FormatError(StrEnum):
    """A format rule that fired; the value is its name in metrics and logs."""

    UNBALANCED_THINK = "unbalanced_think"
    UNBALANCED_IMAGE_TOKENS = "unbalanced_image_tokens"  # official rules only
    FORGED_PLACEHOLDER = "forged_placeholder"
    FORGED_TOOL_RESPONSE = "forged_tool_response"
    FORGED_CONTROL_TOKEN = "forged_control_token"
    MISSING_ANSWER = "missing_answer"
    ANSWER_IN_THINK = "answer_in_think"
    EARLY_ANSWER = "early_answer"
    BROKEN_ANSWER = "broken_answer"
    REPEATED_ANSWER = "repeated_answer"
    DIFFERING_ANSWERS = "differing_answers"
    EMPTY_ANSWER = "empty_answer"
    OVERLONG_ANSWER = "overlong_answer"
    TAGS_IN_ANSWER = "tags_in_answer"
    HEDGED_ANSWER = "hedged_answer"
    ADDRESSED_JUDGE = "addressed_judge"
    MISSING_BOXED = "missing_boxed"
    EARLY_BOXED = "early_boxed"
    BROKEN_BOXED = "broken_boxed"
    SEVERAL_BOXED = "several_boxed"


VOIDING_ERRORS = frozenset(
    {
        FormatError.MISSING_ANSWER,
        FormatError.ANSWER_IN_THINK,
        FormatError.DIFFERING_ANSWERS,
        FormatError.EMPTY_ANSWER,
        FormatError.OVERLONG_ANSWER,
        FormatError.TAGS_IN_ANSWER,
        FormatError.HEDGED_ANSWER,
        FormatError.ADDRESSED_JUDGE,
        FormatError.MISSING_BOXED,
    }
)
"""Strict rules that leave nothing to judge: accuracy 0 without a judge call."""


class Extraction(FrozenModel):
    """What a judge needs and what the format score needs.

    `answer` is the extracted text, None where there is none; `is_judged` is False where the rules
    alone settle that accuracy is 0; `crops` is what counts for the tool score.
    """

    answer: str | None
    is_judged: bool
    errors: tuple[FormatError, ...] = ()
    crops: int = 0
