"""From scored trajectories to figures. What was not run or not judged is counted, never guessed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from swift_deepeyes.episode.trajectory import CallStatus
from swift_deepeyes.evaluation.names import ToolMode
from swift_deepeyes.evaluation.reporting.chance import ChanceBaseline, guess
from swift_deepeyes.evaluation.reporting.statistics import Proportion, paired_difference, share
from swift_deepeyes.evaluation.trial import Trial, rotation_count
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.record.crops import crop_areas
from swift_deepeyes.record.record import LoggedTrajectory

Pair = tuple[Trial, LoggedTrajectory]


class ToolUse(FrozenModel):
    """How the tool was used. Shares are of trajectories, but for `ok_share`: of calls."""

    calls: int
    calls_per_trajectory: float
    most_calls: int
    crop_share: float
    ok_share: float | None
    outcomes: Mapping[str, int]
    accuracy_with_crop: Proportion | None
    accuracy_without_crop: Proportion | None
    area_share: float | None


class ModeFigures(FrozenModel):
    """The figures of one tool mode. `strict`: right in all rotations; None: one was asked.

    `empty_turns`: trajectories in which a reply had no text at all.
    """

    tool: ToolMode
    planned: int
    not_run: int
    not_judged: int
    accuracy: Proportion | None
    strict: Proportion | None
    by_category: Mapping[str, Proportion]
    by_position: Mapping[str, Proportion]
    tool_use: ToolUse
    stop_reasons: Mapping[str, int]
    format_errors: Mapping[str, int]
    no_answer: int
    empty_turns: int = 0
    turns: float
    tokens_per_trajectory: float


class Figures(FrozenModel):
    """All figures of an evaluation. `gain` is accuracy with the tool minus without, by question."""

    questions: int
    samples: int
    rotations: int
    chance: ChanceBaseline
    modes: tuple[ModeFigures, ...]
    gain: Proportion | None


def compute_figures(
    trials: Sequence[Trial], lines: Mapping[str, LoggedTrajectory], not_run: Mapping[str, str]
) -> Figures:
    """The figures of the planned trials, from what became of them."""
    modes = sorted({trial.tool for trial in trials}, key=list(ToolMode).index)
    pairs = [(trial, lines[trial.id]) for trial in trials if trial.id in lines]
    of_mode = {mode: [pair for pair in pairs if pair[0].tool is mode] for mode in modes}
    planned = Counter(trial.tool for trial in trials)
    gain = None
    if len(modes) > 1:
        with_tool, without = (_by_question(of_mode[mode]) for mode in (ToolMode.ON, ToolMode.OFF))
        gain = paired_difference([(with_tool[id], without.get(id, [])) for id in with_tool])
    return Figures(
        questions=len({trial.question.id for trial in trials}),
        samples=1 + max(trial.sample for trial in trials),
        rotations=1 + max(trial.rotation for trial in trials),
        chance=guess([trial for trial in trials if trial.tool is modes[0]]),
        modes=tuple(_mode_figures(mode, planned[mode], of_mode[mode]) for mode in modes),
        gain=gain,
    )


def _mode_figures(mode: ToolMode, planned: int, pairs: list[Pair]) -> ModeFigures:
    lines = [line for _, line in pairs]
    records = [line.trajectory for line in lines]
    count = max(1, len(lines))
    return ModeFigures(
        tool=mode,
        planned=planned,
        not_run=planned - len(pairs),
        not_judged=sum(line.score.accuracy is None for line in lines),
        accuracy=_accuracy(pairs),
        strict=_strict(pairs),
        by_category=_accuracy_by(pairs, lambda trial, line: trial.question.category),
        by_position=_accuracy_by(
            pairs,
            lambda trial, line: None if trial.question.right is None else trial.reference,
        ),
        tool_use=_tool_use(pairs),
        stop_reasons=_counts(str(record.stop_reason) for record in records),
        format_errors=_counts(error for line in lines for error in line.score.format_errors),
        no_answer=sum(not line.score.answer for line in lines),
        empty_turns=sum(any(not turn.text for turn in record.turns) for record in records),
        turns=sum(len(record.turns) for record in records) / count,
        tokens_per_trajectory=sum(sum(line.turn_tokens) for line in lines) / count,
    )


def _by_question(pairs: Iterable[Pair]) -> dict[str, list[float]]:
    """Scores of all judged trials, by question."""
    groups: dict[str, list[float]] = defaultdict(list)
    for trial, line in pairs:
        if line.score.accuracy is not None:
            groups[trial.question.id].append(line.score.accuracy)
    return dict(sorted(groups.items()))


def _accuracy(pairs: Iterable[Pair]) -> Proportion | None:
    return share(list(_by_question(pairs).values()))


def _accuracy_by(
    pairs: Sequence[Pair], key: Callable[[Trial, LoggedTrajectory], str | None]
) -> dict[str, Proportion]:
    parts: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        name = key(*pair)
        if name is not None:
            parts[name].append(pair)
    shares = {name: _accuracy(parts[name]) for name in sorted(parts)}
    return {name: value for name, value in shares.items() if value is not None}


def _strict(pairs: Sequence[Pair]) -> Proportion | None:
    """Right in every rotation; each sample of a question is one try at all of them.

    A try of which a rotation is missing is left out, not counted.
    """
    tries: dict[tuple[str, int], list[float]] = defaultdict(list)
    rotations: dict[str, int] = {}
    for trial, line in pairs:
        rotations[trial.question.id] = rotation_count(trial.question)
        if line.score.accuracy is not None:
            tries[trial.question.id, trial.sample].append(line.score.accuracy)
    if all(trial.rotation == 0 for trial, _ in pairs):
        return None
    groups: dict[str, list[float]] = defaultdict(list)
    for (id, _), scores in sorted(tries.items()):
        if len(scores) == rotations[id]:
            groups[id].append(min(scores))
    return share(list(groups.values()))


def _tool_use(pairs: Sequence[Pair]) -> ToolUse:
    records = [line.trajectory for _, line in pairs]
    calls = [list(record.calls) for record in records]
    outcomes = _counts(str(call.status) for some in calls for call in some)
    total = sum(outcomes.values())
    areas = [a for _, line in pairs for a in crop_areas(line.trajectory, line.image_sizes)]
    count = max(1, len(records))
    return ToolUse(
        calls=total,
        calls_per_trajectory=total / count,
        most_calls=max(map(len, calls), default=0),
        crop_share=sum(record.crops > 0 for record in records) / count,
        ok_share=outcomes.get(CallStatus.OK, 0) / total if total else None,
        outcomes=outcomes,
        accuracy_with_crop=_accuracy(pair for pair in pairs if pair[1].trajectory.crops),
        accuracy_without_crop=_accuracy(pair for pair in pairs if not pair[1].trajectory.crops),
        area_share=sum(areas) / len(areas) if areas else None,
    )


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
