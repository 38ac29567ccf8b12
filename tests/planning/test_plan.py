"""The arithmetic of a plan, against hand-made numbers and encoded rows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.cli.tables.plan import render
from swift_deepeyes.demo.families import family_template
from swift_deepeyes.demo.toy import wording
from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL
from swift_deepeyes.episode.boxes import Size
from swift_deepeyes.episode.view import ViewRecipe
from swift_deepeyes.planning import memory
from swift_deepeyes.planning.calibration import GB
from swift_deepeyes.planning.gpus import GPUS, MIB
from swift_deepeyes.planning.models import MODELS
from swift_deepeyes.planning.plan import Certainty, make_plan
from swift_deepeyes.planning.setup import (
    IMAGE_MARKS,
    JudgeSetup,
    Lengths,
    Mode,
    Setup,
    Tuning,
    image_tokens,
    mean_trajectory,
)
from swift_deepeyes.planning.times import judge_load, step_seconds

PAPER = Setup()


@settings(max_examples=200, deadline=None)
@given(st.integers(56, 3000), st.integers(56, 3000), st.sampled_from([14, 16]))
def test_image_tokens_bound_what_the_model_sees(width: int, height: int, patch: int) -> None:
    limit = 602_112
    recipe = ViewRecipe(patch_size=patch, fetch_options={"max_pixels": limit})
    seen = recipe.tokens(Size(width, height))
    assert seen <= image_tokens(limit, 2 * patch)


def test_trajectory_tokens_are_those_of_an_encoded_one() -> None:
    """Shape for shape what ms-swift makes of a toy trajectory: an image, a crop, two turns."""
    template = family_template("qwen2_5_vl", max_pixels=224 * 224)
    turns = [wording.zoom_turn([0, 0, 112, 112]), wording.zoomed_turn("dots")]
    user = wording.with_turn_instruction(wording.PATTERN_QUESTION)
    texts = [wording.zoom_system(QWEN2_5_VL.view), user, turns[0], wording.observation(), turns[1]]
    roles = ["system", "user", "assistant", "user", "assistant"]
    messages = [{"role": r, "content": c} for r, c in zip(roles, texts, strict=True)]
    images = [Image.new("RGB", (224, 224)), Image.new("RGB", (112, 112))]
    encoded = template.encode({"messages": messages, "images": images})

    def count(text: str) -> int:
        return len(template.tokenizer(text.replace("<image>", ""))["input_ids"])

    lengths = Lengths(
        max_pixels=224 * 224,
        prompt_text_tokens=count(texts[0]) + count(texts[1]),
        mean_turns=2,
        mean_turn_tokens=round((count(texts[2]) + count(texts[4])) / 2),
        mean_crop_share=0.25,
        observation_text_tokens=count(texts[3]),
    )
    planned = mean_trajectory(lengths, 28)
    pads = encoded["input_ids"].count(template.image_token_id)
    assert planned.images == pads + 2 * IMAGE_MARKS
    chat_marks = 5 * 5  # <|im_start|>, role, line break, <|im_end|>, line break
    assert 0 <= len(encoded["input_ids"]) - planned.total <= chat_marks


def test_kv_cache_by_hand() -> None:
    assert memory.kv_bytes_per_token(MODELS["7b"]) == 2 * 28 * 4 * 128 * 2 == 57_344
    assert memory.kv_bytes_per_token(MODELS["72b"]) == 327_680
    setup = Setup(gpu=GPUS["h100"], rollout_memory_share=0.85)
    left = 0.85 * 81_559 * MIB - 2 * 8_292_166_656 - 2 * GB
    assert memory.kv_cache_bytes(setup) == pytest.approx(left, abs=1)
    assert memory.rollouts_that_fit(setup, 10_000) == int(left // (57_344 * 10_000))


def test_training_states_by_hand() -> None:
    setup = Setup(gpus=16, mode=Mode.COLOCATE)
    used = memory.training_memory(setup, setup.mean_tokens)
    assert used.states == 8_292_166_656 * 16 // 16
    assert used.logits == (625 + setup.mean_tokens.observed) * 152_064 * 8  # bf16 outputs
    assert memory.training_memory(setup, setup.longest_tokens).logits == (
        (8192 + 20_480 - setup.mean_tokens.prompt) * 152_064 * 8
    )
    lora = Setup(gpus=1, mode=Mode.COLOCATE, tuning=Tuning.LORA)
    alone = memory.training_memory(lora, lora.mean_tokens)
    assert alone.gathered == 0
    assert alone.states == 2 * 8_292_166_656 + 8 * 64 * 2_523_136  # without DeepSpeed
    assert alone.logits == 2 * used.logits


def test_the_largest_of_layer_and_logits_counts() -> None:
    setup = Setup(gpus=16, mode=Mode.COLOCATE, model=MODELS["72b"])
    for tokens in (setup.mean_tokens, setup.longest_tokens):
        used = memory.training_memory(setup, tokens)
        others = used.allocated - max(used.layer, used.logits)
        assert others == used.states + used.gathered + used.inputs + used.pixels
    mean = memory.training_memory(setup, setup.mean_tokens)
    assert mean.layer > mean.logits
    # A frozen vision tower keeps nothing for a backward pass.
    lora = memory.training_memory(
        setup.model_copy(update={"tuning": Tuning.LORA}), setup.mean_tokens
    )
    vision = setup.mean_tokens.images * 4 * 32 * 1280 * 2
    assert mean.inputs - lora.inputs == vision


def test_a_node_holds_what_leaves_its_gpus() -> None:
    offloaded = Setup(gpus=8, rollout_gpus=4, is_offloaded=True)
    one_node = memory.host_memory(offloaded)
    assert one_node.moved == 16 * 8_292_166_656
    assert one_node.processes == 8 * 5 * GB  # 4 engines and 4 trainers
    two_nodes = memory.host_memory(Setup(gpus=24, rollout_gpus=8, is_offloaded=True))
    assert two_nodes.moved == 8 * 8_292_166_656
    colocate = memory.host_memory(Setup(gpus=8, mode=Mode.COLOCATE))
    assert colocate.moved == pytest.approx(2 * (8 * 2 + 16) * 8_292_166_656)


def test_a_step_generates_as_often_as_the_waiting_trajectories_allow() -> None:
    setup = Setup(gpus=8, rollout_gpus=4)
    assert (setup.micro_steps, setup.waiting, setup.generations_of_a_step) == (1024, 64, 16)
    few = setup.model_copy(update={"prompts": 4})
    assert (few.micro_steps, few.waiting, few.generations_of_a_step) == (16, 16, 1)
    # Each has a tail: fewer and larger ones take less time, and more memory for pixels.
    larger = setup.model_copy(update={"micro_steps_per_generation": 256})
    seconds = [step_seconds(each, each.mean_tokens).generating for each in (setup, larger)]
    pixels = [memory.pixel_bytes(each, each.mean_tokens) for each in (setup, larger)]
    assert seconds[0] > seconds[1] and pixels[0] < pixels[1]


def test_lock_step_lasts_as_long_as_the_longest_turns() -> None:
    lengths = Lengths(max_turns=3, max_turn_tokens=400)
    colocate = Setup(gpus=8, mode=Mode.COLOCATE, lengths=lengths)
    assert step_seconds(colocate, colocate.mean_tokens).decoding_steps == 3 * 400
    server = Setup(lengths=lengths)
    assert step_seconds(server, server.mean_tokens).decoding_steps == 3 * 625


def test_weights_move_among_gpus_and_to_the_nodes_memory() -> None:
    alone = Setup(gpus=1, mode=Mode.COLOCATE, tuning=Tuning.LORA)
    plain, offloaded = Setup(gpus=8), Setup(gpus=8, is_offloaded=True)
    pcie = plain.model_copy(update={"gpu": GPUS["l40s"]})
    seconds = [step_seconds(one, one.mean_tokens).exchanging for one in (alone, plain, pcie)]
    assert seconds[0] == 0 < seconds[1] < seconds[2]
    assert step_seconds(offloaded, offloaded.mean_tokens).exchanging > seconds[1]


def test_steps_of_the_paper() -> None:
    assert make_plan(PAPER).figure("steps per epoch").value == 184
    assert PAPER.trajectories == 4096
    assert make_plan(PAPER).figure("longest trajectory").value == 28_672


@pytest.mark.parametrize(
    ("change", "direction"),
    [
        ({"gpus": 64}, -1),
        ({"prompts": 512}, 1),
        ({"model": MODELS["32b"]}, 1),
        ({"gpu": GPUS["a100"]}, 1),
        ({"lengths": Lengths(mean_turns=5)}, 1),
        ({"lengths": Lengths(max_pixels=1_000_000)}, -1),
    ],
)
def test_a_step_takes_longer_or_shorter(change: dict[str, Any], direction: int) -> None:
    seconds = step_seconds(PAPER, PAPER.mean_tokens).total
    changed = PAPER.model_copy(update=change)
    other = step_seconds(changed, changed.mean_tokens).total
    assert (other - seconds) * direction > 0


def test_replicas_keep_the_judge_within_its_share() -> None:
    gpu = GPUS["h100"]
    for step in (10.0, 100.0, 1000.0):
        load = judge_load(4096, step, JudgeSetup(), gpu)
        assert load.questions / (load.replicas * load.rate_of_a_replica) <= 0.05 * step
        if load.replicas > 1:
            fewer = (load.replicas - 1) * load.rate_of_a_replica
            assert load.questions / fewer > 0.05 * step
    assert judge_load(4096, 1.0, JudgeSetup(asked_share=0.5), gpu).questions == 2048


def test_server_mode_splits_the_gpus_and_colocate_does_not() -> None:
    assert (PAPER.generating_gpus, PAPER.training_gpus, PAPER.engines) == (8, 24, 8)
    both = Setup(mode=Mode.COLOCATE, gpus=8, model=MODELS["32b"])
    assert (both.generating_gpus, both.training_gpus, both.engines) == (8, 8, 4)


def test_impossible_setups_are_refused_or_warned_of() -> None:
    with pytest.raises(ValueError, match="one engine needs 4 GPUs"):
        Setup(model=MODELS["72b"], gpus=2, mode=Mode.COLOCATE)
    with pytest.raises(ValueError, match="no GPU is left to train on"):
        Setup(gpus=8, rollout_gpus=8)
    small = Setup(model=MODELS["7b"], gpu=GPUS["rtx4090"], gpus=4, mode=Mode.COLOCATE)
    warnings = " ".join(make_plan(small).warnings)
    assert "Training does not fit" in warnings
    assert not make_plan(PAPER).warnings
    weak = PAPER.model_copy(update={"judge": JudgeSetup(parameters=7e9)})
    assert any("collapse" in warning for warning in make_plan(weak).warnings)
    big = PAPER.model_copy(update={"lengths": Lengths(max_pixels=12_845_056)})
    assert any("prompt's limit" in warning for warning in make_plan(big).warnings)


def test_what_rests_on_a_guess_says_so() -> None:
    """Whatever changes with the guessed lengths must be called an estimate."""
    plans = [
        make_plan(PAPER),
        make_plan(PAPER.model_copy(update={"lengths": Lengths(mean_turns=4, mean_turn_tokens=9)})),
    ]
    for section in plans[0].sections:
        for figure in section.figures:
            if figure.value != plans[1].figure(figure.name).value:
                assert figure.certainty is Certainty.ARITHMETIC, figure


def test_the_command() -> None:
    run = CliRunner().invoke(app, ["plan", "--model", "32b", "--gpus", "64", "--full"])
    assert run.exit_code == 0, run.output
    for part in (
        "Qwen2.5-VL-32B",
        "arithmetic",
        "measured",
        "replicas",
        "262.1 kB",
        "steps per epoch",
    ):
        assert part in run.output
    wrong = CliRunner().invoke(app, ["plan", "--model", "8b"])
    assert wrong.exit_code == 2
    assert "'8b' is not known; one of 3b, 7b" in wrong.output
    small = CliRunner().invoke(app, ["plan", "--model", "72b", "--gpus", "2", "--colocate"])
    assert small.exit_code == 2
    assert "one engine needs 4 GPUs" in small.output


def test_every_unit_has_a_text() -> None:
    assert list(render(PAPER, make_plan(PAPER)))
