"""Whether the judge is there, is a judge, and judges two known cases right."""

from __future__ import annotations

import asyncio

from swift_deepeyes.doctor.finding import Finding, failed, ok
from swift_deepeyes.judge import make_judge
from swift_deepeyes.judge.check import ServerKind, check_known_cases, identify_server
from swift_deepeyes.judge.errors import JudgeError
from swift_deepeyes.settings import JudgeKind, Settings


def check_judge(settings: Settings) -> list[Finding]:
    """Each judge server's identity, then two cases through the judge that training would use."""
    if settings.judge is JudgeKind.RULE:
        findings = [ok("judge", "rules (DEEPEYES_JUDGE=rule): no server is needed")]
    else:
        urls, key = settings.judge_base_url, settings.judge_api_key
        findings = [_identify(url, key) for url in urls]
        if any(finding.fix for finding in findings):
            return findings
    return [*findings, _known_cases(settings)]


def _identify(url: str, api_key: str) -> Finding:
    identity = asyncio.run(identify_server(url, api_key))
    if identity.kind is ServerKind.CHAT:
        return ok(
            "judge server", f"{identity.url} serves {', '.join(identity.models) or 'no model'}"
        )
    return failed("judge server", identity.problem(), "set DEEPEYES_JUDGE_BASE_URL")


def _known_cases(settings: Settings) -> Finding:
    # A server that is away must not keep the doctor waiting as it would keep a run.
    patient = settings.model_copy(update={"judge_wait": min(settings.judge_wait, 10.0)})
    try:
        problems = asyncio.run(check_known_cases(make_judge(patient)))
    except JudgeError as error:
        return failed("judge verdicts", str(error), "see above")
    if problems:
        fix = "use a larger judge model; small judges have made tool use collapse (DeepEyes #78)"
        return failed("judge verdicts", "; ".join(problems), fix)
    return ok("judge verdicts", "a right and a wrong answer are told apart")
