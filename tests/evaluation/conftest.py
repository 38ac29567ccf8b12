from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from swift_deepeyes.evaluation.config import Config, Sampling
from swift_deepeyes.evaluation.endpoint import Endpoint
from swift_deepeyes.evaluation.evaluate import Sources, evaluate
from swift_deepeyes.evaluation.reporting.report import Report
from swift_deepeyes.evaluation.served_model import Stated
from swift_deepeyes.settings import JudgeKind, Settings
from swift_deepeyes.tools.prompt import tool_system_prompt
from tests.evaluation.policy_server import PolicyServer
from tests.evaluation.running import Evaluate


@pytest.fixture
def run_evaluation(monkeypatch: pytest.MonkeyPatch) -> Evaluate:
    """Evaluate V* (or what is named) against a server, with small limits and quick retries."""
    for name in ("DEEPEYES_CROP_SOURCE", "DEEPEYES_BBOX_FORMAT", "DEEPEYES_SCORING"):
        monkeypatch.delenv(name, raising=False)

    def run(
        server: PolicyServer | str,
        data: Path,
        out: Path,
        *,
        benchmark: str = "vstar",
        stated: Stated | None = None,
        settings: Settings | None = None,
        images: Path | None = None,
        limit: int | None = None,
        concurrency: int = 6,
        retries: int = 6,
        check_tokens: bool = True,
        **changes: Any,
    ) -> Report:
        config = Config(
            benchmark=benchmark,
            **{
                "system_prompt": tool_system_prompt(),
                "sampling": Sampling(max_tokens=512),
                **changes,
            },
        )

        async def go() -> Report:
            url = server if isinstance(server, str) else server.url
            endpoint = Endpoint(url, retries=retries, first_pause_seconds=0.01, timeout_seconds=20)
            async with endpoint:
                return await evaluate(
                    config,
                    Sources(data=data, images=images, limit=limit),
                    settings or Settings(judge=JudgeKind.RULE),
                    endpoint,
                    model=None,
                    stated=stated or Stated(max_pixels=602_112),
                    out=out,
                    concurrency=concurrency,
                    check_tokens=check_tokens,
                )

        return asyncio.run(go())

    return run
