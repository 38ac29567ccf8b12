"""Finds the checkpoint that a training goes on from (resume.sh); needs nothing but Python.

    python3 scripts/find_checkpoint.py auto output/7b_1_node
    python3 scripts/find_checkpoint.py output/7b_1_node/v0-20261128/checkpoint-16 output/7b_1_node

Prints four lines: the checkpoint, its step, the folder that the run goes on in, and the trajectory
log that it goes on with. The folder is the checkpoint's own; it is empty where whole checkpoints of
later steps lie there, which the run would write over. The log is the one in FOLDER whose run.json
names the checkpoint's folder; empty where there is none. `auto` takes the newest whole checkpoint
in FOLDER or in a version folder of ms-swift below it, and prints nothing where there is none. A
checkpoint is whole when everything that ms-swift wrote can be read to its end: a killed run leaves
the newest one half-written.
"""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

STATE = "trainer_state.json"
TRACKER = "latest_checkpointed_iteration.txt"  # Megatron's
INDEX = "model.safetensors.index.json"


class BrokenError(Exception):
    """A checkpoint is not whole; the message says what is missing."""


def step_of(checkpoint: Path) -> int:
    """The step of a whole checkpoint. Raises `BrokenError`."""
    try:
        if (checkpoint / TRACKER).is_file():
            return step_of_megatron(checkpoint)
        # Written last, by the process that writes the weights.
        step = int(json.loads((checkpoint / STATE).read_bytes())["global_step"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenError(f"{STATE} cannot be read: {error}") from None
    check_weights(checkpoint)
    check_optimizer(checkpoint)
    return step


def step_of_megatron(checkpoint: Path) -> int:
    """The tracker is written when the distributed checkpoint is complete."""
    step = int((checkpoint / TRACKER).read_text())
    if not (checkpoint / f"iter_{step:07d}").is_dir():
        raise BrokenError(f"iter_{step:07d} is missing")
    return step


def check_weights(checkpoint: Path) -> None:
    """Every file of weights that is there or named by the index has the size that it says."""
    names = {path.name for path in checkpoint.glob("*.safetensors")}
    if (checkpoint / INDEX).is_file():
        try:
            names |= set(json.loads((checkpoint / INDEX).read_bytes())["weight_map"].values())
        except (ValueError, KeyError, AttributeError) as error:
            raise BrokenError(f"{INDEX} cannot be read: {error}") from None
    if not names and not list(checkpoint.glob("*.bin")) and not (checkpoint / "latest").is_file():
        raise BrokenError("there are no weights")
    for name in sorted(names):
        if not is_whole_safetensors(checkpoint / name):
            raise BrokenError(f"{name} is missing or cut off")


def is_whole_safetensors(path: Path) -> bool:
    """Eight bytes of length, a JSON header with the tensors' places, the tensors."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        ends = [of["data_offsets"][1] for name, of in header.items() if name != "__metadata__"]
        return path.stat().st_size == 8 + length + max(ends, default=0)
    except (OSError, ValueError, KeyError, TypeError, MemoryError, OverflowError):
        return False


def check_optimizer(checkpoint: Path) -> None:
    """One file, or DeepSpeed's folder that the file `latest` names: torch's files are archives."""
    if any(path.is_dir() for path in checkpoint.glob("optimizer_*")):
        return  # FSDP's, with torch's own mark of a complete folder
    files = [checkpoint / "optimizer.pt"]
    if (checkpoint / "latest").is_file():
        folder = checkpoint / (checkpoint / "latest").read_text().strip()
        files = sorted(folder.glob("*_states.pt")) or [folder]
    for file in files:
        if not zipfile.is_zipfile(file):
            name = file.relative_to(checkpoint)
            raise BrokenError(f"{name}, the optimizer's state, is missing or cut off")


def whole_ones(checkpoints: list[Path]) -> Iterator[tuple[Path, int]]:
    """The whole checkpoints with their steps, newest first; says which are skipped, and why."""

    def age(path: Path) -> tuple[float, float]:
        state = next((path / name for name in (STATE, TRACKER) if (path / name).is_file()), path)
        number = path.name.rpartition("-")[2]
        return state.stat().st_mtime, int(number) if number.isdecimal() else -1

    for path in sorted(checkpoints, key=age, reverse=True):
        try:
            yield path, step_of(path)
        except BrokenError as error:
            print(f"RESUME=auto: {path} is not whole and is skipped: {error}", file=sys.stderr)


def folder_to_go_on_in(checkpoint: Path, step: int) -> str:
    """The checkpoint's own folder, or none where that has whole checkpoints of later steps."""
    for other in checkpoint.parent.glob("checkpoint-*"):
        try:
            if step_of(other) > step:
                return ""
        except BrokenError:
            continue
    return str(checkpoint.parent)


def log_of(checkpoint: Path, output: Path) -> str:
    """The trajectory log of the run that saved it; not a later run's that was begun anew."""
    for file in sorted(output.glob("log*/run.json")):
        try:
            if json.loads(file.read_bytes())["name"] == checkpoint.parent.name:
                return str(file.parent)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return ""


def find(wanted: str, output: Path) -> tuple[Path, int] | None:
    """The checkpoint and its step. Raises `BrokenError` where the one wanted is not whole."""
    if wanted != "auto":
        return Path(wanted).resolve(), step_of(Path(wanted))
    folders = [output, *output.glob("v[0-9]*")]
    found = [path.resolve() for folder in folders for path in folder.glob("checkpoint-*")]
    return next(whole_ones([path for path in found if path.is_dir()]), None)


def main() -> None:
    """Print the checkpoint of RESUME for the folder OUTPUT."""
    wanted, output = sys.argv[1:]
    try:
        found = find(wanted, Path(output))
    except BrokenError as error:
        sys.exit(f"error: RESUME={wanted} is not a whole checkpoint: {error}")
    if found is not None:
        log = log_of(found[0], Path(output))
        print(*found, folder_to_go_on_in(*found), log, sep="\n")


if __name__ == "__main__":
    main()
