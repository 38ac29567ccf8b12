"""How long a mistake runs before it is told, and in which line: real commands, a table in Markdown.

    python scripts/time_mistakes.py output/mistakes            # all; minutes on a laptop
    python scripts/time_mistakes.py output/mistakes judge      # those whose name has this word

Each command is the demo's (`swift rlhf` on an untrained toy of Qwen2.5-VL), or ours, with one thing
wrong. Seconds count from its start to the line; most of them are the import of ms-swift and vLLM.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from swift_deepeyes.demo import commands
from swift_deepeyes.demo.options import DemoOptions
from swift_deepeyes.demo.processes import SwiftProcess, swift_environment
from swift_deepeyes.demo.toy import build_data, build_model

SECONDS = 300
NOBODY = "http://127.0.0.1:9/v1"  # the discard port
RULE = {"DEEPEYES_JUDGE": "rule"}
DOCTOR = ["swift-deepeyes", "doctor", "--no-judge", "--port"]


@dataclass(frozen=True)
class Mistake:
    """A command with one thing wrong, and words of the line that must come.

    `swift`: options that replace or add to the demo's `swift rlhf`; `command`: another command.
    `status`: what a judge answers to the list of its models; None: there is none.
    """

    name: str
    words: str
    environment: Mapping[str, str] = field(default_factory=dict)
    swift: Mapping[str, str | None] = field(default_factory=dict)
    command: Sequence[str] = ()
    status: int | None = None


def mistakes(folder: Path) -> list[Mistake]:
    """All that are timed; `folder`: of the files with bad rows."""
    address, key = "DEEPEYES_JUDGE_BASE_URL", "DEEPEYES_JUDGE_API_KEY"
    colocate = ["bash", "scripts/train_colocate.sh"]
    one_gpu = {"NPROC_PER_NODE": "1", "DEEPSPEED": "none"}
    unknown = "is not a setting"
    doctored = [*DOCTOR, "0"]
    rows = str(folder / "deepeyes_misspelt.parquet")
    plan = ["swift-deepeyes", "plan", "--model", "7b", "--gpus", "8"]
    scheduler, reward = (
        {"multi_turn_scheduler": "deepeyes_schedular"},
        {"reward_funcs": "deepeyes_rewards"},
    )
    return [
        Mistake("a misspelt name", unknown, {"DEEPEYES_JUGDE": "rule"}),
        Mistake("a wrong value", "is not allowed", {"DEEPEYES_SCORING": "lenient"}),
        Mistake("no judge at the address", "No judge was reached", {address: NOBODY}),
        Mistake("the judge's key", key, status=401),
        Mistake("the judge's address", "is not a chat server", status=404),
        Mistake("the judge's model", "not served", {"DEEPEYES_JUDGE_MODEL": "x"}, status=200),
        Mistake("env_name", "names no toolbox", RULE, {"dataset": "deepeyes_misspelt"}),
        Mistake("no tool in the prompt", "do not name", RULE, {"dataset": "deepeyes_silent"}),
        Mistake("missing images", "row of the dataset is left", RULE, {"dataset": "deepeyes_gone"}),
        Mistake("the scheduler's name", "--multi_turn_scheduler deepeyes", RULE, scheduler),
        Mistake("the reward's name", "--reward_funcs deepeyes", RULE, reward),
        Mistake("no scheduler", "nothing runs", RULE, {"multi_turn_scheduler": None}),
        Mistake("rollout: a name", unknown, {"DEEPEYES_LOGDIR": "log"}, command=["rollout"]),
        Mistake("script: a name", unknown, {"DEEPEYES_LOGDIR": "log", **one_gpu}, command=colocate),
        Mistake("script: a choice", "is not allowed", {"TUNER": "qlora"}, command=colocate),
        Mistake("plan: a name", unknown, {"DEEPEYES_JUDGE_URL": "x"}, command=plan),
        Mistake("doctor: a port", "99999", RULE, command=[*DOCTOR, "99999"]),
        Mistake("doctor: a path", "no folder", RULE, command=[*doctored, "--model", "/no/7b"]),
        Mistake("doctor: rows", "dropped in", RULE, command=[*doctored, "--dataset", rows]),
    ]


def make_inputs(options: DemoOptions) -> None:
    """The toy, its data, and files in which every row has the same thing wrong."""
    if (options.data / "dataset_info.json").exists():
        return
    options.clear_output()
    build_model(options.model, options.seed)
    rows = pq.read_table(build_data(options.data, options.seed, 32).vstar).to_pylist()
    user = {"role": "user", "content": "<image>What is it?"}
    gone = [{"bytes": None, "path": "/nowhere/a.png"}]
    changes = {
        "misspelt": {"env_name": "visual_tolbox_v2", "prompt": [user]},
        "silent": {"prompt": [user]},
        "gone": {"images": gone},
    }
    path = options.data / "dataset_info.json"
    entries = json.loads(path.read_text())
    for name, change in changes.items():
        file = f"deepeyes_{name}.parquet"
        pq.write_table(pa.Table.from_pylist([row | change for row in rows]), options.data / file)
        columns = {"prompt": "messages"}
        entries.append(
            {"dataset_path": file, "dataset_name": f"deepeyes_{name}", "columns": columns}
        )
    path.write_text(json.dumps(entries))


@contextmanager
def judge(status: int | None) -> Iterator[dict[str, str]]:
    """A server that answers so to everything, and the setting that names it."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            body = json.dumps({"data": [{"id": "judge"}]} if status == 200 else {}).encode()
            self.send_response(status or 500)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    if status is None:
        yield {}
        return
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {"DEEPEYES_JUDGE_BASE_URL": f"http://127.0.0.1:{server.server_port}/v1"}
    server.shutdown()
    server.server_close()


