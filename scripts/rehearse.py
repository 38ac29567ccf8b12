#!/usr/bin/env python
"""Rehearse the run scripts: every one for real on the CPU, with a toy, at the real run's shape.

    python scripts/rehearse.py                          # all; about half an hour on two cores
    python scripts/rehearse.py 7b_1_node 3b_lora_1_gpu  # some
    python scripts/rehearse.py --quick                  # two of them, two steps instead of three
    python scripts/rehearse.py 3b_lora_1_gpu --fault max-length    # must go red

Each script starts what it starts on GPUs, with its own flags; `rehearsal/table.py` lists all that
differs, and a flag that is not in it must arrive as the script has it. Limits are smaller by one
divisor, so that prompts, turns, images and context keep their ratios, and rows and policy go to
each of them. The training gets a signal after its first save and is resumed. Exit status 1 where
anything is not as it must be.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from rehearsal.megatron import rehearse_megatron
from rehearsal.result import Result, table_of
from rehearsal.rows import QUICK
from rehearsal.run import rehearse
from rehearsal.script import Script, all_scripts, forget_settings
from rehearsal.stage import Options, Stage
from rich.console import Console

from swift_deepeyes.demo import commands
from swift_deepeyes.demo.options import DemoOptions
from swift_deepeyes.demo.processes import SwiftProcess
from swift_deepeyes.demo.toy import build_model, build_warm_start
from swift_deepeyes.errors import DeepEyesError

QUICK_SCRIPTS = ("3b_lora_1_gpu", "7b_1_node")
FAULTS = ("max-length",)
CONTEXT = 32_768  # tokens; the toy has no learned positions, and the judge's prompts are long
WARM_START_STEPS = 100


def main() -> None:
    """Rehearse and report."""
    scripts = all_scripts()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(scripts))
    parser.add_argument("--quick", action="store_true", help="two steps instead of three; two runs")
    parser.add_argument("--output", type=Path, help="where all is kept; default: what failed")
    parser.add_argument("--toy", type=Path, help="a warm-started toy; default: one is made")
    parser.add_argument("--fault", choices=FAULTS, default="", help="put a mended defect back")
    parser.add_argument("--seconds", type=float, default=900, help="limit of each wait")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(scripts)):
        parser.error(f"no such script: {', '.join(unknown)}; there are: {', '.join(scripts)}")
    names = options.names or (QUICK_SCRIPTS if options.quick else list(scripts))
    forget_settings()
    # A shell that starts this in the background lets it, and all that it starts, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Servers are stopped also when this is.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    folder = (options.output or Path(tempfile.mkdtemp(prefix="rehearsal-"))).resolve()
    results = rehearse_all([scripts[name] for name in names], folder, options)
    has_failed = any(result.problems for result in results)
    if options.output is None and not has_failed:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(has_failed)


def rehearse_all(scripts: list[Script], folder: Path, options: argparse.Namespace) -> list[Result]:
    """One after the other; tells of each when it is done, and of all at the end."""
    console = Console(width=None if sys.stdout.isatty() else 400)
    chosen = Options(
        toy=prepared_toy(folder / "toy", options.toy),
        steps=2 if options.quick else 3,
        rows=QUICK if options.quick else 12,
        fault=options.fault,
        seconds=options.seconds,
    )
    results = []
    for script in scripts:
        console.print(f"{script.name} …")
        result = one(script, folder / script.name, chosen)
        results.append(result)
        for problem in result.problems:
            console.print(f"  {problem}", markup=False, highlight=False, soft_wrap=True)
        console.print(f"  {'failed' if result.problems else 'ok'} in {result.seconds:.0f} s")
    console.print(table_of(results))
    return results


def one(script: Script, folder: Path, options: Options) -> Result:
    """A script's rehearsal, whatever it raises."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stage, result, start = Stage(script, folder, options), Result(script.name), time.monotonic()
    try:
        if script.trainer in ("megatron", "ray"):
            rehearse_megatron(stage, result)
        else:
            # A script by itself trains as the runs that start it do: what is new is its values.
            rehearse(stage, result, stops=script.run is not None)
    except DeepEyesError as error:
        result.problems.append(str(error).partition("\n")[0])  # the rest is the end of a log
    result.seconds = time.monotonic() - start
    return result


def prepared_toy(folder: Path, given: Path | None) -> Path:
    """A toy that writes turns, with a context that holds a judge's prompt."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(given or warm_started(folder.with_name("warm_start")), folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config.get("text_config", config)["max_position_embeddings"] = CONTEXT
    path.write_text(json.dumps(config))
    return folder


def warm_started(folder: Path) -> Path:
    """The demo's toy, taught to write turns: a minute of `swift sft`."""
    print("Warm start of the toy …", flush=True)
    options = DemoOptions(seed=3, output=folder)
    options.clear_output()
    build_model(options.model, options.seed)
    rows = WARM_START_STEPS * commands.WARM_START_BATCH
    dataset = build_warm_start(options.data, options.seed, rows)
    steps = ["--max_steps", str(WARM_START_STEPS), "--save_steps", str(WARM_START_STEPS)]
    words = [*commands.warm_start_arguments(options, dataset), *steps]
    with SwiftProcess(words, folder / "warm_start.log") as process:
        process.wait(900)
    return options.warm_start / f"checkpoint-{WARM_START_STEPS}"


if __name__ == "__main__":
    main()
