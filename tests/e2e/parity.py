"""What the engine sampled and what the trainer trains on, side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.toy import Toy, training_steps, with_values

PLUGINS = Path(__file__).parent / "plugins"
WATCH = PLUGINS / "watch_tokens.py"
STEPS = 2
IMAGE_TOKENS = 16  # of a scene
LARGEST_DIFFERENCE = 1e-5  # of a trajectory's mean log-probability, on average over a batch


def watched(arguments: list[str], *plugins: str, **values: str) -> list[str]:
    """`swift rlhf` that compares log-probabilities and writes the tokens of both sides down."""
    values = {"max_steps": str(STEPS), "log_rollout_offpolicy_metrics": "true", **values}
    arguments = with_values(arguments, **values)
    at = arguments.index("--external_plugins") + 1
    names = ("watch_tokens", *plugins)
    arguments[at:at] = [str(PLUGINS / f"{name}.py") for name in names]
    return [*arguments, "--callbacks", *names]


def environment(toy: Toy, folder: Path) -> dict[str, str]:
    return {
        **toy.options.toy.variables,
        "DEEPEYES_JUDGE": "rule",
        "DEEPEYES_CROP_SOURCE": "original",
        "DEEPEYES_LOG_DIR": str(folder / "log"),
        "WATCH_TOKENS_FOLDER": str(folder),
    }


@dataclass(frozen=True)
class Generated:
    """A turn, as vLLM had it, image tokens expanded."""

    read: tuple[int, ...]
    wrote: tuple[int, ...]


@dataclass(frozen=True)
class Sides:
    """Of some steps: the engine's turns, and the trajectories that were trained on."""

    turns: list[Generated]
    trained: list[tuple[int, ...]]
    image_token: int

    def assert_same_tokens(self) -> None:
        """Each trajectory is a last turn's prompt and answer; each other turn begins one."""
        assert self.trained
        assert set(self.trained) <= {(*turn.read, *turn.wrote) for turn in self.turns}
        for turn in self.turns:
            tokens = (*turn.read, *turn.wrote)
            assert any(row[: len(tokens)] == tokens for row in self.trained)

    def assert_scenes_and_crops(self) -> None:
        """VLLM expanded each image by its own processor: all rows show a scene, some a crop too."""
        counts = [row.count(self.image_token) for row in self.trained]
        assert min(counts) == IMAGE_TOKENS < max(counts)

    def assert_only_prompts_have_media(self) -> None:
        """What the policy wrote of that kind is trained on as something else."""
        prompts = sorted({turn.read for turn in self.turns}, key=len)
        for row in self.trained:
            (*_, last) = (prompt for prompt in prompts if row[: len(prompt)] == prompt)
            assert self.image_token not in row[len(last) :]


def read_sides(folder: Path, image_token: int, *steps: int) -> Sides:
    """`steps` count from 0; none: all. Of the engine's turns those of the data, with an image."""
    engine, trainer = (
        [line for line in _lines(folder / f"{side}.jsonl") if not steps or line["step"] in steps]
        for side in ("engine", "trainer")
    )
    return Sides(
        turns=[
            Generated(tuple(line["read"]), tuple(line["wrote"]))
            for line in engine
            if image_token in line["read"]
        ],
        trained=[tuple(line["trained"]) for line in trainer],
        image_token=image_token,
    )


def differences(output: Path) -> list[float | None]:
    """Mean |Δ log-ppl| of each step; None where ms-swift could not compare."""
    name = "rollout_correction/log_ppl_abs_diff"
    return [step.get(name) for step in training_steps(output)]


def assert_alike(difference: float | None) -> None:
    assert difference is not None and difference < LARGEST_DIFFERENCE


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
