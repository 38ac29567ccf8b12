"""The figures of the training log, each against a small case counted by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swift_deepeyes.episode.trajectory import (
    CallRecord,
    CallStatus,
    StopReason,
    Trajectory,
    TurnRecord,
)
from swift_deepeyes.evaluation.names import ToolMode
from swift_deepeyes.evaluation.question import Question
from swift_deepeyes.evaluation.reporting.figures import _tool_use
from swift_deepeyes.evaluation.trial import Trial
from swift_deepeyes.metrics.counts import CROP_SHARE, FORMAT_ERROR_SHARE, judge_sums, sums_of
from swift_deepeyes.metrics.share import Share
from swift_deepeyes.metrics.sums import MetricSums, merged
from swift_deepeyes.metrics.text_health import is_empty, is_repetitive
from swift_deepeyes.record.crops import crop_areas
from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.scoring.strict import missing_answer, unbalanced_think
from swift_deepeyes.scoring.verdict import Decider, Outcome, Verdict
from swift_deepeyes.viewer.curves import counted_metrics
from swift_deepeyes.viewer.document import Document
from tests.record.scored import scored

ROOT = Path(__file__).resolve().parents[2]


def call(status: CallStatus = CallStatus.OK, **changes: Any) -> CallRecord:
    done = {"source_box": (0, 0, 50, 20), "crop_size": (50, 20), "image_index": 0}
    arguments = {"bbox_2d": [0, 0, 50, 20]}
    values = {"name": "zoom", "arguments": arguments, "status": status}
    return CallRecord(**{**values, **(done if status is CallStatus.OK else {}), **changes})


def record(*turns: tuple[CallRecord, ...], **changes: Any) -> LoggedTrajectory:
    texts = [TurnRecord(text="x" * 10 * (n + 1), calls=calls) for n, calls in enumerate(turns)]
    crops = sum(c.crop_size is not None for t in texts for c in t.calls)
    trajectory = Trajectory(
        turns=tuple(texts),
        source_images=1,
        crops=crops,
        toolbox=changes.pop("toolbox", "box"),
        stop_reason=changes.pop("stop_reason", StopReason.ANSWERED),
    )
    values = {"id": "1", "group": "1", "step": 1, "image_sizes": ((100, 100), (50, 20))}
    return LoggedTrajectory(**{**values, "trajectory": trajectory, "source": "vstar", **changes})


DIRECT = record(())
ZOOMED = record((call(),), ())
FAILED = record((call(CallStatus.BAD_BOX), call(CallStatus.BAD_BOX)), ())
NO_TOOL = record((), toolbox=None, source="thinklite")


def values(*records: LoggedTrajectory) -> dict[str, float]:
    return {
        name.removeprefix("deepeyes/"): value for name, value in sums_of(records).values().items()
    }


def test_calls_and_crops_are_of_trajectories_that_have_a_tool() -> None:
    found = values(DIRECT, ZOOMED, FAILED, NO_TOOL)
    calls = {name: value for name, value in found.items() if name.startswith("tool_calls/")}
    assert calls["tool_calls/mean"] == 1.0
    assert (calls["tool_calls/max"], calls["tool_calls/min"]) == (2, 0)
    assert calls["tool_calls/per_turn"] == 3 / 5
    assert calls["tool_calls/success_rate"] == pytest.approx(1 / 3)
    assert calls["tool_calls/failed/bad_box"] == pytest.approx(2 / 3)
    assert calls["tool_calls/repeated"] == pytest.approx(1 / 3)
    failed = sum(value for name, value in calls.items() if "/failed/" in name)
    assert calls["tool_calls/success_rate"] + failed == pytest.approx(1)
    assert found["crops/share"] == found["crops/mean"] == pytest.approx(1 / 3)
    assert found["trajectories"] == 4


def test_turns_images_lengths_and_stop_reasons_are_of_all() -> None:
    long = record(*[()] * 7, stop_reason=StopReason.MAX_TURNS)
    found = values(DIRECT, ZOOMED, NO_TOOL, long)
    assert (found["turns/mean"], found["turns/max"]) == (11 / 4, 7)
    assert found["images/mean"] == 5 / 4
    assert found["stop/answered"] == 0.75 and found["stop/max_turns"] == 0.25
    assert sum(value for name, value in found.items() if name.startswith("stop/")) == 1
    assert found["characters/turn_1"] == 10 and found["characters/turn_2"] == 20
    assert found["characters/later_turns"] == 65
    counted = values(record((), (), turn_tokens=(7, 9)))
    assert (counted["tokens/turn_1"], counted["tokens/turn_2"]) == (7, 9)
    assert "characters/turn_1" not in counted


def test_the_outcomes_with_and_without_a_crop() -> None:
    found = values(
        scored(ZOOMED, accuracy=1.0),
        scored(ZOOMED, accuracy=1.0),
        scored(ZOOMED, accuracy=0.0),
        scored(DIRECT, accuracy=0.0),
        scored(DIRECT, accuracy=None),
        scored(NO_TOOL, accuracy=1.0),
    )
    assert found["outcome/crop_right"] == 0.5
    assert (found["outcome/crop_wrong"], found["outcome/no_crop_wrong"]) == (0.25, 0.25)
    assert found["outcome/no_crop_right"] == 0
    assert found["accuracy/with_crop"] == pytest.approx(2 / 3)
    assert found["accuracy/without_crop"] == 0
    assert found["accuracy/all"] == 3 / 5
    assert found["accuracy/unjudged"] == pytest.approx(1 / 6)


def test_scores_by_source() -> None:
    found = values(
        scored(ZOOMED, accuracy=1.0, tool=1.0, total=2.0),
        scored(DIRECT, accuracy=None, format=-1.0, total=-0.2),
        scored(NO_TOOL, accuracy=0.0).model_copy(update={"source": "my data/2"}),
        scored(NO_TOOL, accuracy=0.0).model_copy(update={"source": None}),
    )
    assert found["terms/accuracy"] == pytest.approx(1 / 3)
    assert (found["terms/format"], found["terms/tool"]) == (-0.25, 0.25)
    assert found["source/vstar/accuracy"] == 1 and found["source/vstar/format"] == -0.5
    assert found["source/vstar/tool"] == 0.5 and found["source/vstar/total"] == pytest.approx(0.9)
    assert found["source/vstar/trajectories"] == 2
    assert found["source/my_data_2/accuracy"] == found["source/unknown/accuracy"] == 0


def test_format_errors_by_kind() -> None:
    errors = (missing_answer.name, unbalanced_think.name)
    found = values(DIRECT, scored(DIRECT, format_errors=errors))
    assert found["format_errors/share"] == 0.5
    assert found["format_errors/missing_answer"] == found["format_errors/unbalanced_think"] == 0.5
    assert found["format_errors/empty_answer"] == 0


def areas_of(record: LoggedTrajectory) -> list[float]:
    return crop_areas(record.trajectory, record.image_sizes)


def test_the_area_of_crops_and_of_crops_of_crops() -> None:
    of_crop = call(image_index=1, source_box=(0, 0, 10, 10))
    rotated = call(source_box=None)
    assert areas_of(record((call(),), (of_crop,), ())) == pytest.approx([0.1, 0.01])
    assert areas_of(record((rotated, call(CallStatus.BAD_BOX)), ())) == []
    assert areas_of(record((call(),), image_sizes=())) == []
    second = record((call(image_index=1),), image_sizes=((10, 10), (20, 50)))
    two = second.trajectory.model_copy(update={"source_images": 2})
    assert areas_of(second.model_copy(update={"trajectory": two})) == [1.0]


def test_stand_ins_among_verdicts() -> None:
    by_judge = Verdict(outcome=Outcome.RIGHT, decided_by=Decider.SERVER)
    fallback = Verdict(outcome=Outcome.RIGHT, decided_by=Decider.RULE_AFTER_FAILURE)
    records = [scored(DIRECT, verdict=v) for v in (by_judge, fallback, None)]
    assert values(*records)["judge/fallback_share"] == 0.5


def test_judge_figures_of_ranks_add_up() -> None:
    ranks = [
        {"asked": 30.0, "retries": 10.0, "failed": 10.0, "latency_median": 1.0, "latency_p95": 3.0},
        {"asked": 10.0, "retries": 0.0, "failed": 0.0, "latency_median": 5.0, "latency_p95": 9.0},
        {"asked": 0.0, "retries": 0.0, "failed": 0.0, "latency_median": 0.0, "latency_p95": 0.0},
    ]
    found = merged(map(judge_sums, ranks)).values()
    assert found["deepeyes/judge/asked"] == 40
    assert found["deepeyes/judge/latency_median"] == 2.0  # 30 calls of 1 s, 10 of 5 s
    assert found["deepeyes/judge/latency_p95"] == 9.0
    assert found["deepeyes/judge/failed_call_share"] == 10 / 50


@pytest.mark.parametrize("cut", range(7))
def test_however_samples_lie_on_ranks_the_figures_are_the_same(cut: int) -> None:
    """Also where a rank has nothing, or has no sample of a source."""
    right = {"accuracy": 1.0}
    records = [DIRECT, ZOOMED, FAILED, NO_TOOL, ZOOMED.model_copy(update=right), NO_TOOL]
    whole = sums_of(records).values()
    parts = merged([sums_of(records[:cut]), MetricSums(), sums_of(records[cut:])]).values()
    assert parts == pytest.approx(whole)
    assert list(parts) == sorted(parts)
    json.dumps(parts, allow_nan=False)


def test_nothing_is_not_zero() -> None:
    assert sums_of([]).values() == {}
    assert "deepeyes/crops/share" not in sums_of([NO_TOOL]).values()


def test_repetition_is_told_from_language() -> None:
    for path in ROOT.glob("swift_deepeyes/*/*.py"):
        assert not is_repetitive(path.read_text()), path.name
    prose = "The ball lies left of the red car, and the sign above it reads 'open until nine'. "
    assert not is_repetitive(prose * 3)
    options = "\n".join(f"{letter}. {n} apples" for n, letter in enumerate("ABCDEFGHIJKLMNOP"))
    assert not is_repetitive(options)
    assert is_repetitive("I look closer. " * 40)
    assert is_repetitive("a" * 300) and is_repetitive("看" * 200)
    assert not is_repetitive("ab" * 20)
    assert is_empty([" ", "\n"]) and not is_empty(["<answer>A</answer>"])


def test_groups_that_lie_on_two_ranks_count_once() -> None:
    """Four rollouts of "a" on two ranks, one of "b"; a row without a tool is in no group."""
    place = {"group": "a"}
    first = sums_of([ZOOMED.model_copy(update=place), DIRECT.model_copy(update=place), NO_TOOL])
    second = sums_of(
        [
            ZOOMED.model_copy(update=place),
            ZOOMED.model_copy(update=place),
            DIRECT.model_copy(update={"group": "b"}),
        ]
    )
    together = merged([first, MetricSums(), second])
    assert together.grouped(CROP_SHARE) == Share(0.75, 2)
    assert together.share(CROP_SHARE) == Share(3, 5)
    assert together.grouped(FORMAT_ERROR_SHARE) == Share(0, 3)
    assert "deepeyes/text/degenerate" not in together.values()


def test_groups_of_one_mind_over_ranks_and_steps() -> None:
    """Group "a" is right on one rank and wrong on the other; "b" is all right, "c" all wrong."""

    def of(group: str, *accuracies: float | None) -> MetricSums:
        records = [scored(DIRECT, accuracy=value) for value in accuracies]
        return sums_of([record.model_copy(update={"group": group}) for record in records])

    step = merged([of("a", 1.0, 1.0), of("b", 1.0), of("a", 0.0), of("b", 1.0, None), of("c", 0.0)])
    assert step.values()["deepeyes/groups/all_right"] == pytest.approx(1 / 3)
    assert step.values()["deepeyes/groups/all_wrong"] == pytest.approx(1 / 3)
    both = merged([step.settled(), of("a", 1.0).settled()])
    assert both.values()["deepeyes/groups/all_right"] == 0.5
    assert both.values()["deepeyes/groups/all_wrong"] == 0.25
    assert not both.groups and not both.unanimous


def test_what_is_no_number_is_not_counted() -> None:
    nan = float("nan")
    found = values(
        scored(DIRECT, total=nan, format=-1.0),
        scored(DIRECT, total=0.8, format=float("-inf")),
    )
    assert (found["source/vstar/total"], found["source/vstar/format"]) == (0.8, -1.0)
    loaded = LoggedTrajectory(**{**scored(DIRECT, accuracy=nan).model_dump(), "advantage": nan})
    assert loaded.score.accuracy is None and loaded.advantage is None
    tally = MetricSums()
    for value in (nan, 2.0):
        tally.high("high", value)
        tally.low("low", value)
        tally.total("total", value)
    assert tally.values() == {"high": 2, "low": 2, "total": 2}


def test_one_area_of_a_crop_of_a_crop_in_curves_report_and_viewer() -> None:
    """A crop of 40 % x 50 %; of that crop, 10 % of the source; then one of the second source."""
    size, second = (100, 100), (10, 20)
    zoomed = record(
        (call(source_box=(0, 0, 40, 50)),),
        (call(image_index=2, source_box=(5, 5, 30, 45)),),
        (call(image_index=1, source_box=(0, 0, 5, 4)),),
        (),
        image_sizes=(size, second, (40, 50), (25, 40), (5, 4)),
    )
    zoomed = zoomed.model_copy(
        update={"trajectory": zoomed.trajectory.model_copy(update={"source_images": 2})}
    )
    areas = [0.2, 0.1, 0.1]
    assert areas_of(zoomed) == pytest.approx(areas)
    mean = pytest.approx(sum(areas) / 3)
    assert values(zoomed)["crops/area"] == mean
    question = Question(id="q", images=(Path("x"),), text="?", reference="red", category="c")
    assert _tool_use([(Trial(question=question, tool=ToolMode.ON), zoomed)]).area_share == mean
    (line,) = counted_metrics([zoomed])
    assert line.values["deepeyes/crops/area"] == mean
    document = Document({})
    document.add_all([zoomed])
    shown = [call for turn in document.details[0]["turns"] for call in turn["calls"]]
    assert [call["source"] for call in shown] == [0, 0, 1]
    drawn = [
        (b[2] - b[0]) * (b[3] - b[1]) / (w * h)
        for b, (w, h) in ((c["sourceBox"], zoomed.image_sizes[c["source"]]) for c in shown)
    ]
    assert drawn == pytest.approx(areas)
