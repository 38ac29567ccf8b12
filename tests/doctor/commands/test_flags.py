"""Our reading of flags against ms-swift's own classes, for the commands of our scripts."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from swift.arguments import RLHFArguments, RolloutArguments

from swift_deepeyes.doctor.commands import batch, lora
from swift_deepeyes.doctor.commands.check import check_commands
from swift_deepeyes.doctor.commands.command import flags_of_saved, read_flags
from swift_deepeyes.doctor.commands.sampling import PLAIN_DEFAULTS, wrong_flags
from swift_deepeyes.doctor.commands.source import read_source
from swift_deepeyes.doctor.commands.thinking import COMPARED
from swift_deepeyes.doctor.finding import Health
from tests.doctor.commands.lines import command
from tests.scripts.captured import SCRIPTS, captured, run


def value(texts: tuple[str, ...]) -> list[object]:
    """Words with numbers and switches as such."""
    return [_value(text) for text in texts]


def _value(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return {"true": True, "false": False}.get(text.lower(), text)


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ms-swift's checks of the machine."""
    for cls in (RLHFArguments, RolloutArguments):
        monkeypatch.setattr(cls, "__post_init__", lambda self: None)


@pytest.mark.parametrize("script", ["rollout.sh", "train_server.sh", "train_colocate.sh"])
def test_flags_are_read_as_ms_swift_reads_them(script: str, tmp_path: Any) -> None:
    call = captured(SCRIPTS / script, tmp_path)
    read = read_flags(call.words)
    theirs = flags_of_saved({name: getattr(call.args, name) for name in read})
    assert len(read) > 10
    assert {name: value(texts) for name, texts in read.items()} == {
        name: value(texts) for name, texts in theirs.items()
    }


def test_the_dry_runs_of_both_sides_agree(tmp_path: Any) -> None:
    texts = [
        run(SCRIPTS / f"{name}.sh", tmp_path, "--dry-run", MAX_PIXELS="602112").stdout
        for name in ("train_server", "rollout")
    ]
    findings = check_commands(texts, running=False, log=None)
    assert [(one.check, one.health) for one in findings] == [
        ("commands", Health.OK),
        ("pixel limits", Health.OK),
        ("generation time", Health.OK),
    ]
    assert "MAX_PIXELS=602112" in findings[1].text


def test_the_dry_run_for_ray_has_the_flags_of_its_configuration(tmp_path: Any) -> None:
    (found,) = read_source(run(SCRIPTS / "train_ray.sh", tmp_path, "--dry-run").stdout)
    assert found.is_megatron and found.is_on("use_ray")
    assert found.number("max_length") == found.number("vllm_max_model_len") == 8192 + 20480


def defaults(cls: type[Any]) -> dict[str, Any]:
    return {field.name: field.default for field in dataclasses.fields(cls)}


def test_defaults_and_names_are_ms_swifts() -> None:
    rlhf, rollout = defaults(RLHFArguments), defaults(RolloutArguments)
    assert rlhf["num_generations"] == batch.GENERATIONS
    assert rlhf["per_device_train_batch_size"] == batch.BATCH
    assert rlhf["lora_rank"] == lora.DEFAULT_RANK
    assert rollout["vllm_max_lora_rank"] == lora.DEFAULT_MAX_RANK
    assert not rollout["vllm_enable_lora"] and not rlhf["vllm_enable_lora"]
    assert rlhf["ddp_timeout"] > 10**7 and rlhf["max_length"] is None
    used = {
        "adapters", "resume_from_checkpoint", "sleep_level", "truncation_strategy", "max_pixels",
        "external_plugins", "vllm_mode", "use_vllm", "vllm_max_model_len", "top_p", "top_k",
        "repetition_penalty", "rollout_importance_sampling_mode", "generation_batch_size",
        "log_rollout_offpolicy_metrics", "steps_per_generation", "gradient_accumulation_steps",
        "tuner_type", "vllm_server_host", "global_world_size", *COMPARED,
    }  # fmt: skip
    known = set(rlhf) | {"global_world_size"}  # set by ms-swift, and in args.json
    assert used <= known and set(COMPARED) <= set(rollout)
    plain = {name: rlhf[name] for name in ("top_p", "top_k", "repetition_penalty")}
    words = " ".join(f"--{name} {of}" for name, of in plain.items() if of is not None)
    assert not wrong_flags(command(f"swift rlhf {words}"), PLAIN_DEFAULTS)
