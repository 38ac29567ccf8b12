"""The judge that needs no server: `DEEPEYES_JUDGE=rule`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from swift_deepeyes.judge.rules import decide
from swift_deepeyes.judge.stats import JudgeCounts, JudgeStats
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, Outcome, Verdict


class RuleJudge:
    """Decides by `rules.decide`; what no rule can read is `unreadable`, and counted as that."""

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
