"""Does the toy keep its tool? RECIPE=paper and RECIPE=stable on questions that make it collapse.

    python scripts/bench_recipes.py output/recipes                    # five seeds, half an hour
    python scripts/bench_recipes.py output/recipes --seeds 0 --steps 20

Real runs of the demo's toy from one cold start, with the arguments of scripts/recipe.sh. It is made
hard by what makes tool use fall in the field: a tiny update (2 prompts x 8), a cold start that
looks into one room after another until it finds the ball, a limit of turns that lets it look once,
and questions whose answer is the common one in four cases of five. So a look finds the ball in a
quarter of the cases and runs out of turns in the others (reward -0.2), where a guess is right (0.8)
in two of three. Runs that are there already are not repeated: the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import pyarrow as pa
import pyarrow.parquet as pq

from swift_deepeyes.demo import commands
from swift_deepeyes.demo.options import DemoOptions, plugin_environment
from swift_deepeyes.demo.processes import SwiftProcess
from swift_deepeyes.demo.toy import build_data, build_model
from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL
from swift_deepeyes.demo.toy.scenes import ROOMS, Pattern, Scene
from swift_deepeyes.demo.toy.warm_start import conversation, store_scene
from swift_deepeyes.demo.toy.wording import direct_turn, zoom_turn, zoomed_turn
from swift_deepeyes.metrics.counts import ACCURACY, CROP_SHARE
from swift_deepeyes.record.record import METRICS_FILE, MetricsLine

RECIPES = ("paper", "stable")
COMMON, RARE = Pattern.VERTICAL, Pattern.HORIZONTAL
COMMON_SHARE = 0.8
ZOOM_SHARE = 0.5  # of the cold start's trajectories
MAX_TURNS = 2  # one look, and the answer
PROMPTS = 160
FIRST, LAST = 5, 10  # steps that a level is taken from
TIMEOUT_SECONDS = 3600
SCRIPTS = Path(__file__).parent


@dataclass(frozen=True)
class Outcome:
    """Tool use and accuracy of a run, at its beginning and at its end."""

    tool_before: float
    tool_after: float
    right_before: float
    right_after: float

    @property
    def is_kept(self) -> bool:
        """At least half of the tool use is left."""
        return self.tool_after >= self.tool_before / 2


def main() -> None:
    """Run what is not there yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    start = DemoOptions(output=options.output.resolve() / "start")
    if not commands.warm_start_checkpoint(start).exists():
        warm_start(start)
    outcomes = {}
    for seed in options.seeds:
        for recipe in RECIPES:
            outcomes[seed, recipe] = outcome(start, recipe, seed, options.steps)
            print(f"seed {seed}, {recipe}: {outcomes[seed, recipe]}", flush=True)
    print_table(outcomes, options.seeds)


def outcome(start: DemoOptions, recipe: str, seed: int, steps: int) -> Outcome:
    """What came of a run, from its file where it was made before."""
    folder = start.output.with_name(f"{recipe}_{seed}_{steps}")
    file = folder / "outcome.json"
    if not file.exists():
        options = DemoOptions(seed=seed, steps=steps, output=folder)
        file.write_text(json.dumps(asdict(train(start, options, recipe))))
    return Outcome(**json.loads(file.read_text()))


def warm_start(options: DemoOptions) -> None:
    """The cold start, and the questions."""
    options.output.mkdir(parents=True, exist_ok=True)
    build_model(options.model, options.seed)
    write_questions(options)
    dataset = write_trajectories(options)
    arguments = commands.warm_start_arguments(options, dataset)
    with SwiftProcess(arguments, options.output / "warm_start.log") as process:
        process.wait(TIMEOUT_SECONDS)


