"""The six lines of `plan`, the options that they advise, and refused tensor parallelism."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.planning.fit import misfits, remedies
from swift_deepeyes.planning.gpus import GPUS
from swift_deepeyes.planning.models import MODELS
from swift_deepeyes.planning.setup import Lengths, Mode, Setup, Tuning
from swift_deepeyes.planning.summary import summarise

LABELS = ["fits", "step", "run", "GPU-hours", "judge", "to lower"]
TIGHT = {
    "a response": ["--gpus", "4", "--gpu", "a100"],
    "pixels": ["--max-pixels", "12845056", "--gpus", "8", "--max-prompt", "20000"],
    "an engine": ["--model", "72b", "--gpus", "64", "--tensor-parallel", "2"],
    "two at once": ["--gpus", "2", "--gpu", "l40s", "--colocate"],
    "one card": [
        *("--model", "3b", "--lora", "--gpus", "1", "--gpu", "rtx4090", "--colocate"),
        *("--rollout-memory", "0.6"),
    ],
}


def planned(*options: str, width: int = 80) -> list[str]:
    run = CliRunner().invoke(app, ["plan", *options], env={"COLUMNS": str(width)})
    assert run.exit_code == 0, run.output
    return run.output.splitlines()


def test_the_papers_run_in_six_lines_of_80_columns() -> None:
    title, *lines = planned("--model", "7b", "--gpus", "32")
    assert "24 GPUs train, 8 generate (H100)" in title
    assert [re.split("  +", line)[0] for line in lines[:6]] == LABELS
    assert lines[0].split(maxsplit=1)[1].startswith("yes. Training needs up to")
    assert not any("quantity" in line for line in lines)
    assert any("quantity" in line for line in planned("--full"))


def test_hours_are_those_of_the_plan() -> None:
    lines = {line.about: line.text for line in summarise(Setup()).lines}
    seconds = float(re.findall(r"about (\d+) s", lines["step"])[0])
    assert lines["run"].startswith(f"about {seconds * 80 / 3600:.1f} h for 80 steps")
    assert lines["GPU-hours"].startswith("about 298")


def test_how_far_to_trust_it() -> None:
    one_gpu = Setup(gpus=1, mode=Mode.COLOCATE, tuning=Tuning.LORA)
    assert summarise(one_gpu).caution.startswith("Calibrated on one run of this kind")
    for other in (Setup(), one_gpu.model_copy(update={"tuning": Tuning.FULL})):
        assert summarise(other).caution.startswith("Arithmetic")


def test_a_share_that_leaves_too_little_is_told() -> None:
    one_gpu = Setup(gpus=1, mode=Mode.COLOCATE, tuning=Tuning.LORA, model=MODELS["3b"])
    full = one_gpu.model_copy(update={"rollout_memory_share": 0.99})
    assert any("share leaves too little" in misfit.what for misfit in misfits(full))
    assert not any("share" in misfit.what for misfit in misfits(one_gpu))


@pytest.mark.parametrize("case", TIGHT)
def test_what_is_advised_is_enough(case: str) -> None:
    lines = planned(*TIGHT[case], width=300)
    assert lines[1].split(maxsplit=1)[1].startswith("NO. ")
    advice = lines[6].partition("one of these is enough: ")[2]
    assert advice, lines[6]
    for one in advice.split(","):
        options = shlex.split(one.replace(" with ", " "))
        assert planned(*TIGHT[case], *options, width=300)[1].startswith("fits       yes"), one


def test_where_no_two_options_help_it_says_so() -> None:
    setup = Setup(
        model=MODELS["72b"], gpu=GPUS["rtx4090"], gpus=9, rollout_gpus=8, tensor_parallel=8
    )
    assert list(misfits(setup)) and not remedies(setup)
    assert summarise(setup).lines[-1].text.startswith("no two options are enough")


def test_two_lengths_are_changed_together() -> None:
    setup = Setup(
        gpus=1,
        mode=Mode.COLOCATE,
        tuning=Tuning.LORA,
        gpu=GPUS["l40s"],
        lengths=Lengths(max_response_tokens=60_000, max_pixels=12_845_056),
    )
    both = "--max-response 1875 with --max-pixels 3211264"
    assert both in remedies(setup)


def test_possible_tensor_parallelism() -> None:
    """vLLM divides the heads, copies KV heads in equal numbers, and cuts the MLP's width."""
    assert MODELS["7b"].possible_tensor_parallel == (1, 2, 4)  # 28 and 4 heads, 18,944 wide
    assert MODELS["72b"].possible_tensor_parallel == (1, 2, 4, 8, 16, 32, 64)
    odd = MODELS["7b"].model_copy(update={"heads": 12, "kv_heads": 2, "intermediate": 18_432})
    assert odd.possible_tensor_parallel == (1, 2, 4, 6, 12)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--tensor-parallel", "3"], "28 heads and 4 KV heads; --tensor-parallel may be 1 or 2 or"),
        (["--tensor-parallel", "8"], "cannot be cut into 8 parts"),
        (["--tensor-parallel", "64"], "one engine needs 64 GPUs, and 31 can generate"),
        (["--model", "72b", "--tensor-parallel", "4", "--rollout-gpus", "2"], "and 2 can generate"),
        (["--model", "72b", "--gpus", "2", "--colocate"], "no --tensor-parallel is possible"),
    ],
)
def test_impossible_tensor_parallelism_is_one_line(options: list[str], told: str) -> None:
    run = CliRunner().invoke(app, ["plan", *options])
    assert run.exit_code == 2
    assert told in run.output and len(run.output.strip().splitlines()) == 1
