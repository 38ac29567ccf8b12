"""What the doctor says of the commands of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.version import Version
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.doctor.commands.check import check_commands
from swift_deepeyes.doctor.commands.command import Command
from swift_deepeyes.doctor.commands.lengths import check_lengths
from swift_deepeyes.doctor.commands.lora import check_async_engine, check_lora
from swift_deepeyes.doctor.commands.pixels import check_pixels
from swift_deepeyes.doctor.commands.sampling import check_sampling
from swift_deepeyes.doctor.commands.waiting import check_waiting
from swift_deepeyes.doctor.finding import Finding, Health
from swift_deepeyes.doctor.hardware import InstalledGpu
from tests.doctor.commands.lines import COLOCATE, PLUGIN, ROLLOUT, TRAINER, command

NEW, OLD = Version("4.6.0"), Version("4.3.1")
GPU = InstalledGpu(0, "NVIDIA A100-SXM4-80GB", 81920, 0, "570")


def health(findings: list[Finding]) -> list[Health]:
    return [finding.health for finding in findings]


def both(more_of_trainer: str = "", more_of_rollout: str = "") -> list[Command]:
    return [command(TRAINER, more_of_trainer), command(ROLLOUT, more_of_rollout)]


class TestPixels:
    def test_equal(self) -> None:
        (finding,) = check_pixels(both())
        assert finding.health is Health.OK and "MAX_PIXELS=2007040" in finding.text

    def test_another_value_in_the_environment(self) -> None:
        server = command(ROLLOUT.replace("MAX_PIXELS=2007040", "MAX_PIXELS=602112"))
        (finding,) = check_pixels([command(TRAINER), server])
        assert finding.health is Health.FAILED
        assert "has 2007040 and" in finding.text and "has 602112" in finding.text

    def test_a_flag_is_not_the_variable(self) -> None:
        """ms-swift rescales by the flag before it rounds to the grid: other sizes."""
        server = command(ROLLOUT.replace("MAX_PIXELS=2007040", "A=b"), "--max_pixels 2007040")
        findings = check_pixels([command(TRAINER), server])
        assert health(findings) == [Health.FAILED] * 2
        assert "has 2007040 and swift rollout (--command) has none" in findings[0].text

    def test_one_of_two_servers(self) -> None:
        servers = [command(ROLLOUT), command(ROLLOUT.replace("MAX_PIXELS=2007040", "A=b"))]
        assert health(check_pixels([command(TRAINER), *servers])) == [Health.OK, Health.FAILED]

    def test_one_command_alone(self) -> None:
        (finding,) = check_pixels([command(ROLLOUT)])
        assert finding.health is Health.WARNING and "`swift rlhf` too" in finding.fix
        assert check_pixels([command(COLOCATE)]) == []

    def test_an_environment_that_nobody_knows(self, tmp_path: Path) -> None:
        path = tmp_path / "args.json"
        path.write_text(json.dumps({"rlhf_type": "grpo", "vllm_mode": "server"}))
        (finding,) = check_pixels([command(str(path)), command(ROLLOUT)])
        assert finding.health is Health.WARNING and "not compared" in finding.text


class TestLora:
    ON = "--vllm_enable_lora true"

    def test_nothing_is_said_of_what_nobody_asks_for(self) -> None:
        assert check_lora(both(), OLD) == []

    @pytest.mark.parametrize(
        ("version", "expected"),
        [("4.3.1", Health.FAILED), ("4.4.3", Health.FAILED), ("4.5.0", Health.OK)],
    )
    def test_a_server_that_samples_the_base_model(self, version: str, expected: Health) -> None:
        (finding,) = check_lora(both("", f"{self.ON} --vllm_max_lora_rank 64"), Version(version))
        assert finding.health is expected and "#9855" in finding.text

    def test_a_server_is_asked_itself(self) -> None:
        assert check_async_engine("http://127.0.0.1:1", NEW) == []
        assert health(check_async_engine("http://127.0.0.1:1", OLD)) == [Health.FAILED]

    @pytest.mark.parametrize(
        ("more", "version", "expected"),
        [
            ("--resume_from_checkpoint output/checkpoint-8", "4.0.1", Health.FAILED),
            ("--resume_from_checkpoint output/checkpoint-8", "3.12.6", Health.FAILED),
            ("--adapters sft/checkpoint-8", "4.0.1", Health.FAILED),
            ("", "4.0.1", Health.WARNING),
            ("--resume_from_checkpoint output/checkpoint-8", "4.0.2", Health.OK),
            ("--sleep_level 2 --resume_from_checkpoint c", "4.0.1", Health.OK),
        ],
    )
    def test_adapters_that_count_twice(self, more: str, version: str, expected: Health) -> None:
        (finding,) = check_lora([command(f"{COLOCATE} {self.ON} {more}")], Version(version))
        assert finding.health is expected and "#8233" in finding.text

    def test_the_trainers_flag_means_nothing_in_server_mode(self) -> None:
        trainer, server = both(f"{self.ON} --resume_from_checkpoint c")
        assert health(check_lora([trainer, server], Version("4.0.1"))) == [Health.OK]

    def test_a_rank_that_the_server_does_not_take(self) -> None:
        (finding,) = check_lora(both("--tuner_type lora --lora_rank 64", self.ON), NEW)
        assert finding.health is Health.FAILED and "--vllm_max_lora_rank 64" in finding.fix
        ok = check_lora(both("--lora_rank 64", f"{self.ON} --vllm_max_lora_rank 64"), NEW)
        assert health(ok) == [Health.OK]


class TestSampling:
    MODE = "--rollout_importance_sampling_mode token_truncate"

    def test_nothing_is_said_where_no_correction_is_asked_for(self) -> None:
        assert check_sampling(command(TRAINER, "--top_p 0.9"), NEW) == []

    @pytest.mark.parametrize("more", ["", "--top_p 1", "--top_k -1 --top_p 1.0", "--top_k 0"])
    def test_the_whole_distribution(self, more: str) -> None:
        findings = check_sampling(command(COLOCATE, f"{self.MODE} {more}"), NEW)
        assert health(findings) == [Health.OK]

    @pytest.mark.parametrize(
        ("more", "fix"),
        [
            ("--top_p 0.95", "--top_p 1"),
            ("--top_k 50 --top_p 1", "--top_k -1"),
            ("--repetition_penalty 1.1", "--repetition_penalty 1"),
        ],
    )
    def test_another_distribution(self, more: str, fix: str) -> None:
        (finding,) = check_sampling(command(COLOCATE, f"{self.MODE} {more}"), NEW)
        assert finding.health is Health.FAILED and finding.fix == fix
        assert more.rpartition(" --")[0] in finding.text and "#8442" in finding.text

    def test_older_defaults_are_another_distribution(self) -> None:
        (finding,) = check_sampling(command(f"{COLOCATE} {self.MODE}"), Version("3.12.6"))
        assert finding.health is Health.FAILED and finding.fix == "--top_p 1 --top_k -1"
        told = command(f"{COLOCATE} {self.MODE} {finding.fix}")
        assert health(check_sampling(told, Version("3.12.6"))) == [Health.OK]

    def test_metrics_alone_compare_the_same(self) -> None:
        line = f"{COLOCATE} --log_rollout_offpolicy_metrics true --top_p 0.9"
        assert health(check_sampling(command(line), NEW)) == [Health.FAILED]


class TestLengths:
    def test_our_plugin_lifts_it(self) -> None:
        (finding,) = check_lengths([command(COLOCATE)])
        assert finding.health is Health.OK and "8,192 tokens bound prompts only" in finding.text

    def test_without_it_the_run_ends(self) -> None:
        line = COLOCATE.replace(PLUGIN, "mine.py").replace("deepeyes_scheduler", "mine")
        (finding,) = check_lengths([command(line)])
        assert finding.health is Health.FAILED and "MaxLengthError" in finding.text
        assert "--max_length 28672" in finding.fix

    def test_under_ray_conversations_end_there(self) -> None:
        line = COLOCATE.replace("swift rlhf", "megatron rlhf --use_ray true")
        (finding,) = check_lengths([command(line)])
        assert finding.health is Health.WARNING and "end at 8,192 tokens" in finding.text
        assert check_lengths([command(line.replace("8192", "28672"))]) == []

    def test_the_episodes_own_limit_may_be_smaller(self) -> None:
        assert check_lengths([command(f"DEEPEYES_MAX_CONTEXT=8192 {COLOCATE}")]) == []

    def test_server_mode_has_no_such_limit(self) -> None:
        assert check_lengths(both()) == []

    def test_a_server_with_a_smaller_one_than_its_trainer(self) -> None:
        (finding,) = check_lengths(both("", "--max_length 4096"))
        assert finding.health is Health.FAILED and "4096" in finding.text and "8192" in finding.text
        assert check_lengths(both("", "--max_length 8192")) == []

    def test_left_cuts_the_question(self) -> None:
        (finding, _) = check_lengths([command(f"{COLOCATE} --truncation_strategy left")])
        assert finding.health is Health.WARNING and "delete" in finding.fix


class TestWaiting:
    def test_our_scripts_generate_in_parts(self) -> None:
        (finding,) = check_waiting(both(), [GPU], None)
        assert finding.health is Health.OK and "256 trajectories at once" in finding.text
        assert "4 a100 generate" in finding.text

    def test_a_whole_update_at_once(self) -> None:
        """As `7b_1_node.sh` without parts: 4,096 trajectories on four GPUs."""
        commands = both("--steps_per_generation 1024", "")
        (finding,) = check_waiting(commands, [GPU], None)
        assert finding.health is Health.WARNING and "#10065" in finding.text
        steps = int(finding.fix.split()[1])
        assert 1024 % steps == 0 and 4 * steps % 16 == 0 and steps < 1024
        assert health(check_waiting(both(f"--steps_per_generation {steps}"), [GPU], None)) == [
            Health.OK
        ]

    def test_a_timeout_shorter_than_a_generation(self) -> None:
        commands = both("--steps_per_generation 1024 --ddp_timeout 30")
        (finding,) = check_waiting(commands, [GPU], None)
        assert finding.health is Health.FAILED and "after 30 s" in finding.text

    @pytest.mark.parametrize(
        ("seconds", "parts", "expected"),
        [(900.0, 1, Health.WARNING), (900.0, 16, Health.OK), (500.0, 1, Health.OK)],
    )
    def test_measured_steps(
        self, tmp_path: Path, seconds: float, parts: int, expected: Health
    ) -> None:
        lines = [{"step": step, "time": 0.0, "values": {"step_time": seconds}} for step in (1, 2)]
        (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
        commands = both(f"--steps_per_generation {1024 // parts}")
        (finding,) = check_waiting(commands, [GPU], tmp_path)
        assert finding.health is expected and str(tmp_path) in finding.text

    def test_nobody_waits(self) -> None:
        assert check_waiting([command(COLOCATE)], [GPU], None) == []
        alone = command(TRAINER.replace("NPROC_PER_NODE=4", "NPROC_PER_NODE=1"))
        assert check_waiting([alone], [GPU], None) == []

    def test_a_model_that_cannot_be_planned_with(self) -> None:
        trainer, server = both("--model /nowhere/model")
        (finding,) = check_waiting([trainer, server], [GPU], None)
        assert finding.health is Health.SKIPPED and "--log" in finding.fix


def test_a_log_without_steps_is_said(tmp_path: Path) -> None:
    findings = check_commands([TRAINER, ROLLOUT], running=False, log=tmp_path / "none")
    (finding,) = [one for one in findings if one.check == "log"]
    assert finding.health is Health.FAILED and "none/metrics.jsonl" in finding.text


def test_the_command_line() -> None:
    environment = {"DEEPEYES_JUDGE": "rule", "MAX_PIXELS": ""}
    server = ROLLOUT.replace("MAX_PIXELS=2007040", "MAX_PIXELS=602112")
    words = ["doctor", "--no-judge", "--port", "0", "--command", TRAINER, "--command", server]
    run = CliRunner().invoke(app, words, env=environment)
    assert run.exit_code == 1
    assert "ok       commands: swift rlhf (--command); swift rollout (--command)" in run.output
    assert "failed   pixel limits: MAX_PIXELS: swift rlhf (--command) has 2007040" in run.output
    wrong = CliRunner().invoke(app, [*words[:4], "--command", "swift deploy"], env=environment)
    assert wrong.exit_code == 1 and "failed   commands: 'swift deploy' has no" in wrong.output
    none = CliRunner().invoke(app, words[:4], env=environment)
    assert "skipped  commands: not checked" in none.output
