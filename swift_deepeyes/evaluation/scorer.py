"""From a trajectory to right or wrong, by the rules of training (scoring/score.py).

Closed questions (option letters, yes or no, a number) are decided by rules alone, so that their
figures need no judge and no luck; open ones go to the judge that the settings name.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from swift_deepeyes.evaluation.driver import Played
from swift_deepeyes.evaluation.folder import EvaluationFolder
from swift_deepeyes.evaluation.names import ToolMode
from swift_deepeyes.evaluation.prompts import shown_question
from swift_deepeyes.evaluation.trial import Trial
from swift_deepeyes.judge import make_judge
from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.scoring.row import ScoredRow
from swift_deepeyes.scoring.score import SampleScore, score_batch
from swift_deepeyes.scoring.transcript import transcript_of_record
from swift_deepeyes.settings import JudgeKind, Settings


class Scorer:
    """Scores trajectories of one benchmark and turns them into lines of the log."""

    def __init__(self, benchmark: str, settings: Settings) -> None:
        self._benchmark = benchmark
        self._mode = settings.scoring
        self._rules = make_judge(settings.model_copy(update={"judge": JudgeKind.RULE}))
        self._judge = make_judge(settings)

    def line(self, played: Played, folder: EvaluationFolder) -> LoggedTrajectory:
        """The log's line of a trajectory, not scored yet; its images are stored."""
        trial = played.trial
        names = [folder.keep(image) for image in trial.question.images]
        names += [folder.store(base64.b64decode(crop)).name for crop in played.crops]
        with_tool = trial.tool is ToolMode.ON
        return LoggedTrajectory(
            id=trial.id,
            group=trial.group,
            step=0,
            split="eval",
            source=self._benchmark if with_tool else f"{self._benchmark} without tool",
            index=trial.question.id,
            category=trial.question.category,
            prompt=played.prompt,
            question=shown_question(trial.question, trial.order),
            reference=trial.reference,
            images=tuple(names),
            image_sizes=tuple(folder.size(name) for name in names),
            turn_tokens=played.turn_tokens,
            trajectory=played.trajectory,
        )

    async def score(
        self, lines: Sequence[LoggedTrajectory], trials: Sequence[Trial]
    ) -> list[LoggedTrajectory]:
        """The same lines, scored. Raises `JudgeError` if the judge is away for good."""
        scores: dict[str, SampleScore] = {}
        for is_closed, judge in ((True, self._rules), (False, self._judge)):
            some = [
                (line, _row(line, trial))
                for line, trial in zip(lines, trials, strict=True)
                if trial.question.is_closed is is_closed
            ]
            if some:
                rows = [row for _, row in some]
                scored = await score_batch(rows, judge.verdicts, self._mode)
                scores.update(zip((line.id for line, _ in some), scored, strict=True))
        return [line.model_copy(update={"score": scores[line.id]}) for line in lines]


def is_scored(line: LoggedTrajectory) -> bool:
    """Whether a line of the log was judged right or wrong."""
    return line.score.accuracy is not None


def _row(line: LoggedTrajectory, trial: Trial) -> ScoredRow:
    return ScoredRow(
        source=line.source,
        index=line.index,
        scheme=trial.question.rule,
        is_known_source=True,
        question=line.question,
        reference=line.reference,
        alternatives=trial.question.alternatives,
        transcript=transcript_of_record(line.trajectory),
    )
