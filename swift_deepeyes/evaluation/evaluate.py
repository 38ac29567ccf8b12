"""One evaluation from start to report: the way in for code. The command adds only printing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from swift_deepeyes.evaluation.announcement import check_frame
from swift_deepeyes.evaluation.benchmarks import find_benchmark, load_questions
from swift_deepeyes.evaluation.config import Config, fingerprint
from swift_deepeyes.evaluation.driver import Driver
from swift_deepeyes.evaluation.endpoint import Endpoint
from swift_deepeyes.evaluation.folder import EvaluationFolder
from swift_deepeyes.evaluation.pixel_check import check_pixels
from swift_deepeyes.evaluation.question import Question
from swift_deepeyes.evaluation.question_tools import check_toolboxes
from swift_deepeyes.evaluation.reporting.figures import compute_figures
from swift_deepeyes.evaluation.reporting.report import (
    REPORT_JSON,
    REPORT_MARKDOWN,
    Report,
    to_markdown,
)
from swift_deepeyes.evaluation.runner import run_trials
from swift_deepeyes.evaluation.scorer import Scorer
from swift_deepeyes.evaluation.served_model import Stated, identify
from swift_deepeyes.evaluation.trial import Trial, plan_trials
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.progress import Progress
from swift_deepeyes.settings import Settings


class Sources(FrozenModel):
    """Where the questions are, and how many of them are asked (None: all).

    `toolboxes`: those of the plugin files that were loaded for them.
    """

    data: Path
    images: Path | None = None
    limit: int | None = None
    toolboxes: frozenset[str] = frozenset()


async def evaluate(
    config: Config,
    sources: Sources,
    settings: Settings,
    endpoint: Endpoint,
    *,
    model: str | None,
    stated: Stated,
    out: Path,
    concurrency: int,
    progress: Progress | None = None,
    check_tokens: bool = True,
) -> Report:
    """Evaluate and write the report. `endpoint` has to be open.

    Raises `BenchmarkError`, `UnknownModelError`, `UnknownToolboxError`, `OtherFrameError`,
    `ServerFailedError` and `FolderError` before anything is asked, and with `check_tokens`
    `OtherPixelsError` where the server counts other image tokens than expected; a server or judge
    that fails later only makes the report incomplete.
    """
    progress = progress or Progress()
    progress.say(f"Server: {endpoint.url}")
    listing = await endpoint.find_model(model, progress.say)
    served = identify(listing, stated, settings.bbox_format)
    progress.say(f"Model: {served.name} ({served.how})")
    with EvaluationFolder(out) as folder:
        questions = load_questions(config.benchmark, sources.data, sources.images, folder.store)
        check_toolboxes(questions, config.toolbox, sources.toolboxes)
        check_frame(questions, config, served, settings)
        facts = fingerprint(config, settings, served, questions)
        folder.check(facts)
        asked = questions[: sources.limit]
        trials = plan(config, asked)
        progress.say(f"Questions: {len(asked):,} of {config.benchmark}, {len(trials):,} trials")
        images = [image for question in asked for image in question.images]
        scorer = Scorer(config.benchmark, settings)
        with closing(Driver(endpoint, served, config, settings)) as driver:
            progress.say("Checking that the server counts image tokens as expected ...")
            pixels = await check_pixels(endpoint, served.name, served.recipe, images)
            if check_tokens:
                pixels.raise_if_other()
            progress.say(f"Image tokens: {pixels.told}")
            folder.claim(facts, f"{config.benchmark}: {served.name}")
            progress.say(f"Asking, {concurrency} trials at once ...")
            outcome = await run_trials(
                trials, driver, scorer, folder, concurrency=concurrency, progress=progress
            )
        report = Report(
            benchmark=config.benchmark,
            model=served,
            settings=facts,
            options=describe_options(config, asked),
            figures=compute_figures(trials, outcome.lines, outcome.not_run),
            pixels=pixels,
            published=find_benchmark(config.benchmark).published,
            not_run=outcome.not_run,
            judge_error=outcome.judge_error,
            failed_tries=endpoint.failed_tries,
            restored_thoughts=endpoint.restored_thoughts,
            lost_lines=outcome.lost_lines,
        )
        folder.write(REPORT_JSON, report.model_dump_json(indent=2) + "\n")
        folder.write(REPORT_MARKDOWN, to_markdown(report))
    return report


def plan(config: Config, questions: list[Question]) -> list[Trial]:
    """The trials that the configuration asks for."""
    return list(
        plan_trials(
            questions,
            tools=config.tools,
            all_rotations=config.all_rotations,
            samples=config.samples,
            seed=config.shuffle_seed,
        )
    )


def describe_options(config: Config, questions: list[Question]) -> str:
    """In which order options were shown, in words."""
    if all(question.right is None for question in questions):
        return "none that could be reordered"
    order = (
        "in the published order"
        if config.shuffle_seed is None
        else f"shuffled with seed {config.shuffle_seed}"
    )
    return f"{order}, every rotation asked" if config.all_rotations else order
