"""What a judge is asked and what it answers: the words that scoring and every judge share."""

from __future__ import annotations

from enum import StrEnum

from swift_deepeyes.episode.trajectory import Text
from swift_deepeyes.frozen import FrozenModel


class QuestionKind(StrEnum):
    """Which prompt and which rules a question gets."""

    OPEN = "open"
    MATH = "math"


class JudgeQuestion(FrozenModel):
    """One thing to decide: whether `answer` (untrusted, the model's) means `reference`.

    `alternatives`: other references of the same row; an answer that means any one of them is right.
    """

    kind: QuestionKind
    question: str
    reference: str
    answer: str
    alternatives: tuple[str, ...] = ()


class Outcome(StrEnum):
    """The three outcomes of judging; `unreadable` is never quietly counted as wrong.

    Of a server: its reply held no verdict. Of the rules: no rule can read this answer.
    """

    RIGHT = "right"
    WRONG = "wrong"
    UNREADABLE = "unreadable"


class Decider(StrEnum):
    """Who decided: a judge server, its cached verdict, or the rules (as judge or as fallback)."""

    SERVER = "server"
    CACHE = "cache"
    RULE = "rule"
    RULE_AFTER_UNREADABLE = "rule_after_unreadable"
    RULE_AFTER_FAILURE = "rule_after_failure"


class Verdict(FrozenModel):
    """The decision on one question, and the judge's reply where there was one."""

    outcome: Outcome
    decided_by: Decider
    reply: Text | None = None

    @property
    def is_right(self) -> bool:
        """True only for `right`."""
        return self.outcome is Outcome.RIGHT
