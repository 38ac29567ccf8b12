"""The demo's evaluation: `swift deploy` serves a checkpoint, and the evaluation asks it new scenes.

The same engine and the same rules as in training, but another driver, greedy sampling, and scenes
that the policy was not trained on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from swift_deepeyes.demo import commands
from swift_deepeyes.demo.options import EVALUATION_QUESTIONS, DemoOptions
from swift_deepeyes.demo.processes import SwiftProcess, free_port
from swift_deepeyes.demo.toy import build_data
from swift_deepeyes.demo.toy.model import CONTEXT_TOKENS
from swift_deepeyes.evaluation.config import Config, Sampling
from swift_deepeyes.evaluation.endpoint import Endpoint
from swift_deepeyes.evaluation.evaluate import Sources, evaluate
from swift_deepeyes.evaluation.reporting.report import Report
from swift_deepeyes.evaluation.served_model import Stated
from swift_deepeyes.settings import CropSource, JudgeKind, Settings
from swift_deepeyes.tools.prompt import tool_system_prompt

_OTHER_SCENES = 10_000  # added to the seed: scenes that the training does not have
_START_SECONDS = 300.0
_TURN_TOKENS = 96


@dataclass(frozen=True)
class Result:
    """One evaluation. Shares are 0 to 1; `low` and `high` bound accuracy's 95 % interval."""

    name: str
    accuracy: float
    low: float
    high: float
    crop_share: float
    report: Path


def evaluate_checkpoint(options: DemoOptions, checkpoint: Path, name: str) -> Result:
    """Evaluate a checkpoint. Raises `ProcessFailedError` if it cannot be served."""
    data = build_data(
        options.evaluation / "data",
        options.seed + _OTHER_SCENES,
        EVALUATION_QUESTIONS,
        other_rows=1,
        family=options.toy,
    )
    folder = options.evaluation / name
    port = free_port()
    arguments = commands.deploy_arguments(checkpoint, port, options.toy)
    log = options.output / f"evaluation_{name}.log"
    with SwiftProcess(arguments, log, options.toy.variables) as server:
        server.wait_for_line("Application startup complete", _START_SECONDS)
        url = f"http://127.0.0.1:{port}/v1"
        stated = Stated(
            checkpoint=checkpoint,
            max_pixels=options.toy.view.pixels,
            max_context=CONTEXT_TOKENS,
        )
        report = asyncio.run(_ask(url, data.vstar, stated, folder))
    mode = report.figures.modes[0]
    assert mode.accuracy is not None
    return Result(
        name=name,
        accuracy=mode.accuracy.value,
        low=mode.accuracy.low,
        high=mode.accuracy.high,
        crop_share=mode.tool_use.crop_share,
        report=folder / "report.md",
    )


async def _ask(url: str, questions: Path, stated: Stated, folder: Path) -> Report:
    config = Config(
        benchmark="parquet",
        sampling=Sampling(temperature=0.0, max_tokens=_TURN_TOKENS),
        max_turns=commands.MAX_TURNS,
        system_prompt=tool_system_prompt(),
    )
    async with Endpoint(url) as endpoint:
        return await evaluate(
            config,
            Sources(data=questions),
            # The rules know the toy's answers; the patterns are only in the file.
            Settings(judge=JudgeKind.RULE, crop_source=CropSource.ORIGINAL),
            endpoint,
            model=None,
            stated=stated,
            out=folder,
            concurrency=8,
        )
