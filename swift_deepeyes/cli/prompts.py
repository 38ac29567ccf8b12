"""The options that say whose words tell a model of its tools, of the commands that write rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from swift_deepeyes.cli.command import option
from swift_deepeyes.episode.family import Family
from swift_deepeyes.prompt_style import PromptStyle

if TYPE_CHECKING:
    from swift_deepeyes.tools.family_prompt import PromptForm

VARIABLE = "DEEPEYES_PROMPT"


def prompt_option(panel: str) -> Any:
    """`--prompt`."""
    text = "published; corrected: the tool's schema requires bbox_2d; family: its boxes and calls."
    return option(panel, text, "STYLE", envvar=VARIABLE)


def family_option(panel: str) -> Any:
    """`--family`, for `--prompt family`."""
    return option(panel, f"Whose, with --prompt family: {', '.join(Family)}.", "NAME")


def prompt_form(style: PromptStyle, family: Family | None) -> PromptForm | None:
    """The form of the prompts, with the box format that the scheduler is told; None: no family's.

    Raises `typer.BadParameter` where only one of the two options is given.
    """
    if style is not PromptStyle.FAMILY:
        if family is not None:
            text = f"it says whose words --prompt family writes, and --prompt is {style}."
            raise typer.BadParameter(text, param_hint="'--family'")
        return None
    if family is None:
        text = f"family needs --family, one of {', '.join(Family)}."
        raise typer.BadParameter(text, param_hint="'--prompt'")
    from swift_deepeyes.settings import read_values
    from swift_deepeyes.tools.family_prompt import form_of_family

    return form_of_family(family, read_values().bbox_format)
