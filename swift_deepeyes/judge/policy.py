"""How questions are decided, and how hard a server is asked: one frozen value each.

The official code asks the judge once per visual answer and reads the reply by its own rule; it has
no cache, no shortcut and no second question. Everything else it leaves open (what happens when a
call fails: it crashes) is the same here in both modes.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from swift_deepeyes.judge.reply import read_official_reply, read_reply
from swift_deepeyes.judge.rules import maths
from swift_deepeyes.judge.rules.decision import MAX_ANSWER, final_answer
from swift_deepeyes.judge.rules.letters import bare_letter, read_options
from swift_deepeyes.judge.rules.text import canonical, is_same_text
from swift_deepeyes.scoring.verdict import JudgeQuestion, Outcome, QuestionKind
from swift_deepeyes.settings import ScoringMode, Settings

WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})")

ReplyReader = Callable[[str, JudgeQuestion], Outcome]
Shortcut = Callable[[JudgeQuestion], Outcome | None]


@dataclass(frozen=True)
class Policy:
    """One way of judging."""

    shortcut: Shortcut  # decides without a server, or None: ask
    read_reply: ReplyReader
    second_questions: int  # how often an unreadable reply is asked again
    one_reply_each: bool  # every sample gets a reply of its own: no sharing, no cache


def settle(question: JudgeQuestion) -> Outcome | None:
    """The outcome where it is beyond doubt, else None: ask.

    No answer or an over-long one; the same text (letter case may differ in plain words, never in
    formulas and units); two option letters; for math also two whole numbers, and two formulas that
    were read whole and are equal. Right if one reference is met, wrong if every one is settled so.
    May wait for the math worker; call it off the event loop.
    """
    if len(question.answer) >= MAX_ANSWER or not canonical(question.answer):
        return Outcome.WRONG
    answer = final_answer(question)
    if answer is None:
        return None  # two boxed answers: for the judge to read
    references = (question.reference, *question.alternatives)
    outcomes = {_settle(question, reference, answer) for reference in references}
    if Outcome.RIGHT in outcomes:
        return Outcome.RIGHT
    return Outcome.WRONG if outcomes == {Outcome.WRONG} else None


def settle_official(question: JudgeQuestion) -> Outcome | None:
    """The official order: math verification before the judge for math, nothing else by rule."""
    if question.kind is not QuestionKind.MATH:
        return None
    references = (question.reference, *question.alternatives)
    verified = any(maths.equal_officially(gold, question.answer) for gold in references)
    return Outcome.RIGHT if verified else None


def _settle(question: JudgeQuestion, reference: str, answer: str) -> Outcome | None:
    if is_same_text(answer, reference):
        return Outcome.RIGHT
    letters = bare_letter(answer), bare_letter(reference)
    if all(letters) and letters[0] != letters[1]:
        return Outcome.WRONG
    if all(letters) and (
        _is_capital(answer, reference) or letters[0] in read_options(question.question)
    ):
        return Outcome.RIGHT
    if question.kind is not QuestionKind.MATH:
        return None
    numbers = canonical(answer), canonical(reference)
    if all(map(WHOLE_NUMBER.fullmatch, numbers)):
        return Outcome.RIGHT if numbers[0] == numbers[1] else Outcome.WRONG
    return Outcome.RIGHT if maths.equal(reference, answer) else None


def _is_capital(*texts: str) -> bool:
    """Whether the letters are upper case: without options, `b` need not mean `B`."""
    return all(text.upper() == text for text in map(canonical, texts))


STRICT = Policy(shortcut=settle, read_reply=read_reply, second_questions=2, one_reply_each=False)
OFFICIAL = Policy(
    shortcut=settle_official,
    read_reply=read_official_reply,
    second_questions=0,
    one_reply_each=True,
)


def policy_for(mode: ScoringMode) -> Policy:
    """The policy of a scoring mode."""
    return OFFICIAL if mode is ScoringMode.OFFICIAL else STRICT


@dataclass(frozen=True)
class JudgeLimits:
    """Everything is in seconds but `concurrency` (calls in flight) and `retries` (per call)."""

    concurrency: int
    timeout: float
    retries: int
    wait: float  # for a judge that went away
    start_wait: float = 10.0  # for one that was never reached
    first_backoff: float = 0.5
    longest_backoff: float = 8.0
    probe_interval: float = 2.0
    log_interval: float = 30.0

    @classmethod
    def of(cls, settings: Settings) -> JudgeLimits:
        """The limits that the settings name."""
        return cls(
            concurrency=settings.judge_concurrency,
            timeout=settings.judge_timeout,
            retries=settings.judge_retries,
            wait=settings.judge_wait,
            start_wait=settings.judge_start_wait,
        )

    def backoff(self, failures: int) -> float:
        """How long to wait after the n-th failure of a question: doubling, with jitter.

        The jitter keeps the calls of a batch, and the ranks of a run, from returning as one.
        """
        longest = min(self.first_backoff * 2.0 ** min(failures - 1, 16), self.longest_backoff)
        return random.uniform(0.5, 1.0) * longest

    def probe_pause(self) -> float:
        """How long to wait between two looks at a judge that is away."""
        return random.uniform(0.5, 1.0) * self.probe_interval
