"""What the demo leaves for data of one's own: an example, a run's configuration, three commands.

The commands work in any shell: what the toy needs beside a usual model (its template, its sizes,
the pixels that it sees) is in the configuration that `swift rlhf` reads, and nowhere else.
"""

from __future__ import annotations

import json
import random
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from swift_deepeyes.demo import commands
from swift_deepeyes.demo.options import DemoOptions, plugin_environment
from swift_deepeyes.demo.processes import TOY_VARIABLES
from swift_deepeyes.demo.toy.scenes import draw, random_scene
from swift_deepeyes.demo.toy.wording import PATTERN_QUESTION

STEPS = 10
_QUESTIONS = 32
_OWN_SCENES = 20_000  # added to the seed: scenes that neither training nor evaluation has
_DATASET = "deepeyes_questions"  # as make-data calls what it makes of questions.jsonl
_MADE = Path("my_data")
_OF_THE_COMMAND = {"custom_dataset_info", "dataset"}


def write_own_data(options: DemoOptions, checkpoint: Path, steps: int = STEPS) -> tuple[str, ...]:
    """Write example and configuration; the commands that make data of the one and train on it."""
    folder = options.own_data
    questions = _write_questions(folder, options)
    configuration = folder / "rlhf.yaml"
    _write_configuration(configuration, options, checkpoint, steps)
    prompt = options.data / f"{commands.DATASET}.parquet"
    make = ["swift-deepeyes", "make-data", questions, "--out", _MADE, "--system-prompt", prompt]
    train = ["swift", "rlhf", configuration, "--dataset", _DATASET]
    train += ["--custom_dataset_info", _MADE / "dataset_info.json"]
    activate = Path(sys.prefix) / "bin" / "activate"
    lines = [shlex.join(map(str, line)) for line in (make, train)]
    return (f"source {shlex.quote(str(activate))}", *lines) if activate.is_file() else (*lines,)


def _write_questions(folder: Path, options: DemoOptions) -> Path:
    """A file as users write it, and its images."""
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    rng = random.Random(options.seed + _OWN_SCENES)
    lines = []
    for number in range(_QUESTIONS):
        scene = random_scene(rng)
        draw(scene, options.toy.view).save(images / f"{number}.png")
        row = {"image": f"images/{number}.png", "question": PATTERN_QUESTION}
        lines.append(json.dumps({**row, "answer": str(scene.pattern)}))
    path = folder / "questions.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _write_configuration(path: Path, options: DemoOptions, checkpoint: Path, steps: int) -> None:
    """The demo's own `swift rlhf` as ms-swift's configuration file; JSON's values are YAML's."""
    given = _as_mapping(commands.grpo_arguments(options)[1:])
    given |= {
        "model": [str(checkpoint.resolve())],
        "max_steps": [str(steps)],
        "save_steps": [str(steps)],
        "output_dir": [str((options.own_data / "run").resolve())],
    }
    environment = {
        **TOY_VARIABLES,
        **plugin_environment(options, {}),
        "DEEPEYES_LOG_DIR": str((options.own_data / "log").resolve()),
    }
    lines = [
        "# The options of `swift rlhf`, for the toy; those of the command line come after them.",
        *(f"{name}: {_value(values)}" for name, values in given.items()),
        "# Variables, but for those that the shell has set already.",
        "ENV:",
        *(f"  {name}: {json.dumps(value)}" for name, value in environment.items()),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _as_mapping(arguments: Sequence[str]) -> dict[str, list[str]]:
    """The values of each option."""
    given: dict[str, list[str]] = {}
    name = ""
    for argument in arguments:
        if argument.startswith("--"):
            name = argument.removeprefix("--")
            given[name] = []
        else:
            given[name].append(argument)
    return {name: values for name, values in given.items() if name not in _OF_THE_COMMAND}


def _value(values: Sequence[str]) -> str:
    return json.dumps(values[0] if len(values) == 1 else list(values))
