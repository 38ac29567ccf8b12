"""What a user of the demo chooses, and where its files go."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from swift_deepeyes.episode.family import Family
from swift_deepeyes.errors import DeepEyesError

if TYPE_CHECKING:
    from swift_deepeyes.demo.toy.family import ToyFamily

EVALUATION_QUESTIONS = 48
_MARK = ".swift-deepeyes-demo"


class DemoFamily(StrEnum):
    """The families that have a toy, by the names that users type."""

    QWEN2_5_VL = Family.QWEN2_5_VL
    QWEN3_VL = Family.QWEN3_VL
    QWEN3_5 = Family.QWEN3_5


class OutputTakenError(DeepEyesError):
    """The output folder holds something that is not an earlier demo's."""


@dataclass(frozen=True)
class DemoOptions:
    """`steps` are GRPO steps, None: what the toy needs. Everything is written below `output`."""

    seed: int = 0
    steps: int | None = None
    output: Path = Path("output/demo")
    family: DemoFamily = DemoFamily.QWEN2_5_VL

    @property
    def toy(self) -> ToyFamily:
        """What the family's toy is made of."""
        from swift_deepeyes.demo.toy.families import TOYS  # its neighbours load pyarrow

        return TOYS[Family(self.family)]

    @property
    def grpo_steps(self) -> int:
        """How many steps are trained."""
        return self.steps or self.toy.grpo_steps

    @property
    def model(self) -> Path:
        """The untrained toy."""
        return self.output / "model"

    @property
    def data(self) -> Path:
        """The parquet files, and the warm start's trajectories."""
        return self.output / "data"

    @property
    def warm_start(self) -> Path:
        """What `swift sft` writes."""
        return self.output / "warm_start"

    @property
    def grpo(self) -> Path:
        """What `swift rlhf` writes."""
        return self.output / "grpo"

    @property
    def log(self) -> Path:
        """`DEEPEYES_LOG_DIR`: every trajectory with its images, and the metrics of every step."""
        return self.output / "log"

    @property
    def evaluation(self) -> Path:
        """The evaluations before and after the training."""
        return self.output / "evaluation"

    @property
    def own_data(self) -> Path:
        """An example of one's own data, and the configuration of a run on it."""
        return self.output / "own_data"

    @property
    def page(self) -> Path:
        """The viewer's file of all trajectories."""
        return self.output / "trajectories.html"

    def clear_output(self) -> None:
        """Make `output`, or empty it of an earlier demo. Raises `OutputTakenError`."""
        mark = self.output / _MARK
        if self.output.exists() and any(self.output.iterdir()) and not mark.exists():
            raise OutputTakenError(
                f"{self.output} is not empty and not from a demo; choose another"
            )
        for folder in (
            self.model,
            self.data,
            self.warm_start,
            self.grpo,
            self.log,
            self.evaluation,
            self.own_data,
        ):
            shutil.rmtree(folder, ignore_errors=True)
        self.output.mkdir(parents=True, exist_ok=True)
        mark.touch()


def plugin_environment(
    options: DemoOptions, user: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The environment of GRPO: the toy's, and the plugin's settings.

    The judge is the rules, unless the user names a server or chooses himself.
    """
    servers = ("DEEPEYES_JUDGE_BASE_URL", "LLM_AS_A_JUDGE_BASE")
    default_judge = "openai" if any(user.get(name) for name in servers) else "rule"
    return {
        "DEEPEYES_JUDGE": user.get("DEEPEYES_JUDGE") or default_judge,
        # The patterns are lost in the model's view of the scene; only the file has them.
        "DEEPEYES_CROP_SOURCE": "original",
        "DEEPEYES_LOG_DIR": str(options.log.resolve()),
        **options.toy.variables,
    }
