"""Between rewards and trainer: groups, steps, advantages, samples; and an error ends nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from swift_deepeyes.ms_swift import callback
from swift_deepeyes.ms_swift.callback import DeepEyesMetrics, install_metrics
from swift_deepeyes.ms_swift.compat import SwiftMixin, callbacks_map
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.recorder import Recorder
from swift_deepeyes.ms_swift.resampling import watch_resampling
from swift_deepeyes.ms_swift.rewards import DeepEyesReward
from swift_deepeyes.record.follower import LogFollower
from swift_deepeyes.record.reader import read_log
from tests.ms_swift.stub_trainer import Trainer


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("DEEPEYES_JUDGE", "rule")
    monkeypatch.setenv("DEEPEYES_LOG_DIR", str(tmp_path / "log"))
    return tmp_path / "log"


def test_step_group_rank_advantage_and_rewards(own_process: Path) -> None:
    trainer = Trainer()
    trainer.state.global_step = 6
    trainer.score(["red", "blue", "red", "blue", "red", "red"])
    logs = trainer.end_step()
    process.recorder.close()
    read = read_log(own_process)
    assert [t.step for t in read.trajectories] == [7] * 6 and read.metrics[0].step == 7
    assert {t.rank for t in read.trajectories} == {1} and {t.split for t in read.trajectories} == {
        "train"
    }
    by_place = sorted(read.trajectories, key=lambda t: t.advantage or 0.0)
    assert [t.advantage for t in by_place] == [0, 1, 2, 3, 4, 5]
    assert [t.rewards["DeepEyesReward"] for t in by_place] == [0.8, 0, 0.8, 0, 0.8, 0.8]
    # Places 6 to 11 of 12: the second half of the group of 4 to 7, and all of 8 to 11.
    assert [t.group.split("-")[-1] for t in by_place] == ["1", "1", "2", "2", "2", "2"]
    assert logs["deepeyes/accuracy/all"] == pytest.approx(4 / 6)
    assert read.metrics[0].values["deepeyes/accuracy/all"] == pytest.approx(4 / 6)


def test_what_the_trainer_cannot_tell_is_none(own_process: Path) -> None:
    trainer = Trainer()
    trainer.dynamic_sample = True  # groups are drawn again: the trainer's order is another
    trainer.score(["red", "blue"])
    trainer.score(["red", "red"])
    trainer.end_step()
    trainer.dynamic_sample = False
    trainer.score(["blue"])  # generated, and not yet come to the trainer
    trainer.score(["blue", "red"])
    trainer.end_step()
    process.recorder.close()
    read = read_log(own_process).trajectories
    assert [t.advantage for t in read] == [None] * 5 + [0, 1]
    assert len({t.group for t in read}) == 4, "batches of one step are different groups"


def test_dynamic_sampling_says_what_is_trained_on(own_process: Path) -> None:
    """Two batches of three, of which the second's last and the first's first are kept."""
    trainer = Trainer()
    trainer.dynamic_sample = True
    first, second = ["a", "b", "c"], ["d", "e", "f"]
    trainer.score(["red", "blue", "blue"], request_id=first)
    trainer.score(["red", "red", "red"], request_id=second)
    kept = [SimpleNamespace(request_id=name) for name in ("other rank's", "f", "a")]
    trainer._dynamic_sampling = lambda samples, rewards: (kept, rewards)
    watch_resampling(trainer, process.recorder.keep)
    assert trainer._dynamic_sampling([], "rewards") == (kept, "rewards")
    trainer._logs["advantages"] = [9.0, 0.0, 1.0, -1.0]
    trainer._logs["rewards"]["DeepEyesReward"] = [9.0, 0.0, 0.8, 0.4]
    trainer.end_step()
    process.recorder.close()
    read = {t.id: t for t in read_log(own_process).trajectories}
    assert len(read) == 6, "each is written once, trained on or not"
    assert {name: t.advantage for name, t in read.items() if t.rewards} == {"f": 1.0, "a": -1.0}
    assert (read["f"].rewards["DeepEyesReward"], read["a"].rewards["DeepEyesReward"]) == (0.8, 0.4)
    assert all(read[name].advantage is None for name in "bcde")
    trainer.score(["red"])  # of a batch that the trainer did not tell about
    trainer.end_step()
    assert process.recorder.kept == ()


def test_what_is_masked_is_counted_where_the_trainer_masks() -> None:
    trainer = Trainer()
    cut = {"is_truncated": [True, False, False, False]}
    trainer.score(["red"] * 4, **cut)
    assert "deepeyes/masked/share" not in trainer.end_step()
    trainer.overlong_filter = True
    trainer.score(["red"] * 4, **cut)
    logs = trainer.end_step()
    assert logs["deepeyes/masked/share"] == 0.25
    # Rank 1 of 2 has places 4 to 7: one group of four, and all are right.
    assert (logs["deepeyes/groups/all_right"], logs["deepeyes/groups/all_wrong"]) == (1, 0)


def test_steps_without_a_generation_have_no_metrics() -> None:
    trainer = Trainer()
    assert trainer.end_step() == {}
    trainer.score(["red"])
    assert trainer.end_step()["deepeyes/trajectories"] == 1
    assert trainer.end_step() == {}


def test_several_generations_of_a_step_count_together() -> None:
    trainer = Trainer()
    trainer.score(["red"])
    trainer.callback.on_substep_end(trainer.args, trainer.state, None)
    trainer.score(["blue", "blue", "blue"])
    logs = trainer.end_step()
    assert logs["deepeyes/accuracy/all"] == 0.25 and logs["deepeyes/judge/questions"] == 4


def test_evaluation_is_kept_apart(own_process: Path) -> None:
    trainer = Trainer()
    trainer.score(["red", "red"])
    trainer.end_step()
    trainer.model.training = False
    trainer.score(["blue", "blue"])
    trainer.callback.on_prediction_step(trainer.args, trainer.state, None)
    assert trainer._metrics["eval"]["deepeyes/accuracy/all"] == [0.0]
    trainer.callback.on_log(
        trainer.args, trainer.state, None, {"eval_deepeyes/accuracy/all": 0.0, "text": "x"}
    )
    trainer.callback.on_log(trainer.args, trainer.state, None, {"train_runtime": 1.0})
    process.recorder.close()
    read = read_log(own_process)
    assert (
        sorted((t.split, t.step) for t in read.trajectories)
        == [("eval", 1)] * 2 + [("train", 1)] * 2
    )
    (line,) = read.metrics  # readers keep the last line of a step: it has both
    assert line.values["deepeyes/accuracy/all"] == 1
    assert line.values["eval_deepeyes/accuracy/all"] == 0


def test_samples_are_whole_groups(own_process: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_LOG_SAMPLE", "0.3")
    process.reset()
    trainer = Trainer()
    for _ in range(50):
        trainer.score(["red"] * 8)
        trainer.end_step()
    process.recorder.close()
    read = read_log(own_process).trajectories
    groups = [t.group for t in read]
    assert {groups.count(group) for group in groups} == {4}
    assert 50 * 8 * 0.15 < len(read) < 50 * 8 * 0.45
    assert {t.advantage for t in read} == set(range(8)), "advantages stay with their trajectories"


def test_an_alarm_is_one_line_on_the_first_rank(
    caplog: pytest.LogCaptureFixture, own_process: Path
) -> None:
    trainer = Trainer()
    record = {"turns": [{"text": "<tool_call>"}], "source_images": 1, "toolbox": "box"}
    for step in range(60):
        zooms = {"deepeyes": {**record, "crops": int(step < 20)}}
        trainer.score(["red"] * 16, rollout_infos=[zooms] * 16)
        active = trainer.end_step()["deepeyes/alarms/active"]
    lines = [entry.message for entry in caplog.records if "alarm" in entry.message]
    assert len(lines) == 1 and "tool use has collapsed" in lines[0]
    assert int(lines[0].split("step ")[1].split(":")[0]) <= 30
    assert active == 1
    process.recorder.close()
    (alarm,) = LogFollower(own_process).look().alarms
    assert alarm.signal == "tool_use" and lines[0].endswith(f"at step {alarm.step}: {alarm.text}")
    caplog.clear()
    other = Trainer()
    other.state.is_world_process_zero = False
    for step in range(40):
        zooms = {"deepeyes": {**record, "crops": int(step < 20)}}
        other.score(["red"] * 16, rollout_infos=[zooms] * 16)
        other.end_step()
    process.recorder.close()
    assert "alarm" not in caplog.text and len(LogFollower(own_process).look().alarms) == 1


def test_groups_with_equal_rewards_are_ms_swifts() -> None:
    trainer = Trainer()
    seen = []
    observe = trainer.callback._watch.observe
    trainer.callback._watch.observe = lambda step, shares: (
        seen.append(shares) or observe(step, shares)
    )
    trainer.score(["red"] * 8)
    trainer.score(["red"] * 8)
    trainer._metrics["train"]["frac_reward_zero_std"] = [0.0, 0.25, 0.75]  # the last two are new
    trainer.end_step()
    assert seen[0]["equal_rewards"].hits == 2.0 and seen[0]["equal_rewards"].total == 4


def test_an_error_in_bookkeeping_is_reported_once_and_ends_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    trainer = Trainer()
    monkeypatch.setattr("swift_deepeyes.ms_swift.recorder.record_of", fail)
    for _ in range(3):
        assert trainer.score(["red"]) == [0.8]
        trainer.end_step()
    assert caplog.text.count("training goes on") == 1 and "a bug of ours" in caplog.text


def test_every_rank_gathers_at_every_step_whatever_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rank that skips a gathering leaves the others waiting for ever."""
    gathered = []
    monkeypatch.setattr(callback, "gather_object", lambda what: gathered.append(what) or what)
    monkeypatch.setattr("swift_deepeyes.ms_swift.recorder.record_of", None)
    trainer = Trainer()
    trainer.score([])
    trainer.end_step()
    trainer.score(["red"])  # fails inside
    trainer.end_step()
    trainer.end_step()
    assert len(gathered) == 2 * 3, "what was counted, and what was drawn from the reserves"


