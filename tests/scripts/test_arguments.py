"""What every script does with its arguments: passes them on, `--help`, `--dry-run`, wrong names."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scripts.captured import SCRIPTS, recorded, run, stand_in

NODES = {"MASTER_ADDR": "one", "NODE_RANK": "0", "JUDGE_HOST": "j1"}
COMMANDS = ["deploy_judge", "rollout", "ray_node", "train_colocate", "train_server"]
COMMANDS += ["train_megatron", "train_ray", "evaluate"]
RUNS = sorted(path.stem for path in (SCRIPTS / "runs").glob("*.sh"))


def sources(script: Path) -> list[Path]:
    """The script and what it sources, its files' files too."""
    names = re.findall(r'^\. "\$\(dirname .*\)/(\w+\.sh)"$', script.read_text(), re.M)
    return [script, *(path for name in names for path in sources(SCRIPTS / name))]


def settings(script: Path) -> dict[str, str]:
    """Every variable that a script and its files give a default, with its meaning."""
    text = "\n".join(path.read_text() for path in sources(script))
    return dict(re.findall(r'^ *: "\$\{(\w+):=.*\}"(?: +# (.*))?$', text, re.M))


@pytest.mark.parametrize(
    "script", ["train_colocate.sh", "runs/7b_1_node.sh train", "runs/3b_lora_1_gpu.sh train"]
)
def test_the_users_arguments_win(capture: Any, script: str) -> None:
    """By ms-swift's own parser; a list is replaced, not added to."""
    passed = ["--learning_rate", "5e-7", "--dynamic_sample", "true", "--report_to", "wandb"]
    passed += ["--reward_funcs", "deepeyes_reward", "--reward_weights", "1"]
    args = capture(*script.split(), *passed, **NODES).args
    assert (args.learning_rate, args.dynamic_sample, args.report_to) == (5e-7, True, ["wandb"])
    assert (args.reward_funcs, args.reward_weights) == (["deepeyes_reward"], [1])


@pytest.mark.parametrize(
    ("script", "passed"),
    [
        ("deploy_judge.sh", "--vllm_max_num_seqs 8"),
        ("rollout.sh", "--max_turns 7"),
        ("runs/7b_4_nodes.sh rollout", "--vllm_gpu_memory_utilization 0.5"),
    ],
)
def test_servers_too(capture: Any, script: str, passed: str) -> None:
    flag, value = passed.split()
    args = capture(*script.split(), flag, value).args
    assert getattr(args, flag.removeprefix("--")) == float(value)


def test_ray_reads_them_from_its_file(tmp_path: Path) -> None:
    passed = ["--lr", "5e-7", "--train.x=2", "--dynamic_sample", "--stop_words", "a b", "c"]
    call = recorded(SCRIPTS / "train_ray.sh", tmp_path, OUTPUT=str(tmp_path / "first/run"))
    first = yaml.safe_load(Path(call.words[-1]).read_text())
    result = run(SCRIPTS / "train_ray.sh", tmp_path, *passed, OUTPUT=str(tmp_path / "second/run"))
    assert result.returncode == 0, result.stderr
    second = yaml.safe_load((tmp_path / "second/run/ray.yaml").read_text())
    changed = {key: value for key, value in second.items() if first.get(key) != value}
    assert changed == {
        "lr": "5e-7",
        "dynamic_sample": True,
        "stop_words": ["a b", "c"],
        "output_dir": str(tmp_path / "second/run"),
        "train": first["train"] | {"x": 2},
    }
    (_, *words), _ = json.loads((tmp_path / "call.json").read_text())
    assert words[:-1] == call.words[:-1]


@pytest.mark.parametrize("script", [f"{name}.sh" for name in [*COMMANDS, "download_data"]])
def test_help_lists_every_setting_and_starts_nothing(tmp_path: Path, script: str) -> None:
    expected = settings(SCRIPTS / script)
    assert len(expected) > 5
    result = run(SCRIPTS / script, tmp_path, "--help", "--learning_rate", "1", NNODES="2")
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "call.json").exists()
    header, _, shown = result.stdout.partition("\nSettings")
    listed = re.findall(r"^  (\w+)=.*\n(?:      (.*)\n)?", shown, re.M)
    assert len(listed) == len(dict(listed))
    assert dict(listed).keys() == expected.keys()
    for name, meaning in listed:
        assert meaning and meaning == expected[name], f"{name} has no meaning"
    assert header.startswith((SCRIPTS / script).read_text().splitlines()[1].removeprefix("# "))


@pytest.mark.parametrize("name", RUNS)
def test_help_of_a_run_has_its_header_and_its_values(tmp_path: Path, name: str) -> None:
    script = SCRIPTS / "runs" / f"{name}.sh"
    result = run(script, tmp_path, "--help")
    assert result.returncode == 0 and "Hardware: " in result.stdout
    assert "where ROLE is one of: " in result.stderr
    result = run(script, tmp_path, "train", "--help", STEPS="7", OUTPUT="")
    assert "\n  STEPS=7\n" in result.stdout
    assert f"\n  OUTPUT={SCRIPTS.parent}/output/{name}\n" in result.stdout
    text = script.read_text()
    for variable, value in re.findall(r'^: "\$\{([A-Z]\w+):=([^}]+)\}"', text, re.M):
        if variable in settings(SCRIPTS / "train_server.sh"):
            assert f"\n  {variable}={value}\n" in result.stdout or variable == "STEPS"
    assert not (tmp_path / "call.json").exists()


