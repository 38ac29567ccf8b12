"""What of a Megatron or Ray run a CPU can do: its servers, its flags' parsing, Ray's driver.

Megatron's trainer and Ray's workers need packages that need a GPU. So `megatron rlhf` is parsed and
its batch checked by ms-swift's own classes, the servers are really started and asked, and Ray's own
driver scores a batch; the programs in `tests/` do the former and the latter.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rehearsal.result import Result
from rehearsal.script import SCRIPTS, Call
from rehearsal.servers import Server, running_servers, wait_until_ready
from rehearsal.stage import Stage
from swift_deepeyes.demo.processes import swift_environment

_ROOT = SCRIPTS.parent
_PARSER = _ROOT / "tests/scripts/megatron_arguments.py"
_DRIVER = "tests.e2e.ray_driver"
_SERVES = "ok       judge server"
_ANSWERS = "deepeyes_scheduler answers"


def rehearse_megatron(stage: Stage, result: Result) -> None:
    """Servers, then the trainer's flags; for Ray its driver too."""
    if stage.script.servers:
        with running_servers(stage) as servers:
            wait_until_ready(servers, stage.options.seconds)
            _ask(stage, servers, result)
    call = stage.shipped["train"]
    _parse(call, result)
    if stage.script.trainer == "ray":
        _drive(stage, call, result)
    if "node" in stage.script.roles:
        words = " ".join(["ray", *stage.shipped["node"].words])
        result.ran.append(f"`{words}`: recorded only, Ray is not installed")


def _ask(stage: Stage, servers: list[Server], result: Result) -> None:
    """`swift-deepeyes doctor` on what runs."""
    urls = {role: f"http://127.0.0.1:{port}" for role, port in stage.ports.items()}
    words = ["doctor", "--port", "0"]
    roles = [server.role for server in servers]
    if "rollout" in roles:
        words += ["--rollout", urls["rollout"]]
    program = Path(sys.executable).parent / "swift-deepeyes"
    environment = swift_environment({"DEEPEYES_JUDGE_BASE_URL": f"{urls['judge']}/v1"})
    done = subprocess.run([str(program), *words], env=environment, capture_output=True, text=True)
    if "rollout" in roles and _ANSWERS not in done.stdout:
        result.problems.append(f"the rollout server's scheduler does not answer: {done.stdout}")
    # What a toy says as a judge is another matter: doctor rightly refuses it.
    if "judge" in roles and _SERVES not in done.stdout:
        result.problems.append(f"the judge does not answer: {done.stdout}")
    names = {"judge": "swift deploy", "rollout": "swift rollout"}
    result.ran += [f"{names[role]}, asked by doctor" for role in roles]


def _parse(call: Call, result: Result) -> None:
    """By ms-swift's classes; unknown flags and sizes that do not fit are problems."""
    is_ray = "--config" in call.words
    command: Any = call.words[-1] if is_ray else [call.words[1:], _gpus(call)]
    done = subprocess.run(
        [sys.executable, str(_PARSER)],
        input=json.dumps({"train": command}),
        capture_output=True,
        text=True,
        cwd=_ROOT,
    )
    if done.returncode != 0:
        result.problems.append(f"ms-swift refuses the flags: {done.stderr[-500:]}")
        return
    answer = json.loads(done.stdout.rpartition("ANSWERS")[2])["train"]
    if answer["unknown"]:
        result.problems.append(f"unknown to ms-swift: {answer['unknown']}")
    batch = answer["batch"]
    what = "megatron rlhf --use_ray" if is_ray else "megatron rlhf"
    result.ran.append(f"{what}: parsed by ms-swift, {batch} trajectories an update; not trained")


def _gpus(call: Call) -> int:
    return int(call.environment["NPROC_PER_NODE"]) * int(call.environment["NNODES"])


def _drive(stage: Stage, call: Call, result: Result) -> None:
    """Ray's own driver on the script's configuration: scheduler, rewards, encoding."""
    from swift_deepeyes.demo.toy import build_data

    folder = stage.folder / "data"
    info = build_data(folder, seed=0, rows=8).dataset_info
    words = [call.words[-1], str(stage.options.toy), str(info), str(stage.output)]
    done = subprocess.run(
        [sys.executable, "-m", _DRIVER, *words],
        cwd=_ROOT,
        env=swift_environment({"DEEPEYES_JUDGE": "rule"}),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        result.problems.append(f"Ray's driver failed: {done.stderr[-500:]}")
        return
    got = json.loads(done.stdout.rpartition("ANSWER")[2])
    crops = sum(record["crops"] for record in got["records"])
    if crops != len(got["records"]) or got["trained"] != got["written"]:
        result.problems.append(f"Ray's driver: {crops} crops of {len(got['records'])}")
    result.ran.append(f"Ray's driver: {len(got['records'])} trajectories, {crops} crops, scored")
