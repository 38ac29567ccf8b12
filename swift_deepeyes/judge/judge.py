"""The judge that a run uses, chosen by the settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from swift_deepeyes.judge.openai_judge import OpenAIJudge
from swift_deepeyes.judge.policy import policy_for
from swift_deepeyes.judge.rule_judge import RuleJudge
from swift_deepeyes.judge.stats import JudgeStats
from swift_deepeyes.scoring.verdict import JudgeQuestion, Verdict
from swift_deepeyes.settings import JudgeKind, Settings


class Judge(Protocol):
    """Decides whether answers are right.

    One object lives as long as the process; every call of `verdicts` may run in an event loop of
    its own (ms-swift starts one per batch), so a judge keeps nothing that belongs to a loop.
    """

    @property
    def stats(self) -> JudgeStats:
        """The figures of the last batch."""
        ...

    @property
    def totals(self) -> JudgeStats:
        """The figures of all batches since the object was made."""
        ...

    async def verdicts(self, questions: Sequence[JudgeQuestion]) -> list[Verdict]:
        """One verdict per question, in order. Raises `JudgeError` if the run has to stop."""
        ...


def make_judge(settings: Settings) -> Judge:
    """The judge that `DEEPEYES_JUDGE` names. Touches no network: servers are met at first use."""
    if settings.judge is JudgeKind.RULE:
        return RuleJudge()
    return OpenAIJudge(settings, policy_for(settings.scoring))
