"""The demo: make a toy and its data, teach it to write turns, train it with GRPO, show what came.

Everything that trains is the real thing in a process of its own: `swift sft`, then `swift rlhf`
with vLLM and this package's plugin. This module starts them one after the other and watches their
logs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from swift_deepeyes.demo import commands, figures
from swift_deepeyes.demo.evaluation import Result, evaluate_checkpoint
from swift_deepeyes.demo.figures import DemoSummary, StepFigures
from swift_deepeyes.demo.options import DemoOptions, plugin_environment
from swift_deepeyes.demo.own_data import write_own_data
from swift_deepeyes.demo.processes import SwiftProcess
from swift_deepeyes.demo.toy import build_data, build_model, build_warm_start
from swift_deepeyes.demo.toy.model import check_family
from swift_deepeyes.progress import Progress
from swift_deepeyes.record.reader import read_trajectories
from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.viewer.build import PageLimits
from swift_deepeyes.viewer.output import write_page

_PROMPTS = 256
_POLL_SECONDS = 0.5
_STAGE_SECONDS = 1800.0  # far above any machine's need; a hanging command must not hang for ever


@dataclass(frozen=True)
class DemoResults:
    """What came of it, and where it is."""

    steps: list[StepFigures]
    evaluations: list[Result]
    summary: DemoSummary
    files: dict[str, Path]
    own_data: tuple[str, ...]  # commands that train the toy on data of one's own


def run_demo(options: DemoOptions, progress: Progress, say: Callable[[str], object]) -> DemoResults:
    """Run all of it; `say` takes lines of text.

    Raises `FamilyTooNewError`, `OutputTakenError` or `ProcessFailedError`, with the log's end.
    """
    start = time.monotonic()
    toy = options.toy
    check_family(toy)
    options.clear_output()
    say(f"Making a toy {toy.title} and toy scenes (nothing is downloaded)")
    build_model(options.model, options.seed, toy)
    build_data(options.data, options.seed, _PROMPTS, family=toy)
    rows = toy.warm_start_steps * commands.WARM_START_BATCH
    warm_start = build_warm_start(options.data, options.seed, rows, family=toy)

    say("Warm start: `swift sft` teaches it to write turns, and to zoom now and then")
    _warm_start(options, warm_start, progress)

    say("Evaluation before: `swift deploy` serves it, `swift-deepeyes eval` asks new scenes")
    start_of_grpo = commands.warm_start_checkpoint(options)
    # A command imports for most of a minute, on one core: the trainer does so beside.
    with _start_grpo(options) as trainer:
        evaluations = [evaluate_checkpoint(options, start_of_grpo, "before")]
        say("GRPO: `swift rlhf` with deepeyes_scheduler and the deepeyes rewards")
        _watch_grpo(trainer, options, progress)

    say("Evaluation after")
    evaluations.append(evaluate_checkpoint(options, commands.grpo_checkpoint(options), "after"))

    steps = figures.read_steps(options.log)
    trajectories = read_trajectories(options.log).items
    write_page(options.log, PageLimits(), options.page, lambda line: None)
    seconds = time.monotonic() - start
    summary = figures.summarise(options.seed, options.family, steps, trajectories, seconds)
    files = {"summary": options.output / "summary.json", "log": options.log, "page": options.page}
    summary.write(files["summary"])
    if (image := _draw(trajectories, options, say)) is not None:
        files["image"] = image
    own_data = write_own_data(options, start_of_grpo)
    return DemoResults(steps, evaluations, summary, files, own_data)


def _draw(
    trajectories: list[LoggedTrajectory], options: DemoOptions, say: Callable[[str], object]
) -> Path | None:
    """An image of one trajectory, where there is one with a crop and matplotlib is installed."""
    try:
        from swift_deepeyes.demo.trajectory_image import choose, draw_trajectory
    except ImportError as error:
        say(f"No image of a trajectory: {error}. The fix: pip install -e '.[demo]'")
        return None
    chosen = choose(trajectories)
    if chosen is None:
        return None
    path = options.output / "trajectory.png"
    draw_trajectory(chosen, options.log, options.toy.view.side, path)
    return path


def _warm_start(options: DemoOptions, dataset: Path, progress: Progress) -> None:
    progress.begin("warm start", options.toy.warm_start_steps)

    def look() -> None:
        losses = _read_losses(options.warm_start / "logging.jsonl")
        if losses:
            done, loss = losses[-1]
            progress.reach(done, f"loss {loss:.3f}")

    arguments = commands.warm_start_arguments(options, dataset)
    log = options.output / "warm_start.log"
    with SwiftProcess(arguments, log, options.toy.variables) as process:
        _watch(process, look)


def _start_grpo(options: DemoOptions) -> SwiftProcess:
    arguments = commands.grpo_arguments(options)
    return SwiftProcess(arguments, options.output / "grpo.log", plugin_environment(options))


def _watch_grpo(trainer: SwiftProcess, options: DemoOptions, progress: Progress) -> None:
    progress.begin("GRPO", options.grpo_steps)

    def look() -> None:
        steps = figures.read_steps(options.log)
        if steps:
            recent = steps[-figures.WINDOW :]
            reward = figures.mean_of(recent, "reward")
            crops = figures.mean_of(recent, "crop_rate")
            note = f"reward {reward:.2f}, with a crop {crops:.0%}"
            progress.reach(len(steps), note)

    _watch(trainer, look)


def _watch(process: SwiftProcess, look: Callable[[], None]) -> None:
    deadline = time.monotonic() + _STAGE_SECONDS
    while process.is_running and time.monotonic() < deadline:
        look()
        time.sleep(_POLL_SECONDS)
    process.wait(timeout_seconds=1)
    look()


def _read_losses(path: Path) -> list[tuple[int, float]]:
    """Steps and losses in ms-swift's own log, as far as it is written."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    entries = [json.loads(line) for line in lines if line.endswith("\n")]
    return [
        (int(entry["global_step/max_steps"].split("/")[0]), float(entry["loss"]))
        for entry in entries
        if "loss" in entry
    ]
