"""A row's announcement of its tools in the style that a recipe asks for."""

from __future__ import annotations

from typing import Any

from swift_deepeyes.preparation.recipe import Recipe
from swift_deepeyes.prompt_style import PromptStyle
from swift_deepeyes.tools.family_prompt import (
    Announcement,
    Rewriting,
    corrected_column,
    corrected_prompt,
    in_form,
)

__all__ = ["corrected_prompt", "in_style"]


def in_style(
    messages: list[dict[str, str]], tools: Any, env_name: str | None, recipe: Recipe
) -> tuple[Announcement, Rewriting | None]:
    """The announcement, and what came of it where it is the family's that is asked for."""
    if recipe.prompt_form is not None:
        told = in_form(messages, tools, env_name, recipe.prompt_form)
        return told, told.rewriting
    if recipe.prompt_style is PromptStyle.CORRECTED:
        messages = corrected_prompt(messages, env_name)
        tools = corrected_column(tools, env_name)
    return Announcement(messages, tools, Rewriting.AS_WANTED), None
