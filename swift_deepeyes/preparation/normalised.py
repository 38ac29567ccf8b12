"""One raw row with the types of a prepared file, and the issues that are seen without its images.

Pure: no image is touched here, and nothing raises for what a row contains. All leaves outside the
images are text, so that any prepared files concatenate: `extra_info.index` is text in one published
file and a number in another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from swift_deepeyes.dataset.columns import (
    DATA_SOURCE,
    ENV_NAME,
    EXTRA_INFO,
    IMAGE_COLUMNS,
    IMAGES,
    MESSAGES,
    STRUCT_KEYS,
    TEXT_COLUMNS,
    TOOLS,
)
from swift_deepeyes.dataset.conversation import (
    BadConversationError,
    ConversationFault,
    RowConversation,
    read_conversation,
)
from swift_deepeyes.dataset.references import text_structs
from swift_deepeyes.dataset.values import leaf_text, list_of
from swift_deepeyes.preparation.choices import ChartPolicy, RowIssue, UnknownColumns
from swift_deepeyes.preparation.prompt_style import in_style
from swift_deepeyes.preparation.recipe import CHART_SOURCE, Recipe
from swift_deepeyes.preparation.source import RawRow, Source
from swift_deepeyes.scoring.row import ScoredRow, read_row
from swift_deepeyes.tools.family_prompt import Rewriting
from swift_deepeyes.tools.signatures import column_text

Issues = dict[RowIssue, str]
"""What is wrong with a row, and a reason where the name does not say all."""


@dataclass(frozen=True)
class NormalisedRow:
    """A row of the prepared file without its images, which are still as the source had them."""

    columns: dict[str, Any]
    images: list[object]
    scored: ScoredRow
    issues: Issues
    rewriting: Rewriting | None = None

    @property
    def data_source(self) -> str:
        """The row's `data_source`."""
        return str(self.columns[DATA_SOURCE])


class Normaliser:
    """Brings the rows of one source file into the schema of the prepared file."""

    def __init__(self, source: Source, recipe: Recipe) -> None:
        is_kept = recipe.unknown_columns is UnknownColumns.KEEP
        self._extra = source.unknown_columns() if is_kept else ()
        self._source = source
        self._recipe = recipe
        # Where no row tells, `env_name` stays null: an empty one would mean that there is no tool.
        self._names_toolboxes = source.names_toolboxes()
        form = recipe.prompt_form
        self._has_tools = TOOLS in source.schema.names or (form is not None and form.in_column)

    def schema(self) -> pa.Schema:
        """The same for every prepared file, but for unknown columns that are kept."""
        text, given = pa.string(), self._source.schema
        message = pa.struct([("role", text), ("content", text)])
        image = pa.struct([("bytes", pa.binary()), ("path", text)])
        structs = {
            column: pa.struct([(key, text) for key in self._keys(column)]) for column in STRUCT_KEYS
        }
        return pa.schema(
            [
                *((name, text) for name in TEXT_COLUMNS),
                (str(self._recipe.prompt_column), pa.list_(message)),
                (IMAGES, pa.list_(image)),
                *([(TOOLS, text)] if self._has_tools else []),
                *structs.items(),
                *(given.field(n).with_metadata(None) for n in self._extra if n in given.names),
            ]
        )

    def row(self, raw: RawRow) -> NormalisedRow:
        """One row."""
        recipe = self._recipe
        columns: dict[str, Any] = {name: leaf_text(raw.get(name)) for name in TEXT_COLUMNS}
        images = next((given for name in IMAGE_COLUMNS if (given := list_of(raw.get(name)))), [])
        read, issues = _conversation(raw.get(self._source.conversation), images)
        messages = [{"role": m["role"], "content": m["content"]} for m in read.messages]
        if not self._names_toolboxes:
            columns[ENV_NAME] = None
        told, rewriting = in_style(messages, raw.get(TOOLS), columns[ENV_NAME], recipe)
        columns[str(recipe.prompt_column)] = messages = told.messages
        if self._has_tools:
            columns[TOOLS] = column_text(told.tools)
        columns |= text_structs(raw, lambda column, _: self._keys(column))
        columns |= {name: raw[name] for name in self._extra if name in raw}
        scored = read_row({**columns, MESSAGES: messages})
        is_chart = columns[DATA_SOURCE] == CHART_SOURCE
        seen = {
            RowIssue.EXCLUDED_CHART: is_chart and recipe.chart is ChartPolicy.EXCLUDE,
            RowIssue.NO_IMAGE: not read.images,
            RowIssue.NO_REFERENCE: not scored.reference,
            RowIssue.NO_QUESTION: not columns[EXTRA_INFO]["question"].strip(),
        }
        issues |= {issue: "" for issue, is_so in seen.items() if is_so}
        return NormalisedRow(columns, read.images, scored, issues, rewriting)

    def _keys(self, column: str) -> tuple[str, ...]:
        """The keys of a struct column in the prepared file."""
        prefix = f"{column}."
        more = (name.removeprefix(prefix) for name in self._extra if name.startswith(prefix))
        return (*STRUCT_KEYS[column], *more)


def _conversation(messages: object, images: list[object]) -> tuple[RowConversation, Issues]:
    """The conversation as far as it can be read, and what is wrong with it."""
    try:
        return read_conversation(messages, images), {}
    except BadConversationError as error:
        is_count = error.fault is ConversationFault.IMAGE_COUNT
        issue = RowIssue.IMAGE_TAGS if is_count else RowIssue.NO_PROMPT
        return error.conversation or RowConversation([], images), {issue: str(error)}
