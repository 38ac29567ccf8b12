"""Commands read from what users have: a line, a script's --dry-run, a file, a log, processes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from swift_deepeyes.doctor.commands.command import Role
from swift_deepeyes.doctor.commands.processes import running_commands
from swift_deepeyes.doctor.commands.source import CommandTextError, read_source
from tests.doctor.commands.lines import COLOCATE, ROLLOUT, TRAINER, command


def test_a_dry_run() -> None:
    trainer = command(TRAINER, ROOT_IMAGE_DIR="/images", LANG="C")
    assert trainer.role is Role.RLHF and trainer.is_server_mode and trainer.has_our_plugin
    assert trainer.flags["reward_weights"] == ("1", "0", "0", "0")
    assert trainer.variable("MAX_PIXELS") == "2007040" and trainer.count("NPROC_PER_NODE") == 4
    assert trainer.environment is not None and trainer.environment["LANG"] == "C"
    assert "ROOT_IMAGE_DIR" not in trainer.environment
    rollout = command(ROLLOUT)
    assert rollout.role is Role.ROLLOUT
    assert json.loads(rollout.text("vllm_limit_mm_per_prompt")) == {"image": 32, "video": 0}


def test_the_last_of_two_flags_counts_and_equal_signs_are_read() -> None:
    found = command("swift rlhf --learning_rate 1e-6 --top_p=0.9 --dynamic-sample --top_p 1")
    assert found.number("top_p") == 1 and found.is_on("dynamic_sample")
    assert not found.is_on("overlong_filter")
    assert found.number("top_k") is None and command("swift rlhf --top_k -1").number("top_k") == -1


def test_lines_of_a_script_with_both() -> None:
    text = "export MAX_PIXELS=602112  # both\nswift rollout --port 1 &\nA=b swift rlhf --model m\n"
    rollout, trainer = read_source(text, {})
    assert [one.variable("MAX_PIXELS") for one in (rollout, trainer)] == ["602112"] * 2
    assert rollout.text("port") == "1" and trainer.variable("A") == "b"


@pytest.mark.parametrize(
    "text",
    [
        "nohup torchrun --nproc_per_node 8 /x/site-packages/swift/cli/rlhf.py --model m",
        "run sh: `/x/bin/python -m torch.distributed.run --nproc_per_node 8 "
        "/x/swift/cli/rlhf.py --model m`",
        "/x/bin/python /x/bin/swift rlhf --model m",
    ],
)
def test_other_ways_to_start_it(text: str) -> None:
    found = command(text)
    assert found.role is Role.RLHF and found.text("model") == "m"
    assert found.count("NPROC_PER_NODE") == (8 if "nproc" in text else 1)


def test_megatron_and_the_configuration_that_its_ray_script_writes() -> None:
    text = "python /o/scripts/ray_config.py out/ray.yaml --max_length 28672 --model m\n"
    found = command(text + "env -u NNODES megatron rlhf --use_ray true --config out/ray.yaml")
    assert found.is_megatron and found.is_on("use_ray") and found.number("max_length") == 28672


def test_a_saved_run(tmp_path: Path) -> None:
    saved = {"rlhf_type": "grpo", "top_p": 1.0, "use_vllm": True, "adapters": [], "system": None}
    path = tmp_path / "args.json"
    path.write_text(json.dumps(saved))
    found = command(str(path))
    assert found.environment is None and found.number("top_p") == 1 and found.is_colocate
    assert not found.text("adapters") and "system" not in found.flags


def test_a_configuration_file_comes_before_the_flags(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"top_p": 0.5, "num_generations": 4, "ENV": {"A": "b"}}))
    found = command(f"swift rlhf {path} --top_p 1")
    assert (found.number("top_p"), found.number("num_generations")) == (1, 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("swift deploy --model m", "has no `swift rlhf` and no `swift rollout`"),
        ("swift rlhf --system 'you are", "a quote is not closed"),
        ("swift rlhf run.yaml", "reads no YAML"),
        ("swift rlhf gone.json", "cannot be read as a configuration"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, said: str) -> None:
    with pytest.raises(CommandTextError, match=said):
        read_source(text, {})


def test_a_script_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "train.sh"
    path.write_text('exec swift rlhf "${TRAINING[@]}"\n')
    with pytest.raises(CommandTextError, match=r"--command \"\$\(bash .*train.sh --dry-run\)\""):
        read_source(str(path), {})


def test_other_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "args.json"
    path.write_text("[1]")
    with pytest.raises(CommandTextError, match="no rlhf_type"):
        read_source(str(path), {})


def test_processes(tmp_path: Path) -> None:
    """A process that ranks follow is one command; what is no command of ours is left out."""

    def process(number: int, words: list[str], environment: dict[str, str]) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))
        pairs = (f"{name}={value}\0" for name, value in environment.items())
        (folder / "environ").write_bytes("".join(pairs).encode())

    environment = {"MAX_PIXELS": "602112", "NPROC_PER_NODE": "2"}
    flags = ["--model", "m", "--system", "two words"]
    process(11, ["/x/python", "/x/bin/swift", "rlhf", *flags], environment)
    process(12, ["/x/python", "/x/swift/cli/rlhf.py", *flags], environment | {"RANK": "0"})
    process(13, ["bash"], {})
    (tmp_path / "14").mkdir()  # it has just ended
    (found,) = running_commands(tmp_path)
    assert str(found) == "swift rlhf (process 11)" and found.text("system") == "two words"
    assert found.variable("MAX_PIXELS") == "602112"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_this_machine() -> None:
    assert all(one.role in Role for one in running_commands())


def test_colocate_is_read() -> None:
    assert command(COLOCATE).is_colocate