@pytest.mark.parametrize("script", ["demo.sh", "test.sh"])
def test_help_of_what_builds_an_environment_builds_none(tmp_path: Path, script: str) -> None:
    clone = tmp_path / "clone/scripts"
    clone.mkdir(parents=True)
    files = [script, "settings.sh"]
    for name in files:
        (clone / name).write_text((SCRIPTS / name).read_text())
    result = subprocess.run(["bash", str(clone / script), "--help"], capture_output=True, text=True)
    assert result.returncode == 0 and f"bash scripts/{script}" in result.stdout
    assert sorted(path.name for path in (tmp_path / "clone").rglob("*.*")) == sorted(files)


@pytest.mark.parametrize(
    "script", ["deploy_judge.sh", "rollout.sh", "train_server.sh", "runs/3b_lora_1_gpu.sh train"]
)
def test_a_dry_run_prints_what_a_run_would_start(tmp_path: Path, script: str) -> None:
    """Pasted into an empty environment, it starts the same command with the same settings."""
    path, *role = script.split()
    env = {"DEEPEYES_SCORING": "official", "DEEPEYES_JUDGE_API_KEY": "secret", **NODES}
    env["OUTPUT"] = str(tmp_path / "output")
    words = [*role, "--stop_words", "a b", "it's"]
    call = recorded(SCRIPTS / path, tmp_path, *words, **env)
    (tmp_path / "call.json").unlink()
    only_bash = tmp_path / "tools"
    only_bash.mkdir()
    tools = "awk basename bash cat cut dirname find grep paste sed seq sort tr"
    for tool in tools.split():
        (only_bash / tool).symlink_to(f"/usr/bin/{tool}")
    result = subprocess.run(
        ["bash", str(SCRIPTS / path), *words, "--dry-run"],
        env={"PATH": str(only_bash), **env},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "secret" not in result.stdout
    assert not (tmp_path / "call.json").exists()
    path_of_all = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    pasted = subprocess.run(
        ["bash", "-c", result.stdout],
        env={"PATH": path_of_all, "CALL": str(tmp_path / "call.json")},
        capture_output=True,
    )
    assert pasted.returncode == 0, pasted.stderr
    (_, *again), environment = json.loads((tmp_path / "call.json").read_text())
    assert again == call.words
    ours = [name for name in call.env if name.startswith(("DEEPEYES_", "CUDA_", "NPROC", "NNODES"))]
    ours += ["MAX_PIXELS"]
    for name in ours:
        shown = "" if name.endswith("_KEY") else call.env[name]
        assert environment[name] == shown, name


def test_a_dry_run_checks_no_port_and_writes_nothing(tmp_path: Path) -> None:
    result = run(SCRIPTS / "train_ray.sh", tmp_path, "--dry-run", OUTPUT=str(tmp_path / "out"))
    assert result.returncode == 0 and not (tmp_path / "out").exists()
    assert "ray_config.py" in result.stdout and "env -u NPROC_PER_NODE -u NNODES" in result.stdout
    assert not (tmp_path / "call.json").exists()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PROMTS", "PROMPTS"),
        ("GENERATION", "GENERATIONS"),
        ("LEARNING_RATES", "LEARNING_RATE"),
        ("DATASET", "DATASETS"),
        ("ROLLOUT_HOSTS", "ROLLOUT_HOST"),
        ("MAX_PIXLES", "MAX_PIXELS"),
        ("MAX_RESPONSE_TOKNE", "MAX_RESPONSE_TOKENS"),
        ("prompts", "PROMPTS"),
    ],
)
def test_a_misspelt_setting_stops_the_run(tmp_path: Path, name: str, meant: str) -> None:
    result = run(SCRIPTS / "runs/7b_colocate.sh", tmp_path, "train", **{name: "16"})
    assert result.returncode == 1
    assert f"error: {name} is not a setting; did you mean {meant}?" in result.stderr
    assert not (tmp_path / "call.json").exists()


def test_a_name_that_the_shell_was_started_with_is_only_told(tmp_path: Path) -> None:
    """A batch system's or a container's variable may be another program's."""
    stand_in(tmp_path / "bin", "swift", "#!/bin/sh\n")
    script = f"bash {SCRIPTS / 'rollout.sh'} ROLLOUT_PORT=0; exit $?"
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    env = {"PATH": path, "PROMTS": "16", "STEP": "1", "ROLLOUT_PORT": "0"}
    result = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "warning: PROMTS is not a setting; did you mean PROMPTS?" in result.stderr
    assert "warning: STEP is not a setting; did you mean STEPS?" in result.stderr


def test_other_programs_variables_are_no_slips(tmp_path: Path) -> None:
    names = "HOME USER LANG TERM SHELL PWD LOGNAME HOSTNAME DISPLAY EDITOR PAGER MAIL TZ PORT NAME"
    names += " MIN_PIXELS VIDEO_MAX_PIXELS LOCAL_RANK RANK WORLD_SIZE LOCAL_WORLD_SIZE GROUP_RANK"
    names += " CUDA_HOME HF_HOME HF_TOKEN HF_ENDPOINT TMPDIR CC CXX HOST BUILD CONDA_PREFIX"
    names += " PYTHONPATH VIRTUAL_ENV LD_LIBRARY_PATH OMP_NUM_THREADS NCCL_DEBUG NCCL_SOCKET_IFNAME"
    names += " SLURM_NNODES SLURM_NODEID SLURM_JOB_ID SLURM_PROCID PROMPT_COMMAND IMAGE"
    names += " WANDB_API_KEY WANDB_PROJECT WANDB_MODE SWANLAB_API_KEY MODELSCOPE_CACHE"
    others = dict.fromkeys(names.split(), "1")
    result = run(SCRIPTS / "train_server.sh", tmp_path, "--dry-run", **others)
    assert (result.returncode, result.stderr) == (0, "")
