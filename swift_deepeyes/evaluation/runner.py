"""Runs trials: bounded, resumable, and honest about what could not be run.

Workers play trials; one writer scores what they finish, in small batches, and puts it on disk. So a
killed run loses at most what was in flight, and the judge is never asked by two batches at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from swift_deepeyes.episode.view import UnreadableImageError
from swift_deepeyes.evaluation.driver import Driver, Played
from swift_deepeyes.evaluation.endpoint import (
    ServerFailedError,
    ServerRefusedError,
    UnusableReplyError,
)
from swift_deepeyes.evaluation.folder import EvaluationFolder
from swift_deepeyes.evaluation.scorer import Scorer, is_scored
from swift_deepeyes.evaluation.trial import Trial
from swift_deepeyes.judge import JudgeError
from swift_deepeyes.progress import Progress
from swift_deepeyes.record.record import LoggedTrajectory

logger = logging.getLogger(__name__)

_LEAST_FAILURES_TO_STOP = 8


@dataclass
class EvaluationOutcome:
    """How the run stands. `not_run`: why, by the trial's id; `judge_error`: why none was judged.

    `lost_lines`: lines of the folder's log that could not be read.
    """

    planned: int
    lines: dict[str, LoggedTrajectory] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)
    judge_error: str = ""
    lost_lines: int = 0

    @property
    def unscored(self) -> list[str]:
        """Trials that were run but that no judge has seen."""
        return [id for id, line in self.lines.items() if not is_scored(line)]

    @property
    def note(self) -> str:
        """The share that is right, and what was not run, in a few words."""
        found = (line.score.accuracy for line in self.lines.values())
        scores = [accuracy for accuracy in found if accuracy is not None]
        share = f"{100 * sum(scores) / len(scores):.1f} % right" if scores else ""
        missing = f"{len(self.not_run)} NOT RUN" if self.not_run else ""
        return ", ".join(filter(None, (share, missing)))

    @property
    def is_complete(self) -> bool:
        """Everything planned was run and scored."""
        return len(self.lines) == self.planned and not self.unscored


async def run_trials(
    trials: Sequence[Trial],
    driver: Driver,
    scorer: Scorer,
    folder: EvaluationFolder,
    *,
    concurrency: int,
    progress: Progress | None = None,
) -> EvaluationOutcome:
    """Run what the folder does not hold yet. Raises nothing that a server does."""
    known = folder.read()
    outcome = EvaluationOutcome(planned=len(trials), lost_lines=folder.lost_lines)
    outcome.lines.update({trial.id: known[trial.id] for trial in trials if trial.id in known})
    run = _Run(trials, driver, scorer, folder, outcome, concurrency, progress or Progress())
    await run.score_leftovers()
    run.report_progress()
    await run.play_all()
    return outcome


class _Run:
    """The state of one `run_trials`."""

    def __init__(
        self,
        trials: Sequence[Trial],
        driver: Driver,
        scorer: Scorer,
        folder: EvaluationFolder,
        outcome: EvaluationOutcome,
        concurrency: int,
        progress: Progress,
    ) -> None:
        self._trials = {trial.id: trial for trial in trials}
        self._driver = driver
        self._scorer = scorer
        self._folder = folder
        self._outcome = outcome
        self._concurrency = concurrency
        self._progress = progress
        progress.begin("trials", outcome.planned, len(outcome.lines))
        self._finished: asyncio.Queue[Played | None] = asyncio.Queue()
        self._failures_in_a_row = 0

    async def score_leftovers(self) -> None:
        """Judge what an earlier run left unjudged."""
        leftovers = [self._outcome.lines[id] for id in self._outcome.unscored]
        if leftovers:
            await self._score_and_keep(leftovers)

    async def play_all(self) -> None:
        """Play all that is missing, to the end or until the server is plainly away."""
        missing = iter([t for id, t in self._trials.items() if id not in self._outcome.lines])
        # One group around both: if the writer fails (a full disk), nothing more is played.
        async with asyncio.TaskGroup() as everyone:
            everyone.create_task(self._write())
            async with asyncio.TaskGroup() as workers:
                for _ in range(self._concurrency):
                    workers.create_task(self._work(missing))
            self._finished.put_nowait(None)

    def report_progress(self) -> None:
        """Say how many trajectories there are, and how many of them are right."""
        self._progress.reach(len(self._outcome.lines), self._outcome.note)

    async def _work(self, missing: Iterator[Trial]) -> None:
        for trial in missing:
            if self._failures_in_a_row >= max(_LEAST_FAILURES_TO_STOP, self._concurrency):
                self._note_failure(trial, "the server was away, and the run was stopped")
                continue
            try:
                played = await self._driver.play(trial)
            except ServerFailedError as error:
                self._failures_in_a_row += 1
                self._note_failure(trial, str(error))
            except (ServerRefusedError, UnusableReplyError) as error:
                self._note_failure(trial, str(error))
            except UnreadableImageError as error:
                names = ", ".join(str(image) for image in trial.question.images)
                self._note_failure(trial, f"{error}: {names}")
            except Exception as error:
                # A fault of ours, or of a tool's: with its traceback, and as one trial of many.
                logger.exception("the trial %s failed", trial.id)
                self._note_failure(trial, f"{type(error).__name__}: {error}")
            else:
                self._failures_in_a_row = 0
                self._finished.put_nowait(played)

    def _note_failure(self, trial: Trial, reason: str) -> None:
        self._outcome.not_run[trial.id] = reason
        self.report_progress()

    async def _write(self) -> None:
        """Score and keep what is finished, as much at once as there is."""
        more = True
        while more:
            batch = [await self._finished.get()]
            while not self._finished.empty():
                batch.append(self._finished.get_nowait())
            more = batch[-1] is not None
            played = [one for one in batch if one is not None]
            if played:
                lines = await asyncio.to_thread(self._lines, played)
                await self._score_and_keep(lines)

    def _lines(self, played: list[Played]) -> list[LoggedTrajectory]:
        return [self._scorer.line(one, self._folder) for one in played]

    async def _score_and_keep(self, lines: list[LoggedTrajectory]) -> None:
        """Without a judge the lines are kept as they are: the next run judges them."""
        if not self._outcome.judge_error:
            try:
                lines = await self._scorer.score(lines, [self._trials[line.id] for line in lines])
            except JudgeError as error:
                logger.error("%s", error)
                self._outcome.judge_error = str(error)
        self._folder.append(lines)
        self._outcome.lines.update({line.id: line for line in lines})
        self.report_progress()
