"""Where commands are read: a command line, what a script's --dry-run prints, a run's `args.json`.

The text is split as a shell splits it and nothing in it is run: `$NAME` and `$(…)` stay as they
are. A command inherits the doctor's own environment, as it would from the same shell.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from swift_deepeyes.doctor.commands.command import Command, Role, flags_of_saved, read_flags
from swift_deepeyes.errors import DeepEyesError

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_FILE_OF = re.compile(r"swift/cli/(_megatron/)?(rlhf|rollout)\.py$")
_ENDS = frozenset({";", "&", "&&", "|", "||", ">", ">>", "2>", "&>"})
_RAY_CONFIG = "scripts/ray_config.py"
"""What train_ray.sh writes its command's configuration with: the flags are this program's."""
_SHOWN = 60  # characters of a text in a message


class CommandTextError(DeepEyesError, ValueError):
    """A text or file that holds no command which the doctor can read; the message says why."""


def read_source(value: str, environment: Mapping[str, str] = os.environ) -> list[Command]:
    """The commands of an option's value: a text, or a file. Raises `CommandTextError`."""
    path = Path(value)
    with suppress(OSError):  # a text can be too long for a file's name
        if "\n" not in value and path.exists():
            return _read_file(path, environment)
    return _required(list(_of_text(value, environment, "--command")), value)


def _read_file(path: Path, environment: Mapping[str, str]) -> list[Command]:
    text = path.read_text("utf-8", "replace")
    if path.suffix == ".json":
        return [_of_saved(path, text)]
    commands = list(_of_text(text, environment, path.name))
    if path.suffix == ".sh" and not any(command.flags for command in commands):
        raise CommandTextError(
            f"{path} is a script. Pass what it would start: "
            f'--command "$(bash {path} --dry-run)", for scripts/runs with the role before --dry-run'
        )
    return _required(commands, str(path))


def _required(commands: list[Command], value: str) -> list[Command]:
    if not commands:
        shown = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
        raise CommandTextError(
            f"{shown!r} has no `swift rlhf` and no `swift rollout` in it. Pass such a command, "
            "what a script prints with --dry-run, or a run's args.json"
        )
    return commands


def _of_saved(path: Path, text: str) -> Command:
    """A trainer's own record of its arguments: `args.json` in its output folder."""
    try:
        saved = json.loads(text)
    except ValueError as error:
        raise CommandTextError(f"{path} is no JSON: {error}") from None
    if not isinstance(saved, dict) or "rlhf_type" not in saved:
        raise CommandTextError(f"{path} is no args.json of `swift rlhf`: it has no rlhf_type")
    return Command(role=Role.RLHF, flags=flags_of_saved(saved), environment=None, source=str(path))


def _of_text(text: str, environment: Mapping[str, str], source: str) -> Iterator[Command]:
    """Each command of a shell's text; `export` holds for those after it."""
    exported = dict(environment)
    configured: dict[str, tuple[str, ...]] = {}
    for words in _lines(text):
        if words[:1] == ["export"]:
            exported |= _assignments(words)
        elif any(word.endswith(_RAY_CONFIG) for word in words):
            configured = read_flags(words)
        elif command := read_words(words, exported, source):
            yield command.model_copy(update={"flags": configured | dict(command.flags)})


def _lines(text: str) -> Iterator[list[str]]:
    # ms-swift's own word of what it starts, in the log: run sh: `python … rlhf.py …`
    text = re.sub(r"run sh: `([^`]*)`", r"\1", text.replace("\\\n", " "))
    for line in _joined_quotes(text):
        words: list[str] = []
        for word in line:
            if word in _ENDS:
                yield words
                words = []
            else:
                words.append(word)
        yield words


def _joined_quotes(text: str) -> Iterator[list[str]]:
    """The words of each line; a quoted text may go over several."""
    line = ""
    for part in text.splitlines():
        line += part
        try:
            yield shlex.split(line, comments=True)
        except ValueError:  # a quote is open
            line += "\n"
            continue
        line = ""
    if line.strip():
        raise CommandTextError(f"a quote is not closed in {line.strip()[:_SHOWN]!r}")


def _assignments(words: Sequence[str]) -> dict[str, str]:
    found = (_ASSIGNMENT.fullmatch(word) for word in words)
    return {match[1]: match[2] for match in found if match}


def read_words(words: Sequence[str], environment: Mapping[str, str], source: str) -> Command | None:
    """The command that these words start, torchrun's and Python's before it; None: another."""
    for place, word in enumerate(words):
        role, is_megatron, behind = _role(word, words[place + 1 : place + 2])
        if role is None:
            continue
        before = words[:place]
        rest = list(words[place + 1 + behind :])
        return Command(
            role=role,
            flags=read_flags(_configured(rest)),
            environment=_environment(before, environment),
            source=source,
            is_megatron=is_megatron,
        )
    return None


def _role(word: str, after: Sequence[str]) -> tuple[Role | None, bool, int]:
    """The role that a word starts, whether it is Megatron's, and how many words say so besides."""
    if match := _FILE_OF.search(word):
        return Role(match[2]), bool(match[1]), 0
    program = word.rpartition("/")[2]
    if program in ("swift", "megatron") and after and after[0] in list(Role):
        return Role(after[0]), program == "megatron", 1
    return None, False, 0


def _environment(before: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command with these words before it: `env -u A B=c torchrun …`."""
    unset = {name for flag, name in pairwise(before) if flag == "-u"}
    kept = {name: value for name, value in environment.items() if name not in unset}
    of_torchrun = read_flags(before)
    for flag in ("nproc_per_node", "nnodes"):
        if value := "".join(of_torchrun.get(flag, ())[:1]):
            kept[flag.upper()] = value
    return kept | _assignments(before)


def _configured(words: list[str]) -> list[str]:
    """The words with those of a JSON configuration file, which ms-swift takes as the first one."""
    if not words or not words[0].endswith((".json", ".yaml", ".yml")):
        return words
    if not words[0].endswith(".json"):
        raise CommandTextError(f"{words[0]}: the doctor reads no YAML; write its flags as words")
    try:
        config: Any = json.loads(Path(words[0]).read_text("utf-8"))
        saved = flags_of_saved({name: value for name, value in config.items() if name != "ENV"})
    except (OSError, ValueError, AttributeError) as error:
        raise CommandTextError(f"{words[0]} cannot be read as a configuration: {error}") from None
    return [word for name, values in saved.items() for word in (f"--{name}", *values)] + words[1:]
