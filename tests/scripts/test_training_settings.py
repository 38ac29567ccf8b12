"""What a run leaves behind and how it is told: reports, log, saves, validation, stop strings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swift_deepeyes.metrics.alarm_triggers import SPANS
from swift_deepeyes.settings import Settings
from tests.scripts.captured import ROOT, SCRIPTS, run, update_size


def test_several_reports_are_several_words(capture: Any) -> None:
    call = capture("train_colocate.sh", REPORT_TO="tensorboard wandb", REPORT_NAME="first")
    assert call.args.report_to == ["tensorboard", "wandb"]
    assert (call.args.run_name, call.env["WANDB_PROJECT"]) == ("first", "swift-deepeyes")


def test_swanlab_is_one_variable(capture: Any) -> None:
    args = capture("train_server.sh", REPORT_TO="swanlab", REPORT_PROJECT="zoom").args
    assert args.report_to == ["swanlab"]
    assert (args.swanlab_project, args.swanlab_exp_name) == ("zoom", "output")


def test_own_datasets_come_beside_ours(capture: Any) -> None:
    args = capture("train_server.sh", DATASETS="mine deepeyes_vstar", DATASET_INFO="a.json b.json")
    assert args.args.dataset == ["mine", "deepeyes_vstar"]
    ours, *others = args.args.custom_dataset_info
    assert Path(ours) == ROOT / "dataset_info.json" and others == ["a.json", "b.json"]


def test_a_run_leaves_a_log_that_holds_all_of_it(capture: Any, tmp_path: Path) -> None:
    output = str(tmp_path / "out")
    env = capture("train_colocate.sh", OUTPUT=output).env
    assert (env["DEEPEYES_LOG_DIR"], env["DEEPEYES_LOG_SAMPLE"]) == (f"{output}/log", "0.25")
    env = capture("runs/3b_lora_1_gpu.sh", "train", OUTPUT=output).env
    assert float(env["DEEPEYES_LOG_SAMPLE"]) == 1
    # What the header of training_output.sh says of a run of the paper's size.
    trajectories, prompts = 80 * 4096, 80 * 256
    gigabytes = (trajectories * 106e3 + prompts * 100e3) / 1e9 * 0.25
    assert 9 < gigabytes < 12 < Settings().log_max_gb


def test_a_second_run_has_a_log_of_its_own(capture: Any, tmp_path: Path) -> None:
    output = tmp_path / "out"
    (output / "log/trajectories").mkdir(parents=True)
    assert capture("train_server.sh", OUTPUT=str(output)).env["DEEPEYES_LOG_DIR"].endswith("/log-2")


def test_the_log_can_be_turned_off(capture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    env = capture("train_server.sh", DEEPEYES_LOG_DIR="none").env
    monkeypatch.setenv("DEEPEYES_LOG_DIR", env["DEEPEYES_LOG_DIR"])
    assert Settings().log_dir is None
    monkeypatch.setenv("DEEPEYES_LOG_DIR", "log")
    assert Settings().log_dir == Path("log")


def test_the_command_is_kept_beside_what_it_makes(capture: Any, tmp_path: Path) -> None:
    output = tmp_path / "out"
    nodes = {"NNODES": "2", "MASTER_ADDR": "one"}
    capture("train_server.sh", OUTPUT=str(output), NODE_RANK="1", **nodes)
    assert not output.exists()
    capture("train_server.sh", "--seed", "7", OUTPUT=str(output), NODE_RANK="0", **nodes)
    text = (output / "command.sh").read_text()
    assert "    MAX_PIXELS=2007040 \\\n" in text and text.endswith("--seed 7\n")


def test_a_checkpoint_from_before_a_fall_is_still_there(capture: Any) -> None:
    """An alarm looks at up to so many steps together."""
    for script in ("train_server.sh", "runs/3b_lora_1_gpu.sh train"):
        args = capture(*script.split()).args
        assert args.save_steps * (args.save_total_limit - 1) >= max(SPANS)
        assert args.save_only_model is False
    args = capture("train_server.sh", SAVE_LIMIT="3", SAVE_ONLY_MODEL="true").args
    assert (args.save_total_limit, args.save_only_model) == (3, True)


def test_validation_is_off_unless_asked_for(capture: Any) -> None:
    args = capture("train_server.sh").args
    assert (args.val_dataset, args.split_dataset_ratio, args.eval_strategy) == ([], 0, None)


@pytest.mark.parametrize(
    "env", [{"VAL_DATASET": "mine#64 other"}, {"VAL_SHARE": "0.003"}], ids=["own", "share"]
)
def test_validation_and_the_best_by_it(capture: Any, env: dict[str, str]) -> None:
    call = capture("train_colocate.sh", **env, EVAL_STEPS="16")
    args = call.args
    assert args.val_dataset == env.get("VAL_DATASET", "").split()
    assert args.split_dataset_ratio == float(env.get("VAL_SHARE", 0))
    assert (args.eval_strategy, args.eval_steps, args.save_steps) == ("steps", 16, 8)
    assert (args.metric_for_best_model, args.greater_is_better) == ("reward", True)
    assert update_size(call) == 256 * 16  # also with ms-swift's check of the evaluation's batch


def test_the_best_must_be_a_checkpoint(tmp_path: Path) -> None:
    env = {"VAL_SHARE": "0.01", "EVAL_STEPS": "12"}
    result = run(SCRIPTS / "train_colocate.sh", tmp_path, **env)
    assert result.returncode == 1
    assert "EVAL_STEPS (12) must be a multiple of SAVE_STEPS (8)" in result.stderr


@pytest.mark.parametrize("script", ["train_server.sh", "train_colocate.sh"])
def test_stop_strings(capture: Any, script: str) -> None:
    assert capture(script).args.stop_words == []
    stop = "</tool_call> </answer>"
    assert capture(script, STOP=stop).args.stop_words == ["</tool_call>", "</answer>"]


def test_stop_strings_and_the_correction_exclude_each_other(tmp_path: Path) -> None:
    """Run with the toy: with stop strings ms-swift 4.6.0 logs no `rollout_correction/`."""
    result = run(SCRIPTS / "train_colocate.sh", tmp_path, STOP="</answer>", RECIPE="stable")
    assert result.returncode == 1 and "set IMPORTANCE_SAMPLING=none" in result.stderr


def test_sglang_serves_the_judge(capture: Any, tmp_path: Path) -> None:
    args = capture("deploy_judge.sh", ENGINE="sglang").args
    assert (args.infer_backend, args.sglang_tp_size) == ("sglang", 4)
    assert (args.sglang_mem_fraction_static, args.sglang_context_length) == (0.9, 16384)
    result = run(SCRIPTS / "deploy_judge.sh", tmp_path, ENGINE="trt")
    assert "ENGINE=trt is not allowed: vllm or sglang" in result.stderr
