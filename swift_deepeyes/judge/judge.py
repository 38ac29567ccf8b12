"""The judge that a run uses, chosen by the settings; among them the one that needs no server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from swift_deepeyes.judge.openai_judge import OpenAIJudge
from swift_deepeyes.judge.policy import policy_for
from swift_deepeyes.judge.rules import decide
from swift_deepeyes.judge.stats import JudgeCounts, JudgeStats
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Outcome, Verdict
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

    async def meet(self) -> None:
        """Find out whether the judge is there, before there are questions. Raises `JudgeError`."""
        ...

    @property
    def model(self) -> str:
        """Who decides, for people: the model as it was met; "" where it has not been met."""
        ...

    @property
    def addresses(self) -> str:
        """Where it is asked, without passwords; "" where nobody is asked."""
        ...

    async def verdicts(self, questions: Sequence[JudgeQuestion]) -> list[Verdict]:
        """One verdict per question, in order. Raises `JudgeError` if the run has to stop."""
        ...


class RuleJudge:
    """`DEEPEYES_JUDGE=rule`: decides by `rules.decide`; what no rule can read is `unreadable`."""

    model = "rules"
    addresses = ""

    def __init__(self) -> None:
        self._last = JudgeCounts()
        self._totals = JudgeCounts()

    @property
    def stats(self) -> JudgeStats:
        """The figures of the last batch."""
        return self._last.freeze()

    @property
    def totals(self) -> JudgeStats:
        """The figures of all batches."""
        return self._totals.freeze()

    async def meet(self) -> None:
        """There is no server."""

    async def verdicts(self, questions: Sequence[JudgeQuestion]) -> list[Verdict]:
        """One verdict per question, in order. Never raises for what an answer contains."""
        # Off the loop: comparing formulas may wait for the math worker.
        decided = await asyncio.to_thread(self._decide_all, list(questions))
        undecided = sum(verdict.outcome is Outcome.UNREADABLE for verdict in decided)
        self._last = JudgeCounts(
            questions=len(decided), by_rule=len(decided) - undecided, unreadable=undecided
        )
        self._totals.add(self._last)
        return decided

    @staticmethod
    def _decide_all(questions: list[JudgeQuestion]) -> list[Verdict]:
        known: dict[JudgeQuestion, Verdict] = {}
        for question in questions:
            if question not in known:
                known[question] = Verdict(outcome=decide(question), decided_by=Decider.RULE)
        return [known[question] for question in questions]


def make_judge(settings: Settings) -> Judge:
    """The judge that `DEEPEYES_JUDGE` names. Touches no network: servers are met at first use."""
    if settings.judge is JudgeKind.RULE:
        return RuleJudge()
    return OpenAIJudge(settings, policy_for(settings.scoring))
