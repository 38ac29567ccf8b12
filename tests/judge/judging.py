"""What the judge's tests share: questions whose right verdict the scripted server knows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from swift_deepeyes.judge.openai_judge import OpenAIJudge
from swift_deepeyes.judge.policy import JudgeLimits, policy_for
from swift_deepeyes.scoring.verdict import JudgeQuestion, QuestionKind, Verdict
from swift_deepeyes.settings import ScoringMode, Settings

NUMBER = re.compile(r"sample (\d+)")


def ask(
    answer: str,
    reference: str = "The umbrella is red.",
    question: str = "What is the colour of the umbrella?",
    kind: QuestionKind = QuestionKind.OPEN,
) -> JudgeQuestion:
    return JudgeQuestion(kind=kind, question=question, reference=reference, answer=answer)


def samples(count: int, first: int = 0) -> list[JudgeQuestion]:
    """Different questions that rules call wrong; `truth` calls every third of them right."""
    return [
        ask(f"The umbrella of sample {number} is crimson or so.")
        for number in range(first, first + count)
    ]


def truth(request: dict[str, Any]) -> str:
    """The scripted judge's reply: right for every third sample, which the rules would not say."""
    match = NUMBER.search(request["messages"][0]["content"])
    return "1" if match is None or int(match[1]) % 3 == 0 else "0"


def limits(**changes: Any) -> JudgeLimits:
    """JudgeLimits for tests: the same behaviour, a twentieth of the waiting."""
    defaults: dict[str, Any] = {
        "concurrency": 64,
        "timeout": 5.0,
        "retries": 3,
        "wait": 20.0,
        "first_backoff": 0.02,
        "longest_backoff": 0.2,
        "probe_interval": 0.1,
        "log_interval": 0.5,
    }
    return JudgeLimits(**(defaults | changes))


def make(
    *urls: str,
    scoring: ScoringMode = ScoringMode.STRICT,
    cache: int = 1000,
    model: str | None = None,
    key: str = "EMPTY",
    **changes: Any,
) -> OpenAIJudge:
    settings = Settings(
        judge_base_url=urls,
        judge_model=model,
        judge_api_key=key,
        judge_cache=cache,
        scoring=scoring,
    )
    return OpenAIJudge(settings, policy_for(scoring), limits(**changes))


def judge_all(judge: OpenAIJudge, questions: Sequence[JudgeQuestion]) -> list[Verdict]:
    """One batch, in an event loop of its own, as ms-swift calls it."""
    return asyncio.run(judge.verdicts(questions))