def test_without_a_callback_lines_are_written_at_once(own_process: Path) -> None:
    rank = Recorder(process.settings)
    assert rank.locate is None
    columns = {
        "data_source": ["vstar"],
        "solution": ["red"],
        "prompt_id": ["prompt_3"],
        "trainer_state": SimpleNamespace(global_step=4),
        "env_name": ["visual_toolbox_v2"],
    }
    asyncio.run(DeepEyesReward()(["<answer>red</answer>"], **columns))
    process.recorder.close()
    (read,) = read_log(own_process).trajectories
    assert read.step == 5 and read.advantage is None and read.group.endswith("prompt_3")
    assert read.trajectory.turns[0].text == "<answer>red</answer>"
    assert read.trajectory.toolbox == "visual_toolbox_v2"


def test_every_grpo_trainer_gets_the_callback_once() -> None:
    install_metrics()
    install_metrics()
    assert callbacks_map["deepeyes_metrics"] is DeepEyesMetrics
    if not hasattr(SwiftMixin, "_get_callbacks"):
        pytest.skip("these trainers get it when they are made: tests/ms_swift/test_compat.py")
    grpo = SimpleNamespace(_prepare_rewards=None)
    for names in ([], ["deepeyes_metrics"]):
        made = SwiftMixin._get_callbacks(grpo, SimpleNamespace(callbacks=names))
        assert [type(callback) for callback in made] == [DeepEyesMetrics]
    assert SwiftMixin._get_callbacks(SimpleNamespace(), SimpleNamespace(callbacks=[])) == []


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"images": [None], "rollout_infos": ["{"], "response_token_ids": [[[1], 2]]},
        {"images": [["", "https://x", {"bytes": 3}]], "request_id": [np.array([1, 2])]},
        {"env_name": [np.array(["a", "b"])], "prompt_id": [7], "messages": [[{"role": None}]]},
        {"rollout_infos": [{"deepeyes": {"turns": [], "source_images": -1}}], "images": "text"},
        {"data_source": ["a/b c"], "response_token_ids": [[]], "messages": [[{}, 3]]},
    ],
    ids=range(6),
)
def test_columns_of_any_shape_are_recorded(columns: dict[str, Any], own_process: Path) -> None:
    trainer = Trainer()
    trainer.score(["red"], **columns)
    assert trainer.end_step()["deepeyes/trajectories"] == 1
    process.recorder.close()
    assert len(read_log(own_process).trajectories) == 1


