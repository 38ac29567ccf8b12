"""Commands for the end-to-end cases: the demo's own, with other values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from swift_deepeyes.demo import commands
from swift_deepeyes.demo.options import DemoFamily, DemoOptions
from swift_deepeyes.demo.processes import SwiftProcess
from swift_deepeyes.demo.toy import build_data, build_model, build_warm_start
from swift_deepeyes.record.record import LoggedTrajectory

WARM_START_STEPS = 150
ZOOM_SHARE = 0.6  # more than in the demo, so that even a few rollouts have crops


def with_values(arguments: list[str], **values: str) -> list[str]:
    """The same command with other values for some of its options."""
    changed = list(arguments)
    for name, value in values.items():
        flag = f"--{name}"
        if flag in changed:
            changed[changed.index(flag) + 1] = value
        else:
            changed += [flag, value]
    return changed


def without(arguments: list[str], *names: str) -> list[str]:
    """The same command without some options (each has one value)."""
    changed = list(arguments)
    for name in names:
        at = changed.index(f"--{name}")
        del changed[at : at + 2]
    return changed


def with_datasets(arguments: list[str], *names: str) -> list[str]:
    at = arguments.index("--dataset")
    return [*arguments[: at + 1], *names, *arguments[at + 2 :]]


def add_dataset(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    """A file of the toy's schema under its own name in `folder/dataset_info.json`."""
    pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
    path = folder / "dataset_info.json"
    entries = json.loads(path.read_text()) if path.exists() else []
    columns = {"prompt": "messages"}
    entries.append({"dataset_path": f"{name}.parquet", "dataset_name": name, "columns": columns})
    path.write_text(json.dumps(entries))


@dataclass(frozen=True)
class Toy:
    """A warm-started toy model and its data."""

    options: DemoOptions
    checkpoint: Path

    def grpo(self, output: Path, **values: str) -> list[str]:
        """`swift rlhf` in colocate mode on the toy, two steps unless told otherwise."""
        arguments = commands.grpo_arguments(self.options)
        changes = {"model": str(self.checkpoint), "output_dir": str(output), "max_steps": "2"}
        return with_values(arguments, **{**changes, **values})


def make_toy(
    folder: Path,
    family: DemoFamily = DemoFamily.QWEN2_5_VL,
    steps: int = WARM_START_STEPS,
    zoom_share: float = ZOOM_SHARE,
) -> Toy:
    """Train the toy far enough to write well-formed turns of both kinds."""
    options = DemoOptions(seed=3, output=folder, family=family)
    options.clear_output()
    build_model(options.model, options.seed, options.toy)
    build_data(options.data, options.seed, 32, family=options.toy)
    rows = steps * commands.WARM_START_BATCH
    dataset = build_warm_start(options.data, options.seed, rows, zoom_share, options.toy)
    values = {"max_steps": str(steps), "save_steps": str(steps)}
    arguments = with_values(commands.warm_start_arguments(options, dataset), **values)
    with SwiftProcess(arguments, folder / "warm_start.log", options.toy.variables) as process:
        process.wait(600)
    return Toy(options, options.warm_start / f"checkpoint-{steps}")


def made_toy(folder: Path) -> Toy | None:
    """The toy that `make_toy` made there with its own values."""
    options = DemoOptions(seed=3, output=folder)
    checkpoint = options.warm_start / f"checkpoint-{WARM_START_STEPS}"
    # Written last.
    return Toy(options, checkpoint) if (checkpoint / "trainer_state.json").exists() else None


def logged(folder: Path) -> list[LoggedTrajectory]:
    """All trajectories of a log directory."""
    lines = [
        line
        for path in sorted((folder / "trajectories").glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    return [LoggedTrajectory.model_validate_json(line) for line in lines]


def training_steps(output: Path) -> list[dict[str, Any]]:
    """The training log's lines that have a reward."""
    lines = (output / "logging.jsonl").read_text().splitlines()
    return [row for line in lines if line and "reward" in (row := json.loads(line))]
