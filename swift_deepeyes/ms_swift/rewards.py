"""The reward functions that ms-swift calls: the whole score of a trajectory, or a term of it.

ms-swift builds each class on every training rank as `cls(args=args)` and calls all of them for a
batch together, inside one fresh `asyncio.run`. The first to arrive scores the batch, the others
wait for it: that work is one task, known by the identity of the batch's lists, and it is gone when
it is done. Only the judge outlives a call (it keeps nothing that belongs to an event loop).

Rules, weights and what they read are `scoring/score`'s; here is only ms-swift's calling convention.
"""

from __future__ import annotations

import asyncio
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from swift_deepeyes.judge import JudgeError
from swift_deepeyes.ms_swift.checks.masking import MaskingError, check_marks
from swift_deepeyes.ms_swift.checks.pixels import PixelLimitsError, check_views
from swift_deepeyes.ms_swift.checks.scheduler import MissingSchedulerError, SchedulerCheck
from swift_deepeyes.ms_swift.checks.thinking import OtherTemplateError, check_templates
from swift_deepeyes.ms_swift.compat import AsyncORM
from swift_deepeyes.ms_swift.process import process, tell_launcher
from swift_deepeyes.ms_swift.speech.banner import introduce_run
from swift_deepeyes.scoring.row import COLUMNS, COMPLETION, ScoredRow, read_row
from swift_deepeyes.scoring.scheme import REWARD_TERMS
from swift_deepeyes.scoring.score import SampleScore, score_batch
from swift_deepeyes.scoring.verdict import JudgeQuestion, Verdict

_OF_THE_RUN = (MissingSchedulerError, PixelLimitsError, OtherTemplateError, MaskingError)
"""What is wrong with a run, as its first batch shows."""


class _SharedReward(AsyncORM, ABC):  # type: ignore[misc]  # ms-swift ships no types
    """One number out of each trajectory's score."""

    def __init__(self, args: object = None, **kwargs: object) -> None:
        """Called by ms-swift. Raises `SettingsError` for a wrong `DEEPEYES_*` value.

        With the arguments of a run it meets the judge, before anything is generated: `JudgeError`.
        """
        _ = process.settings
        process.remember_arguments(args)
        self._scheduler = SchedulerCheck(args)
        if self._scheduler.has_run:
            meet_judge()

    async def __call__(self, completions: Sequence[object], **kwargs: object) -> list[float | None]:
        """N completions and N-long columns in, N values out.

        Raises `JudgeError`, and `MissingSchedulerError` if the run has forgotten its scheduler,
        `PixelLimitsError`, `OtherTemplateError` or `MaskingError` if the rollout server has other
        settings.
        """
        rows = _rows(completions, kwargs)
        try:
            self._scheduler.observe(rows)
            check_views(rows)
            check_templates(rows)
            if self._scheduler.has_run:
                check_marks(rows)
        except _OF_THE_RUN as error:
            tell_launcher(error)
            raise
        return [self.value(score) for score in await score_columns(completions, kwargs)]

    @abstractmethod
    def value(self, score: SampleScore) -> float | None:
        """What this reward takes from a score."""


class _TermReward(_SharedReward):
    """One term of the reward (`scoring/scheme`), under its name."""

    term: ClassVar[str]

    def value(self, score: SampleScore) -> float | None:
        """The term alone; None where it has no value."""
        return score.terms[self.term]


class DeepEyesReward(_SharedReward):
    """The method's reward (registry name `deepeyes_reward`), by data source.

    Visual sources 0.8·accuracy + 0.2·format + 1.2·tool (-0.2 … 2.0), math sources 1.2·accuracy +
    0.4·format (-0.4 … 1.2). Never None: an accuracy that nothing could judge counts as the mean of
    the same question's judged answers (0 if there are none), and a row that cannot be scored (no
    reference) is 0.0, because ms-swift's server mode stops on a row for which every reward function
    returns None.

    Example:
        >>> import asyncio, os
        >>> os.environ["DEEPEYES_JUDGE"] = "rule"
        >>> reward = DeepEyesReward()
        >>> columns = dict(data_source=["vstar"], solution=["red"])
        >>> asyncio.run(reward(["<think>I look.</think> <answer>red</answer>"], **columns))
        [0.8]
    """

    def value(self, score: SampleScore) -> float:
        """The weighted sum."""
        return score.total


class DeepEyesAccuracy(_TermReward):
    """1 right, 0 wrong, None where nothing could judge it (registry name `deepeyes_accuracy`).

    Example:
        >>> import asyncio, os
        >>> os.environ["DEEPEYES_JUDGE"] = "rule"
        >>> texts = ["<answer>red</answer>", "It is red.", "<answer>red</answer>"]
        >>> columns = dict(data_source=["vstar"] * 3, solution=["red", "red", None])
        >>> asyncio.run(DeepEyesAccuracy()(texts, **columns))
        [1.0, 0.0, None]
    """

    term = "accuracy"


class DeepEyesFormat(_TermReward):
    """0, or -1 where a format rule fired (registry name `deepeyes_format`).

    Example:
        >>> import asyncio, os
        >>> os.environ["DEEPEYES_JUDGE"] = "rule"
        >>> texts = ["<answer>red</answer>", "<think>I look. <answer>red</answer>"]
        >>> columns = dict(data_source=["vstar"] * 2, solution=["red"] * 2)
        >>> asyncio.run(DeepEyesFormat()(texts, **columns))
        [0.0, -1.0]
    """

    term = "format"