def test_an_evaluation_of_several_batches_is_counted_as_one() -> None:
    """Batches of 4, 4 and 1 with 2, 2 and 1 right: 5 of 9, not the mean of 0.5, 0.5 and 1."""
    trainer = Trainer()
    trainer.model.training = False
    batches = (["red", "red", "blue", "blue"], ["red", "red", "blue", "blue"], ["red"])
    for _ in range(2):  # the next evaluation begins anew
        for answers in batches:
            trainer.score(answers)
            trainer.callback.on_prediction_step(trainer.args, trainer.state, None)
        logged = {name: sum(v) / len(v) for name, v in trainer._metrics["eval"].items()}
        assert logged["deepeyes/accuracy/all"] == pytest.approx(5 / 9)
        assert logged["deepeyes/source/vstar/accuracy"] == pytest.approx(5 / 9)
        assert logged["deepeyes/trajectories"] == 9
        trainer._metrics["eval"].clear()


def test_steps_between_two_logs_count_together() -> None:
    """`--logging_steps 2`: a source that is rare in one step does not weigh as much as in both."""
    trainer = Trainer()
    for answers in (["red"], ["blue"] * 3):
        trainer.score(answers)
        trainer.state.global_step += 1
        trainer.callback.on_step_end(trainer.args, trainer.state, None)
    assert trainer._metrics["train"]["deepeyes/accuracy/all"] == [0.25]
    assert trainer._metrics["train"]["deepeyes/trajectories"] == [2.0], "of one step"
    trainer._metrics["train"].clear()
    trainer.score(["red"])
    assert trainer.end_step()["deepeyes/accuracy/all"] == 1


def test_dynamic_sampling_scores_more_batches_than_it_tells_shares() -> None:
    trainer = Trainer()
    seen = []
    observe = trainer.callback._watch.observe
    trainer.callback._watch.observe = lambda step, shares: (
        seen.append(shares) or observe(step, shares)
    )
    for shares in ([1.0], [1.0, 0.0]):  # the list grows until the trainer logs
        for _ in range(3):
            trainer.score(["red"] * 8)
        trainer._metrics["train"]["frac_reward_zero_std"] = shares
        trainer.callback.on_step_end(trainer.args, trainer.state, None)
    assert (seen[0]["equal_rewards"].hits, seen[0]["equal_rewards"].total) == (2, 2)
    assert (seen[1]["equal_rewards"].hits, seen[1]["equal_rewards"].total) == (0, 2)
