"""`evaluate.sh`: which models it serves and asks, and that its servers end with it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from swift.arguments import DeployArguments
from swift.utils import parse_args
from typer.main import get_command

from swift_deepeyes.cli.main import app
from tests.scripts.captured import SCRIPTS, run, stand_in

SCRIPT = SCRIPTS / "evaluate.sh"
# Listens as `swift deploy` does once its model is loaded, and has a child, as vLLM has workers.
SERVER = """#!/usr/bin/env python
import http.server, os, subprocess, sys
child = subprocess.Popen(["sleep", "600"])
open(os.environ["PIDS"], "a").write(f"{os.getpid()} {child.pid}\\n")
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), http.server.BaseHTTPRequestHandler).serve_forever()
"""
ASKED = '#!/bin/sh\necho "$@" >>"$ASKED"\n{then}\n'


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """As a run of scripts/ leaves it, with a benchmark beside."""
    folder = tmp_path / "run/v0/checkpoint-8"
    folder.mkdir(parents=True)
    arguments = {"model": "Qwen/Qwen2.5-VL-3B-Instruct", "max_pixels": None, "tuner_type": "full"}
    (folder / "args.json").write_text(json.dumps(arguments, indent=2))
    (folder / "config.json").write_text("{}")
    (tmp_path / "run/command.sh").write_text("env \\\n    MAX_PIXELS=602112 \\\n    swift rlhf\n")
    (tmp_path / "vstar_bench").mkdir()
    return folder


def commands(output: str) -> list[list[str]]:
    """The commands of a dry run, without `env` and what follows it."""
    lines = output.replace(" \\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if " deploy " in line or " eval " in line]


def test_the_base_model_comes_first_then_the_checkpoint(tmp_path: Path, checkpoint: Path) -> None:
    result = run(SCRIPT, tmp_path, str(checkpoint), "--dry-run", "--limit", "5", MAX_PIXELS="")
    assert result.returncode == 0, result.stderr
    base, ask_base, after, ask_after = commands(result.stdout)
    assert base[base.index("--model") + 1] == "Qwen/Qwen2.5-VL-3B-Instruct"
    assert after[after.index("--model") + 1] == str(checkpoint)
    assert "MAX_PIXELS=602112" in base and "MAX_PIXELS=602112" in after
    for words, name in ((ask_base, "base"), (ask_after, "checkpoint-8")):
        out = checkpoint.parent / "evaluation" / name / "vstar"
        assert words[words.index("--out") + 1] == str(out)
        assert words[words.index("--max-pixels") + 1] == "602112"
        assert words[-2:] == ["--limit", "5"]
    assert "--checkpoint" not in ask_base  # a name on the hub says what it is
    assert ask_after[ask_after.index("--checkpoint") + 1] == str(checkpoint)


def test_both_commands_are_understood(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By ms-swift's own parser and by ours; nothing is started."""
    monkeypatch.setattr(DeployArguments, "__post_init__", lambda self: None)
    result = run(SCRIPT, tmp_path, str(checkpoint), "--dry-run", MAX_PIXELS="401408")
    server, ask, *_ = commands(result.stdout)
    args, unknown = parse_args(DeployArguments, server[server.index("deploy") + 1 :])
    assert unknown == [] and args.host == "127.0.0.1"
    context = get_command(app).commands["eval"].make_context("eval", ask[ask.index("eval") + 1 :])  # type: ignore[attr-defined]
    assert (context.params["benchmark"], context.params["max_pixels"]) == ("vstar", 401408)


def test_thoughts_and_words_are_the_trainings(tmp_path: Path, checkpoint: Path) -> None:
    arguments = json.loads((checkpoint / "args.json").read_text())
    arguments |= {"enable_thinking": True, "response_prefix": "<think>\n"}
    (checkpoint / "args.json").write_text(json.dumps(arguments, indent=2))
    left = "env \\\n    DEEPEYES_PROMPT=family \\\n    MAX_PIXELS=602112 \\\n    swift rlhf\n"
    (tmp_path / "run/command.sh").write_text(left)
    result = run(SCRIPT, tmp_path, str(checkpoint), "--dry-run")
    for server, ask in batched(commands(result.stdout)):
        assert server[server.index("--response_prefix") + 1] == "<think>\\n"
        assert ask[ask.index("--thinking") + 1] == "on"
        assert "DEEPEYES_PROMPT=family" in ask or "DEEPEYES_PROMPT=family" in server
    result = run(SCRIPT, tmp_path, str(checkpoint), "--dry-run", THINKING="off")
    assert all(ask[ask.index("--thinking") + 1] == "off" for ask in commands(result.stdout)[1::2])