class DeepEyesTool(_TermReward):
    """1 if the answer is right and a crop was returned, else 0 (registry name `deepeyes_tool`).

    Example:
        >>> import asyncio, os
        >>> os.environ["DEEPEYES_JUDGE"] = "rule"
        >>> record = dict(
        ...     turns=[dict(text="<tool_call>…</tool_call>"), dict(text="<answer>red</answer>")],
        ...     source_images=1,
        ...     crops=1,
        ... )
        >>> columns = dict(data_source=["vstar"], solution=["red"])
        >>> columns["rollout_infos"] = [dict(deepeyes=record)]
        >>> asyncio.run(DeepEyesTool()(["<answer>red</answer>"], **columns))
        [1.0]
    """

    term = "tool"


def reward_classes() -> dict[str, type[_SharedReward]]:
    """The rewards by registry name: the whole, and one for every term, made where none is here."""
    own: dict[str, type[_SharedReward]] = {"deepeyes_reward": DeepEyesReward}
    written = {of.term: of for of in (DeepEyesAccuracy, DeepEyesFormat, DeepEyesTool)}
    for name in REWARD_TERMS:
        title = "".join(part.capitalize() for part in name.split("_"))
        made = type(f"DeepEyes{title}", (_TermReward,), {"term": name, "__module__": __name__})
        own[f"deepeyes_{name}"] = written.get(name, made)
    return own


async def score_columns(
    completions: Sequence[object], columns: Mapping[str, object]
) -> list[SampleScore]:
    """Score a batch as ms-swift passes it, once for all who ask while the scoring runs.

    `completions`: N texts, the last assistant turn of each trajectory. `columns`: N-long lists by
    name; missing ones, shorter ones and None are allowed, and nothing is changed. Raises
    `JudgeError` if the judge is away for good.
    """
    key = _identity(completions, columns)
    task = process.in_flight.get(key)
    if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
        task = asyncio.get_running_loop().create_task(_score(completions, columns))
        process.in_flight[key] = task
        task.add_done_callback(lambda done: _forget(key, done))
    # Shielded, so that a caller that is cancelled does not take the others' scores with it.
    return await asyncio.shield(task)


def _identity(completions: Sequence[object], columns: Mapping[str, object]) -> tuple[int, ...]:
    """Which batch this is. The running task holds the lists, so no id is reused while it lives."""
    return (id(completions), *(id(columns.get(name)) for name in COLUMNS))


def _forget(key: tuple[int, ...], task: asyncio.Task[list[SampleScore]]) -> None:
    if process.in_flight.get(key) is task:
        del process.in_flight[key]


async def _score(completions: Sequence[object], columns: Mapping[str, object]) -> list[SampleScore]:
    rows = [read_row(row) for row in _rows(completions, columns)]
    _warn_of_sources(rows)
    scores = await score_batch(rows, _ask_judge, process.settings.scoring)
    process.recorder.observe(rows, scores, columns)
    _introduce()
    return scores


def _introduce() -> None:
    """Say once what the run is where no callback of ours does: under Megatron and Ray."""
    has_run = process.run_arguments is not None and process.recorder.locate is None
    if process.has_said or not has_run or os.environ.get("RANK", "0") != "0":
        return
    process.has_said = True
    introduce_run(process.scheduler, process.run_arguments, template=None, has_reward=True)


def _warn_of_sources(rows: Sequence[ScoredRow]) -> None:
    """Name a source that the method does not know, once per process."""
    for row in rows:
        if not row.is_known_source:
            source = row.source or "(none)"
            process.warn_once(
                f"data_source {source}",
                f"data_source {source!r} is not one of the method's; its rows are scored by the "
                f"{row.scheme} rules",
            )


def _rows(completions: Sequence[object], columns: Mapping[str, object]) -> list[dict[str, object]]:
    """The batch row by row."""
    known = {name: columns.get(name) for name in COLUMNS}
    return [
        {COMPLETION: text, **{name: _at(value, index) for name, value in known.items()}}
        for index, text in enumerate(completions)
    ]


def _at(column: object, index: int) -> object:
    """One row's value; a column that is not a list, or too short, has none."""
    is_there = isinstance(column, list | tuple) and index < len(column)
    return column[index] if is_there else None  # type: ignore[index]


def meet_judge_of(args: Any) -> None:
    """Meet the judge of a run that has a reward of ours. Raises `JudgeError`."""
    if set(getattr(args, "reward_funcs", None) or ()) & reward_classes().keys():
        meet_judge()


def meet_judge() -> None:
    """Find out, once in a process, whether the judge is there. Raises `JudgeError`."""
    try:
        process.meet_judge()
    except JudgeError as error:
        tell_launcher(error)
        raise


async def _ask_judge(questions: list[JudgeQuestion]) -> list[Verdict]:
    judge, since = process.judge, time.monotonic()
    try:
        return await judge.verdicts(questions)
    except JudgeError as error:
        tell_launcher(error)
        raise
    finally:
        process.recorder.observe_judge(judge, time.monotonic() - since)