def time_it(mistake: Mistake, options: DemoOptions) -> tuple[float, str]:
    """Seconds until the line, and the line."""
    log = options.output / "mistake.log"
    with judge(mistake.status) as setting:
        environment = {**setting, **mistake.environment}
        started = time.monotonic()
        if mistake.command and mistake.command[0] != "rollout":
            line = run(mistake.command, mistake.words, environment)
        else:
            with SwiftProcess(arguments(mistake, options), log, environment) as process:
                line = told(process, mistake.words)
    return time.monotonic() - started, line


def told(process: SwiftProcess, words: str) -> str:
    """The line that is not the echo of the command."""
    while True:
        process.wait_for_line(words, SECONDS)
        lines = [line for line in process.read_log().splitlines() if words in line]
        line = next((line for line in lines if not line.startswith("run sh")), None)
        if line is not None:
            return line.rpartition("\r")[2]
        time.sleep(0.2)


def arguments(mistake: Mistake, options: DemoOptions) -> list[str]:
    """The `swift` command: the demo's, with the one thing changed."""
    given = commands.grpo_arguments(options)
    given[given.index("--model") + 1] = str(options.model.resolve())
    if mistake.command:
        plugins = [str(commands.PLUGIN), str(commands.TOY_PLUGIN)]
        toy = commands.toy_arguments(options.model)
        return ["rollout", *toy, "--external_plugins", *plugins]
    for name, value in mistake.swift.items():
        at = given.index(f"--{name}")
        end = next(n for n in range(at + 1, len(given)) if given[n].startswith("--"))
        given[at:end] = [] if value is None else [f"--{name}", value]
        if name == "reward_funcs":
            at = given.index("--reward_weights")
            del given[at : at + 5]
    return given


def run(command: Sequence[str], words: str, environment: Mapping[str, str]) -> str:
    """The line with these words that a command of ours prints."""
    done = subprocess.run(
        command,
        env=swift_environment(environment),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    lines = (done.stdout + done.stderr).splitlines()
    return next((line for line in lines if words in line), f"NOT TOLD: {lines[-1:]}")


def main() -> None:
    """Time what is asked for."""
    options = DemoOptions(seed=0, output=Path(sys.argv[1]))
    make_inputs(options)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print("| mistake | seconds | line |\n|---|---|---|")
    for mistake in mistakes(options.data):
        if all(word in mistake.name for word in sys.argv[2:]):
            seconds, line = time_it(mistake, options)
            print(f"| {mistake.name} | {seconds:.1f} | {line.strip()} |", flush=True)


if __name__ == "__main__":
    main()
