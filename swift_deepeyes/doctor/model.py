"""The policy as `swift rlhf` would load it: whether it is there, and how it sees images."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from swift_deepeyes.doctor.finding import Finding, failed, ok
from swift_deepeyes.episode.boxes import Size
from swift_deepeyes.episode.view import ViewRecipe

_PROBE = Size(1920, 1080)
_PLUGIN_FIX = "correct the file; `python FILE` shows where it fails"


@dataclass(frozen=True)
class ModelChoice:
    """The options of `swift rlhf` that decide on a template."""

    model: str | None
    model_type: str | None
    template: str | None
    max_pixels: int | None
    external_plugins: tuple[Path, ...]


def check_model(choice: ModelChoice) -> tuple[ViewRecipe | None, list[Finding]]:
    """How images are seen on this side, without the weights; None where that is not known."""
    name = choice.model or ""
    if problem := _path_problem(name):
        fix = "--model takes a checkpoint's folder, with config.json, or a name as on the hub"
        return None, [failed("model", problem, fix)]
    # ms-swift takes seconds to import, and logs what it finds.
    from swift_deepeyes.ms_swift.template import load_recipe

    try:
        recipe = load_recipe(
            name,
            choice.model_type,
            choice.template,
            choice.max_pixels,
            choice.external_plugins,
        )
        text = f"{_PROBE} is seen as {recipe.view_size(_PROBE)} ({recipe.tokens(_PROBE)} tokens)"
    except Exception as error:  # of ms-swift, of the hub, or of a plugin
        logging.getLogger(__name__).debug("What raised it:", exc_info=True)
        fix = "try the same --model, --model_type and --template with `swift infer`"
        return None, [failed("model", f"{name} cannot be loaded: {first_line(error)}", fix)]
    return recipe, [ok("model", f"{name}: {text}")]


def load_tools(plugins: Iterable[Path]) -> list[Finding]:
    """Register the tools of installed packages and of the user's files; what failed."""
    from swift_deepeyes.tools import load_entry_points

    load_entry_points()
    findings = []
    for path in plugins:
        from swift_deepeyes.ms_swift.compat import load_plugins

        try:
            load_plugins([path])
        except Exception as error:  # whatever a user's file raises
            findings.append(failed(f"plugin {path.name}", first_line(error), _PLUGIN_FIX))
    return findings


def first_line(error: Exception) -> str:
    """An error in one line, at most 200 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"[:200]


def _path_problem(name: str) -> str:
    """What is wrong with a model that is a path; empty for a name, and for a good folder."""
    path = Path(name).expanduser()
    if path.is_dir():
        return "" if (path / "config.json").is_file() else f"{name} has no config.json"
    is_path = name.startswith(("/", ".", "~")) or name.count("/") > 1
    return f"{name} is no folder" if is_path else ""
