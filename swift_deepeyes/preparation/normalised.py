"""One raw row with the types of a prepared file, and the flaws that can be seen without its images.

Pure: no image is touched here, and nothing raises for what a row contains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from swift_deepeyes.dataset.conversation import (
    BadConversationError,
    Conversation,
    ConversationFault,
    read_conversation,
)
from swift_deepeyes.dataset.struct_columns import text_structs
from swift_deepeyes.dataset.values import leaf_text, list_of
from swift_deepeyes.preparation.choices import ChartPolicy, PromptStyle
from swift_deepeyes.preparation.columns import ENV_NAME, IMAGE_COLUMNS, TEXT_COLUMNS, struct_keys
from swift_deepeyes.preparation.issue import RowIssue
from swift_deepeyes.preparation.prompt_style import corrected_prompt
from swift_deepeyes.preparation.recipe import CHART_SOURCE, Recipe
from swift_deepeyes.preparation.source import RawRow
from swift_deepeyes.scoring.row import ScoredRow, read_row

Message = dict[str, str]


@dataclass(frozen=True)
class NormalisedRow:
    """A row of the prepared file without its images, which are still as the source had them."""

    columns: dict[str, Any]
    images: list[object]
    scored: ScoredRow
    flaws: dict[RowIssue, str] = field(default_factory=dict)

    @property
    def data_source(self) -> str:
        """The row's `data_source`."""
        return str(self.columns["data_source"])


@dataclass(frozen=True)
class Shape:
    """What a source file has: the column of its conversations, the unknown columns that are kept.

    `names_toolboxes`: whether it says which rows have tools; else `env_name` stays null, because an
    empty one would mean that there is no tool.
    """

    conversation: str
    extra: tuple[str, ...]
    names_toolboxes: bool


def align(row: RawRow, shape: Shape, recipe: Recipe) -> NormalisedRow:
    """Bring one row into the schema."""
    extra = shape.extra
    columns: dict[str, Any] = {name: leaf_text(row.get(name)) for name in TEXT_COLUMNS}
    images = next((given for name in IMAGE_COLUMNS if (given := list_of(row.get(name)))), [])
    read, flaws = _conversation(row.get(shape.conversation), images)
    messages = [{"role": m["role"], "content": m["content"]} for m in read.messages]
    if recipe.prompt_style is PromptStyle.CORRECTED:
        messages = corrected_prompt(messages, columns["env_name"])
    if not shape.names_toolboxes:
        columns[ENV_NAME] = None
    columns[str(recipe.prompt_column)] = messages
    columns |= text_structs(row, lambda column, _: struct_keys(column, extra))
    columns |= {name: row[name] for name in extra if name in row}
    scored = read_row({**columns, "messages": messages})
    flaws |= _flaws(columns, read.images, scored, recipe)
    return NormalisedRow(columns, read.images, scored, flaws)


def _conversation(
    messages: object, images: list[object]
) -> tuple[Conversation, dict[RowIssue, str]]:
    """The conversation as far as it can be read, and what is wrong with it."""
    try:
        return read_conversation(messages, images), {}
    except BadConversationError as error:
        is_count = error.fault is ConversationFault.IMAGE_COUNT
        flaw = RowIssue.IMAGE_TAGS if is_count else RowIssue.NO_PROMPT
        return error.conversation or Conversation([], images), {flaw: str(error)}


def _flaws(
    columns: Mapping[str, Any], images: list[object], scored: ScoredRow, recipe: Recipe
) -> dict[RowIssue, str]:
    flaws: dict[RowIssue, str] = {}
    if columns["data_source"] == CHART_SOURCE and recipe.chart is ChartPolicy.EXCLUDE:
        flaws[RowIssue.EXCLUDED_CHART] = ""
    if not images:
        flaws[RowIssue.NO_IMAGE] = ""
    if not scored.reference:
        flaws[RowIssue.NO_REFERENCE] = ""
    if not columns["extra_info"]["question"].strip():
        flaws[RowIssue.NO_QUESTION] = ""
    return flaws
