"""The judge's error, and the words with which messages name its settings."""

from __future__ import annotations

from swift_deepeyes.chat.failures import SettingNames
from swift_deepeyes.errors import DeepEyesError

NAMES = SettingNames(
    url="DEEPEYES_JUDGE_BASE_URL",
    key="DEEPEYES_JUDGE_API_KEY",
    model="DEEPEYES_JUDGE_MODEL",
    timeout="DEEPEYES_JUDGE_TIMEOUT",
    concurrency="DEEPEYES_JUDGE_CONCURRENCY",
    server="judge",
    start="Start the judge (`swift deploy --port 18901`, scripts/deploy_judge.sh)",
    without=", or train without one: DEEPEYES_JUDGE=rule",
)


class JudgeError(DeepEyesError):
    """The judge cannot be used and the run must stop: the message names the URL and the fix."""

    def __init__(self, found: str, fix: str = "") -> None:
        super().__init__(f"{found} {fix}".strip())
        self.found = found
        self.fix = fix
