"""Whether the judge is there, is a judge, and judges two known cases right."""

from __future__ import annotations

import asyncio

from swift_deepeyes.chat.address import AddressError
from swift_deepeyes.chat.client import ClientSetupError
from swift_deepeyes.chat.identity import ServerKind, identify_server
from swift_deepeyes.doctor.finding import Finding, Health, failed, ok
from swift_deepeyes.judge import JudgeError, make_judge
from swift_deepeyes.judge.check import check_known_cases
from swift_deepeyes.judge.errors import NAMES
from swift_deepeyes.settings import JudgeKind, Settings

LONGEST_WAIT_SECONDS = 10.0
_CASES = "swift-deepeyes doctor --judge-cases puts all labelled cases to it"


def check_judge(settings: Settings) -> list[Finding]:
    """Each judge server's identity, then two cases through the judge that training would use."""
    if settings.judge is JudgeKind.RULE:
        findings = [ok("judge", "rules (DEEPEYES_JUDGE=rule): no server is needed")]
    else:
        urls, key = settings.judge_base_url, settings.judge_api_key
        findings = [_identify(url, key) for url in urls]
        if any(finding.health is Health.FAILED for finding in findings):
            return findings
    return [*findings, _known_cases(settings)]


def _identify(url: str, api_key: str) -> Finding:
    check = "judge server"
    try:
        identity = asyncio.run(identify_server(url, api_key))
    except AddressError as error:
        return failed(check, str(error), f"set {NAMES.url} to the address that the judge printed")
    except ClientSetupError as error:
        return failed(check, str(error), "set that variable to a file that is there, or unset it")
    if identity.kind is ServerKind.CHAT and not identity.models:
        return failed(check, f"{identity.url} serves no model", "start it with a --model")
    if identity.kind is ServerKind.CHAT:
        return ok(check, f"{identity.url} serves {', '.join(identity.models)}")
    return failed(check, identity.found(NAMES), identity.fix(NAMES))


def _known_cases(settings: Settings) -> Finding:
    # A server that is away must not keep the doctor waiting as it would keep a run.
    waits = ("judge_wait", "judge_start_wait")
    short = {name: min(getattr(settings, name), LONGEST_WAIT_SECONDS) for name in waits}
    patient = settings.model_copy(update=short)
    try:
        problems = asyncio.run(check_known_cases(make_judge(patient)))
    except JudgeError as error:
        return failed("judge verdicts", error.found, error.fix or _CASES)
    if problems:
        fix = "use a larger judge model; small judges have made tool use collapse (DeepEyes #78)"
        return failed("judge verdicts", "; ".join(problems), fix)
    return ok("judge verdicts", "a right and a wrong answer are distinguished")
