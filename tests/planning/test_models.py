"""`plan --model`: shapes read from `config.json`, against the models that transformers builds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import transformers
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.planning.memory import (
    kv_bytes_per_token,
    lora_parameters,
    rollouts_that_fit,
    weight_bytes,
)
from swift_deepeyes.planning.models import CONFIGS, MODELS, ModelError, read_model
from swift_deepeyes.planning.plan import make_plan
from swift_deepeyes.planning.setup import Setup
from swift_deepeyes.planning.times import step_seconds, training_seconds

TEXT = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 500,
    "head_dim": 32,
}
VISION = {"depth": 2, "hidden_size": 32, "num_heads": 2, "out_hidden_size": 64}
VISION |= {"intermediate_size": 48, "spatial_merge_size": 2}
EXPERTS = {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
LINEAR = {"linear_num_value_heads": 4, "linear_num_key_heads": 2}
LINEAR |= {"linear_key_head_dim": 16, "linear_value_head_dim": 8}
# Qwen2.5-VL divides its width among the heads, whatever `head_dim` says.
QWEN2_5 = TEXT | {"head_dim": 16}
QWEN2_5 |= {"rope_scaling": {"rope_type": "default", "mrope_section": [2, 3, 3]}}
DEEPSTACK = {"deepstack_visual_indexes": [0, 1], "num_position_embeddings": 16, "patch_size": 16}

FAMILIES: dict[str, dict[str, Any]] = {
    "qwen2_5_vl": {"text_config": QWEN2_5, "vision_config": VISION | {"patch_size": 14}},
    "qwen3_vl": {"text_config": TEXT, "vision_config": VISION | DEEPSTACK},
    "qwen3_vl_moe": {"text_config": TEXT | EXPERTS, "vision_config": VISION | DEEPSTACK},
    "qwen3_5": {"text_config": TEXT | LINEAR, "vision_config": VISION | DEEPSTACK},
    "qwen3_5_moe": {
        "text_config": TEXT | LINEAR | EXPERTS | {"shared_expert_intermediate_size": 40},
        "vision_config": VISION | DEEPSTACK,
    },
    "llama": TEXT,
    "mixtral": TEXT | {"num_local_experts": 4, "num_experts_per_tok": 2},
}
KNOWN = [name for name in FAMILIES if name in transformers.CONFIG_MAPPING]


def folder(path: Path, **fields: Any) -> str:
    """A checkpoint's folder without weights."""
    (path / "config.json").write_text(json.dumps(fields))
    return str(path)


def built(name: str) -> Any:
    """The model that transformers builds, with random weights."""
    config = transformers.AutoConfig.from_pretrained(name)
    if hasattr(config, "vision_config"):
        return transformers.AutoModelForImageTextToText.from_config(config)
    return transformers.AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize("family", KNOWN)
def test_parameters_are_those_of_the_built_model(family: str, tmp_path: Path) -> None:
    name = folder(tmp_path, model_type=family, **FAMILIES[family])
    shape = read_model(name)
    parameters = {name: p.numel() for name, p in built(name).named_parameters()}
    assert shape.parameters == sum(parameters.values())
    assert weight_bytes(shape) == 2 * shape.parameters
    text = FAMILIES[family].get("text_config", FAMILIES[family])
    if "num_experts_per_tok" in text:
        count = text.get("num_experts") or text["num_local_experts"]
        width = text.get("moe_intermediate_size") or text["intermediate_size"]
        one_expert = 3 * 64 * width
        assert shape.active == shape.parameters - 4 * (count - 2) * one_expert
        assert shape.intermediate == 2 * width + text.get("shared_expert_intermediate_size", 0)
    else:
        assert shape.active == shape.parameters
        assert shape.intermediate == 96


@pytest.mark.parametrize("family", KNOWN)
def test_the_cache_is_that_of_a_forward_pass(family: str, tmp_path: Path) -> None:
    """Bytes per token, and the state of linear attention, as transformers keeps them in fp32."""
    import torch

    name = folder(tmp_path, model_type=family, **FAMILIES[family])
    model, shape = built(name), read_model(name)
    with torch.no_grad():
        kept = model(input_ids=torch.arange(1, 11)[None], use_cache=True).past_key_values.layers
    attended = [layer for layer in kept if getattr(layer, "keys", None) is not None]
    assert len(attended) == shape.kv_layers == (1 if "qwen3_5" in family else 4)
    numbers = sum(layer.keys.numel() + layer.values.numel() for layer in attended)
    assert kv_bytes_per_token(shape) == 2 * numbers // 10
    states = [layer.recurrent_states for layer in kept if hasattr(layer, "recurrent_states")]
    # Since transformers 5.10 a layer may hold several states, by their number.
    states = [s for one in states for s in (one.values() if isinstance(one, dict) else [one])]
    assert shape.state_bytes == 4 * sum(state.numel() for state in states)