def test_older_checkpoints_say_nothing_of_it(tmp_path: Path, checkpoint: Path) -> None:
    result = run(SCRIPT, tmp_path, str(checkpoint), "--dry-run")
    assert "--thinking" not in result.stdout and "--response_prefix" not in result.stdout
    assert "DEEPEYES_PROMPT=published" in result.stdout


def batched(found: list[list[str]]) -> list[tuple[list[str], list[str]]]:
    """Servers' commands with what asks them."""
    return list(zip(found[::2], found[1::2], strict=True))


def test_adapters_are_merged(tmp_path: Path, checkpoint: Path) -> None:
    (checkpoint / "adapter_config.json").touch()
    env = {"BASE_MODEL": "none", "MAX_PIXELS": "401408", "TOOL": "on"}
    result = run(SCRIPT, tmp_path, str(checkpoint), "--dry-run", **env)
    server, ask = commands(result.stdout)
    at = server.index("--adapters")
    assert server[at : at + 4] == ["--adapters", str(checkpoint), "--merge_lora", "true"]
    assert (ask[ask.index("--max-pixels") + 1], ask[ask.index("--tool") + 1]) == ("401408", "on")


def test_what_is_missing_is_named(tmp_path: Path, checkpoint: Path) -> None:
    assert "usage: bash" in run(SCRIPT, tmp_path).stderr
    assert "there is none in 'nowhere'" in run(SCRIPT, tmp_path, "nowhere").stderr
    result = run(SCRIPT, tmp_path, str(checkpoint), BENCHMARKS="vstar=elsewhere")
    assert "none of BENCHMARKS is here" in result.stderr and "hf download" in result.stderr
    (tmp_path / "run/command.sh").unlink()
    result = run(SCRIPT, tmp_path, str(checkpoint))
    assert result.returncode == 1 and "MAX_PIXELS" in result.stderr


def start(
    tmp_path: Path, checkpoint: Path, then: str, server: str = SERVER
) -> subprocess.Popen[str]:
    """The script with a server that stands in for `swift deploy`, in a process group of its own."""
    stand_in(tmp_path / "bin", "swift", server)
    stand_in(tmp_path / "bin", "swift-deepeyes", ASKED.format(then=then))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    env = dict(os.environ) | {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "PIDS": str(tmp_path / "pids"),
        "ASKED": str(tmp_path / "asked"),
        "EVAL_PORT": port,
        "EVAL_WAIT": "60",
    }
    return subprocess.Popen(
        ["bash", str(SCRIPT), str(checkpoint)],
        env=env,
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def servers(tmp_path: Path) -> list[int]:
    return [int(word) for word in (tmp_path / "pids").read_text().split()]


def are_gone(pids: list[int]) -> bool:
    """Within some seconds; a zombie is gone."""
    for _ in range(100):
        states = [Path(f"/proc/{pid}/stat") for pid in pids]
        alive = [path for path in states if path.exists() and path.read_text().split()[2] != "Z"]
        if not alive:
            return True
        time.sleep(0.1)
    return False


def test_an_error_of_the_evaluation_ends_the_server(tmp_path: Path, checkpoint: Path) -> None:
    with start(tmp_path, checkpoint, "exit 2") as process:
        assert process.wait(120) == 2
    pids = servers(tmp_path)
    assert len(pids) == 2  # the second model is not served
    assert are_gone(pids)


def test_ctrl_c_ends_the_server(tmp_path: Path, checkpoint: Path) -> None:
    with start(tmp_path, checkpoint, "exec sleep 60") as process:
        for _ in range(600):
            if (tmp_path / "asked").exists():
                break
            time.sleep(0.1)
        pids = servers(tmp_path)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all but the server
        assert process.wait(60) == 130
    assert are_gone(pids)


def test_a_server_that_ends_is_an_error(tmp_path: Path, checkpoint: Path) -> None:
    with start(tmp_path, checkpoint, "exit 0", "#!/bin/sh\necho no such model\n") as process:
        assert process.wait(60) == 1
        assert process.stderr is not None
        told = process.stderr.read()
    assert "the server ended; the end of" in told and "no such model" in told