def write_questions(options: DemoOptions) -> None:
    """The demo's, of two patterns only, in their shares."""
    path = build_data(options.data, options.seed, 4 * PROMPTS).vstar
    table = pq.read_table(path)
    of = {pattern: [] for pattern in Pattern}
    for row in table.to_pylist():
        of[Pattern(row["reward_model"]["ground_truth"])].append(row)
    common = round(PROMPTS * COMMON_SHARE)
    rows = of[COMMON][:common] + of[RARE][: PROMPTS - common]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def write_trajectories(options: DemoOptions) -> Path:
    """What the cold start learns: to guess, or to look into room after room."""
    rng = random.Random(f"{options.seed}/recipes")
    images = options.data / "images"
    images.mkdir(parents=True, exist_ok=True)
    rows = [trajectory(rng, images) for _ in range(200 * commands.WARM_START_BATCH)]
    path = options.data / "warm_start.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def trajectory(rng: random.Random, images: Path) -> dict[str, object]:
    """One of the cold start's; what it answers is right in both kinds."""
    pattern = COMMON if rng.random() < COMMON_SHARE else RARE
    scene = Scene(rng.randrange(ROOMS), pattern)
    view = QWEN2_5_VL.view
    turns, paths = [direct_turn(pattern)], [store_scene(images, scene, view)]
    if rng.random() < ZOOM_SHARE:
        rooms = rng.sample(range(ROOMS), ROOMS)
        looks = rooms[: rooms.index(scene.room) + 1]
        turns = [*(zoom_turn(view.room_box(room)) for room in looks), zoomed_turn(pattern)]
        paths += [store_scene(images, scene, view, room) for room in looks]
    return conversation(turns, paths, view)


def train(start: DemoOptions, options: DemoOptions, recipe: str) -> Outcome:
    """GRPO from the cold start, with a recipe's arguments."""
    for link in (options.data, options.warm_start):
        link.unlink(missing_ok=True)
    options.clear_output()
    options.data.symlink_to(start.data)
    options.warm_start.symlink_to(start.warm_start)
    flags, environment = shipped(recipe)
    arguments = [*commands.grpo_arguments(options), "--max_turns", str(MAX_TURNS), *flags]
    environment = plugin_environment(options) | environment
    with SwiftProcess(arguments, options.output / "grpo.log", environment) as process:
        process.wait(TIMEOUT_SECONDS)
    return measure(options.log)


def shipped(recipe: str) -> tuple[list[str], dict[str, str]]:
    """The arguments and the environment of scripts/recipe.sh."""
    script = (
        f'. "{SCRIPTS}/settings.sh"; . "{SCRIPTS}/recipe.sh"; '
        'echo "$DEEPEYES_MASK_OVER_TURN" "${RECIPE_ARGUMENTS[@]}"'
    )
    said = subprocess.run(
        ["bash", "-c", f"RECIPE={recipe}; {script}"], capture_output=True, text=True, check=True
    )
    mask, *flags = said.stdout.split()
    return flags, {"DEEPEYES_MASK_OVER_TURN": mask}


def measure(log: Path) -> Outcome:
    """From the log's metrics."""
    lines = (log / METRICS_FILE).read_bytes().splitlines()
    steps = [MetricsLine.model_validate_json(line).values for line in lines]
    tool, right = ([step[name] for step in steps] for name in (CROP_SHARE, ACCURACY))
    before = fmean(tool[:FIRST]), fmean(right[:FIRST])
    after = fmean(tool[-LAST:]), fmean(right[-LAST:])
    return Outcome(before[0], after[0], before[1], after[1])


def print_table(outcomes: dict[tuple[int, str], Outcome], seeds: list[int]) -> None:
    """Markdown, as in the README."""
    print("\n| seed | paper: tool use | right | stable: tool use | right |\n|---|---|---|---|---|")
    for seed in seeds:
        cells = [cell for recipe in RECIPES for cell in cells_of(outcomes[seed, recipe])]
        print("| " + " | ".join([str(seed), *cells]) + " |")
    for recipe in RECIPES:
        kept = sum(outcomes[seed, recipe].is_kept for seed in seeds)
        print(f"{recipe}: {kept} of {len(seeds)} runs keep at least half of their tool use")


def cells_of(one: Outcome) -> tuple[str, str]:
    """Before and after, in percent."""
    tool = f"{one.tool_before:.0%} → {one.tool_after:.0%}"
    return tool, f"{one.right_before:.0%} → {one.right_after:.0%}"


if __name__ == "__main__":
    main()