@pytest.mark.parametrize("name", CONFIGS)
def test_short_names_are_the_same_as_their_folders(name: str, tmp_path: Path) -> None:
    shape = read_model(folder(tmp_path, **CONFIGS[name]))
    assert shape.model_copy(update={"name": MODELS[name].name}) == MODELS[name]


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl", "llama"])
def test_lora_parameters_by_counting_layers(family: str, tmp_path: Path) -> None:
    name = folder(tmp_path, model_type=family, **FAMILIES[family])
    linears = [
        module
        for path, module in built(name).named_modules()
        if "layers" in path and "visual" not in path and type(module).__name__ == "Linear"
    ]
    assert len(linears) == 4 * 7
    sides = sum(linear.in_features + linear.out_features for linear in linears)
    assert lora_parameters(read_model(name), 16) == 16 * sides


def test_older_configs_keep_the_text_at_the_top(tmp_path: Path) -> None:
    """Qwen2.5-VL's published ones do; Qwen2-VL also names its vision part's width otherwise."""
    text = {name: value for name, value in TEXT.items() if name != "head_dim"}
    vision = {"depth": 2, "embed_dim": 32, "hidden_size": 64, "num_heads": 2, "patch_size": 14}
    shape = read_model(folder(tmp_path, model_type="qwen2_vl", **text, vision_config=vision))
    assert (shape.layers, shape.head_dim, shape.vision_hidden, shape.token_side) == (4, 16, 32, 28)


def test_a_mixture_computes_with_its_active_parameters(tmp_path: Path) -> None:
    config = CONFIGS["qwen3-8b"] | {"model_type": "qwen3_vl_moe"}
    text = {"num_hidden_layers": 48, "hidden_size": 2048, "num_attention_heads": 32}
    text |= {"num_key_value_heads": 4, "head_dim": 128, "vocab_size": 151_936}
    text |= {"moe_intermediate_size": 768, "num_experts": 128, "num_experts_per_tok": 8}
    config |= {"text_config": text}
    config["vision_config"] = config["vision_config"] | {"out_hidden_size": 2048}
    shape = read_model(folder(tmp_path, **config))
    # Its name says 30B-A3B; the vision part has half a billion of both.
    assert round(shape.parameters / 1e9, 1) == 31.1
    assert round(shape.active / 1e9, 1) == 3.9
    assert shape.tensor_parallel == 2
    mixture = Setup(model=shape)
    dense = Setup(model=shape.model_copy(update={"active": shape.parameters}))
    seconds = [step_seconds(setup, setup.mean_tokens) for setup in (mixture, dense)]
    share = shape.active / shape.parameters
    # Launching kernels takes the same; so does decoding, where a batch reads all experts.
    launching = mixture.micro_steps * training_seconds(mixture, 0)
    computing = [second.training - launching for second in seconds]
    assert computing[0] == pytest.approx(share * computing[1])
    assert share * seconds[1].generating < seconds[0].generating < seconds[1].generating
    figure = make_plan(mixture).figure("training")
    assert figure.how == "8 operations per active weight and token; launching"


@pytest.mark.skipif("qwen3_5" not in KNOWN, reason="this transformers does not know it")
def test_linear_attention_in_a_plan(tmp_path: Path) -> None:
    name = folder(tmp_path, model_type="qwen3_5", **FAMILIES["qwen3_5"])
    plan = make_plan(Setup(model=read_model(name)))
    assert plan.figure("KV cache per token").value == 2 * 1 * 2 * 32 * 2
    assert plan.figure("KV cache per token").how == "2 x 1 of 4 layers x 2 heads x 32 x 2"
    assert plan.figure("state").value == 3 * 4 * 16 * 8 * 4
    setup = Setup(model=MODELS["7b"])
    heavy = Setup(model=MODELS["7b"].model_copy(update={"state_bytes": 57_344 * 10_000}))
    assert rollouts_that_fit(heavy, 10_000) == rollouts_that_fit(setup, 20_000)


