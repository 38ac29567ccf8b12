"""Make a toy's tool use collapse, and look when the alarm comes.

    python scripts/toy_collapse.py output/collapse

A real run in a few minutes on a laptop: the demo's toy and warm start, then GRPO on questions that
need no tool (the answer is always the same) with a reward whose bonus has the wrong sign. Fails if
the alarm comes later than ten steps after the fall, or comes before it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import fmean

import pyarrow as pa
import pyarrow.parquet as pq

from swift_deepeyes.demo import commands
from swift_deepeyes.demo.options import DemoOptions, plugin_environment
from swift_deepeyes.demo.processes import SwiftProcess
from swift_deepeyes.demo.toy import build_data, build_model, build_warm_start
from swift_deepeyes.metrics.alarm_triggers import SPANS
from swift_deepeyes.metrics.counts import CROP_SHARE
from swift_deepeyes.record.record import METRICS_FILE, MetricsLine

STEPS = 60
PROMPTS = 128
LATEST = 10  # steps after the fall
EARLY = 5  # steps that tell the level before it
TIMEOUT_SECONDS = 1800
COLLAPSING = [
    *("--reward_funcs", "deepeyes_accuracy", "deepeyes_format", "deepeyes_tool"),
    *("--reward_weights", "1", "1", "-1"),
    # Twice the demo's rollouts: with 16 a step, one crop more or less is a third of the level.
    *("--per_device_train_batch_size", "32"),
]


def main() -> None:
    """Run it and report."""
    options = DemoOptions(seed=0, steps=STEPS, output=Path(sys.argv[1]))
    if not commands.warm_start_checkpoint(options).exists():
        warm_start(options)
    train(options)
    shares = crop_shares(options.log)
    text = (options.output / "grpo.log").read_text(errors="replace")
    print("Share of trajectories with a crop, step by step:")
    print(" ".join(f"{share:.2f}" for share in shares))
    sys.exit(report(shares, text))


def warm_start(options: DemoOptions) -> None:
    """The demo's toy, taught to write turns."""
    options.clear_output()
    build_model(options.model, options.seed)
    rows = options.toy.warm_start_steps * commands.WARM_START_BATCH
    dataset = build_warm_start(options.data, options.seed, rows)
    arguments = commands.warm_start_arguments(options, dataset)
    with SwiftProcess(arguments, options.output / "warm_start.log") as process:
        process.wait(TIMEOUT_SECONDS)


def train(options: DemoOptions) -> None:
    """GRPO with the reward that punishes crops."""
    vstar = build_data(options.data, options.seed, PROMPTS).vstar
    table = pq.read_table(vstar)
    rows = table.to_pylist()
    for row in rows:
        row["reward_model"]["ground_truth"] = row["extra_info"]["answer"] = "plain"
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), vstar)
    for old in options.log.rglob("*.jsonl"):
        old.unlink()
    arguments = [*commands.grpo_arguments(options), *COLLAPSING]
    log = options.output / "grpo.log"
    with SwiftProcess(arguments, log, plugin_environment(options)) as process:
        process.wait(TIMEOUT_SECONDS)


def crop_shares(log: Path) -> list[float]:
    """The curve, from the log's metrics."""
    lines = (log / METRICS_FILE).read_bytes().splitlines()
    return [MetricsLine.model_validate_json(line).values[CROP_SHARE] for line in lines]


def report(shares: list[float], text: str) -> int:
    """Say when it fell and when that was told; returns the exit status."""
    before = fmean(shares[:EARLY])
    # One step is too noisy to be a fall: it is the first of several.
    blocks = [fmean(shares[n : n + SPANS[0]]) for n in range(len(shares) - SPANS[0])]
    fallen = next((n for n, share in enumerate(blocks, start=1) if share < before / 3), None)
    alarms = [
        line[line.index("DeepEyes alarm") :] for line in text.splitlines() if "alarm at" in line
    ]
    told = [line for line in alarms if "tool use has collapsed" in line]
    print(*alarms, sep="\n")
    if fallen is None or len(told) != 1:
        print(f"FAILED: the fall came at step {fallen}, and {len(told)} alarms.")
        return 1
    step = int(told[0].split("step ")[1].split(":")[0])
    print(f"Before: {before:.0%}. It fell at step {fallen}, the alarm came at step {step}.")
    return 0 if fallen <= step <= fallen + LATEST else 1


if __name__ == "__main__":
    main()