def test_a_text_model_is_planned_and_warned_of(tmp_path: Path) -> None:
    plan = make_plan(Setup(model=read_model(folder(tmp_path, model_type="llama", **TEXT))))
    assert plan.figure("largest image").value == 0
    assert plan.figure("image tokens").value == 0
    assert plan.figure("prompt").value == 600
    assert plan.figure("pixels").value == 0
    assert plan.warnings[0] == "The model takes no images: it has nothing to zoom into."


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"model_type": "not_a_model"}, "cannot build this model"),
    "no type": ({"hidden_size": 3}, "cannot build this model"),
    "latent": (
        {"model_type": "deepseek_v3", "kv_lora_rank": 16},
        "has kv_lora_rank: the KV cache of latent attention",
    ),
    "quantised": (
        {"model_type": "llama", **TEXT, "quantization_config": {"quant_method": "awq", "bits": 4}},
        "has quantization_config: plan with the unquantised model",
    ),
    "encoder": ({"model_type": "t5"}, "has is_encoder_decoder: only decoders"),
    "other vision": (
        {"model_type": "llava", "text_config": {"model_type": "llama", **TEXT}},
        "has no depth, which the formulae need",
    ),
    "wrong number": ({"model_type": "llama", **TEXT, "hidden_size": -4}, "cannot build this model"),
    "wrong word": (
        {"model_type": "llama", **TEXT, "num_hidden_layers": "many"},
        "cannot build this model",
    ),
    "foreign code": (
        {"model_type": "mine", "auto_map": {"AutoConfig": "configuration.Mine"}},
        "cannot build this model",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_formula_covers_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    fields, message = REFUSED[case]
    name = folder(tmp_path, **fields)
    with pytest.raises(ModelError) as refused:
        read_model(name)
    text = str(refused.value)
    assert text.startswith(f"{name}: ") and message in text
    assert "\n" not in text


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"qwen"'])
def test_a_broken_file_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelError) as refused:
        read_model(str(tmp_path))
    assert "cannot build this model" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_command(tmp_path: Path) -> None:
    name = folder(tmp_path, **CONFIGS["3b"])
    known = CliRunner().invoke(
        app, ["plan", "--model", "3b", "--lora", "--full"], env={"COLUMNS": "80"}
    )
    code = "from swift_deepeyes.cli.main import main; main()"
    command = [sys.executable, "-c", code, "plan", "--lora", "--full", "--model", name]
    read = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=os.environ | {"COLUMNS": "80"}
    )
    assert read.returncode == 0, read.stderr
    table = known.output.partition("quantity")[2]
    assert table and table == read.stdout.partition("quantity")[2]
    wrong = CliRunner().invoke(app, ["plan", "--model", str(tmp_path.parent / "none")])
    assert wrong.exit_code == 2
    assert "or a folder with a config.json" in wrong.output


def test_the_judge_and_the_rows_are_options() -> None:
    options = ["plan", "--full", "--rows", "2560", "--judge-params", "7", "--judge-gpus", "1"]
    output = CliRunner().invoke(app, options, env={"COLUMNS": "200", "LINES": "50"}).output
    assert "7 B on 1 GPU, 500 tokens each" in output
    assert "2,560 rows / 256 prompts" in output
    assert "Small judges have made tool use collapse" in output


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("gpus", "0"),
        ("turns", "0.5"),
        ("rollout-memory", "1.5"),
        ("crop-share", "0"),
        ("waiting", "0"),
        ("generations", "1"),
        ("judge-params", "0"),
        ("judge-gpus", "0"),
        ("max-prompt", "0"),
    ],
)
def test_a_wrong_value_is_refused_by_its_option(option: str, value: str) -> None:
    run = CliRunner().invoke(app, ["plan", f"--{option}", value])
    assert run.exit_code == 2
    assert f"error: --{option}: Input should be greater" in run.output.replace("less", "greater")


def test_short_names_need_no_transformers() -> None:
    """It takes seconds to import."""
    code = (
        "import sys; from typer.testing import CliRunner; from swift_deepeyes.cli.main import app;"
        "assert CliRunner().invoke(app, ['plan', '--model', '7b']).exit_code == 0;"
        "sys.exit('transformers' in sys.modules or 'torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
