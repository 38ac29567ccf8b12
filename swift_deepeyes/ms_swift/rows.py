"""Rows on the way in: the three DeepEyes files, and users' files of the same schema.

ms-swift loads the parquet files and calls `DeepEyesRows` on each row. It drops what would stop the
run later (an image that cannot be read, a conversation without a question), naming the row, brings
contents of parts to text and images, and gives every file the same column types, so that several
can be concatenated in one `--dataset a b c`.
"""

from __future__ import annotations

import functools
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from datasets import Dataset, IterableDataset

from swift_deepeyes.counted import counted, which
from swift_deepeyes.dataset.columns import (
    DATA_SOURCE,
    ENV_NAME,
    EXTRA_INFO,
    IMAGES,
    MESSAGES,
    PROMPT,
    STRUCT_KEYS,
    TEXT_COLUMNS,
    TO_MESSAGES,
    TOOLS,
)
from swift_deepeyes.dataset.conversation import (
    BadConversationError,
    ConversationFault,
    as_messages,
    with_text_content,
)
from swift_deepeyes.dataset.encoded_images import with_encoded_images
from swift_deepeyes.dataset.fetch import fetch_image
from swift_deepeyes.dataset.images import BadImageError, as_entry, checked_image
from swift_deepeyes.dataset.published import DATASET_PREFIX
from swift_deepeyes.dataset.references import text_structs
from swift_deepeyes.dataset.values import leaf_text, list_of
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.ms_swift.compat import (
    AutoPreprocessor,
    DatasetMeta,
    MessagesPreprocessor,
    dataset_register,
)
from swift_deepeyes.ms_swift.row_outcome import HARMLESS, Checked, counts, notes
from swift_deepeyes.ms_swift.row_prompt import fills_tools_column, known_form, tell_of_tools
from swift_deepeyes.tools import toolbox_of_row
from swift_deepeyes.tools.family_prompt import PromptForm

logger = logging.getLogger(__name__)

# `datasets` keeps a column's type as long as the new values can be read as it ("7" as a number), so
# the columns are written under their names only after the old ones have been moved out of the way.
RAW = "raw_"
NULLS = RAW + "nulls"  # an env_name that is null in all of the file
NAMED_ROWS = 20
"""Dropped rows that a process names for a file; the others it counts."""
EXPLAINED_ROWS = 1000
"""Rows that are read once more to say why none is left of a file."""
THREADS = 16  # most of a row's time is decoding, without the GIL, or waiting for an address

Row = dict[str, Any]
AnyDataset: TypeAlias = Dataset | IterableDataset


class NoRowsLeftError(DeepEyesError, ValueError):
    """A file of which every row was dropped; the message says why."""


class DeepEyesRows(MessagesPreprocessor):  # type: ignore[misc]  # ms-swift is untyped
    """DeepEyes rows for ms-swift: checked images, `messages` of text, columns of one type.

    A row is dropped, with one error line, where an image is corrupt, empty, missing, not to be had
    at its address or too long and narrow, where the text asks for more images than there are, or
    where no user message is to be answered. A row without a question or without a reference answer
    is kept: a group that nobody can score only gives no gradient. Their number is logged. Where
    nothing is left, `NoRowsLeftError` says what dropped the rows.
    """

    def __init__(self, *, columns: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(columns={**TO_MESSAGES, **(columns or {})}, **kwargs)
        self._processes = 1
        self._named = 0
        self._ahead: Iterator[Checked] | None = None
        self._form: PromptForm | None = None

    def __call__(self, dataset: AnyDataset, **kwargs: Any) -> AnyDataset:
        """All rows of a file. Raises `NoRowsLeftError` and `PromptFormError`."""
        self._form = known_form()
        dataset = self._readable(dataset)
        self._processes = kwargs.get("num_proc") or 1
        self._named = 0
        rows: AnyDataset = super().__call__(dataset, **kwargs)
        if _is_empty(rows):
            raise NoRowsLeftError(self._why_none_is_left(dataset))
        self._named = 0  # a stream's first rows are read again
        return rows

    def examined(self, dataset: AnyDataset) -> list[Checked]:
        """What comes of each row; nothing is logged, and no row is kept."""
        return self._examined_first(self._readable(dataset), None)

    def _readable(self, dataset: AnyDataset) -> AnyDataset:
        dataset = self.get_features_dataset(dataset)
        if {MESSAGES, PROMPT} <= set(dataset.features):
            dataset = dataset.rename_column(PROMPT, RAW + PROMPT)  # it would become messages
        return with_encoded_images(dataset)

    def prepare_dataset(self, dataset: AnyDataset) -> AnyDataset:
        """The file's columns as `preprocess` needs them; no data are copied."""
        raw = [column for column in (*TEXT_COLUMNS, *STRUCT_KEYS) if column in dataset.features]
        names = {column: RAW + column for column in raw}
        if ENV_NAME in names and _is_all_null(dataset, ENV_NAME):
            names[ENV_NAME] = NULLS
        return self._with_tools_column(dataset.rename_columns(names))

    def _with_tools_column(self, dataset: AnyDataset) -> AnyDataset:
        """With a column `tools` where rows will get tools: else the first rows settle its type."""
        is_new = TOOLS not in dataset.features and fills_tools_column(self._form)
        if not is_new or isinstance(dataset, IterableDataset):
            return dataset
        return dataset.add_column(TOOLS, [None] * len(dataset))

    def preprocess(self, row: Row) -> Row | None:
        """One row, ready for training; None drops it."""
        return (self._check(row) if self._ahead is None else next(self._ahead)).row

    def batched_preprocess(self, batched_row: Mapping[str, Any], **kwargs: Any) -> dict[str, Any]:
        """A batch of rows, checked in threads, and one line on what was found in it."""
        batch = dict(batched_row)
        self._remove_prefix_keys(batch, "__@")  # a stream's, see ms-swift
        checked = self._check_batch(self.batched_to_rows(batch))
        self._log(checked)
        self._ahead = iter(checked)  # `preprocess` is called for each row, in order
        try:
            result: dict[str, Any] = super().batched_preprocess(batch, **kwargs)
        finally:
            self._ahead = None
        return result

    def _check_batch(self, rows: list[Row]) -> list[Checked]:
        threads = max(1, min(THREADS, 4 * (os.cpu_count() or 1)) // self._processes)
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(self._check, rows))

    def _check(self, row: Row) -> Checked:
        row = _with_text_columns(row)
        try:
            return self._kept(row)
        except (BadConversationError, BadImageError) as error:
            return Checked(row=None, fault=error.fault, reason=f"{_name(row)}: {error}")
        except Exception as error:  # a shape that nobody thought of costs its row, not the run
            reason = f"{_name(row)}: {type(error).__name__}: {error}"
            return Checked(row=None, fault=ConversationFault.UNREADABLE, reason=reason)

    def _kept(self, row: Row) -> Checked:
        result = self._with_messages(row)
        conversation = with_text_content(result[MESSAGES], list_of(result.get(IMAGES)))
        entries = [as_entry(image) for image in conversation.images]
        images = [checked_image(entry, fetch_image) for entry in entries]
        result |= {MESSAGES: conversation.messages, IMAGES: images}
        rewriting = tell_of_tools(result, self._form)
        changed = [new for old, new in zip(entries, images, strict=True) if new is not old]
        return Checked(result, rewriting + notes(result, bool(changed), self._form))

    def _with_messages(self, row: Row) -> Row:
        """The row with the list of messages that ms-swift makes of what the file has."""
        row[MESSAGES] = as_messages(row.get(MESSAGES))
        try:
            result: Row | None = super().preprocess(row)
        except Exception as error:  # whatever its code meets in a foreign shape
            reason = f"messages that ms-swift cannot read: {type(error).__name__}: {error}"
            raise BadConversationError(ConversationFault.UNREADABLE, reason) from error
        if result is None:
            raise BadConversationError(ConversationFault.NO_MESSAGES)
        return result

    def _log(self, checked: list[Checked]) -> None:
        """Name the dropped rows, up to a number, and count all that was found."""
        dropped = [one for one in checked if one.fault is not None]
        for one in dropped[: NAMED_ROWS - self._named]:
            logger.error("Row dropped: %s", one.reason)
        if self._named < NAMED_ROWS <= self._named + len(dropped):
            logger.error("%d rows were named; further ones are only counted", NAMED_ROWS)
        self._named = min(NAMED_ROWS, self._named + len(dropped))
        noted = Counter(note for one in checked for note in one.notes)
        found = [f"{number} {note}" for note, number in sorted(noted.items())]
        if dropped:
            found.insert(0, f"{len(dropped)} dropped ({counts(dropped)})")
        if found:
            is_harmless = not dropped and set(noted) <= HARMLESS
            level = logging.INFO if is_harmless else logging.WARNING
            logger.log(level, "Of %s: %s", counted(len(checked), "row"), ", ".join(found))

    def _why_none_is_left(self, dataset: AnyDataset) -> str:
        """Reads the first rows once more: the processes that dropped them are gone."""
        checked = self._examined_first(dataset, EXPLAINED_ROWS)
        dropped = [one for one in checked if one.fault is not None]
        if not dropped:
            return "the dataset has no rows"
        examples = {str(one.fault): one.reason for one in reversed(dropped)}
        return (
            f"no row of the dataset is left. Of its first {counted(len(checked), 'row')} "
            f"{which(len(dropped), 'was', 'were')} dropped: "
            f"{counts(dropped)}. For example {'; '.join(examples.values())}. Paths of images "
            "count from the working directory, then from ROOT_IMAGE_DIR."
        )

    def _examined_first(self, dataset: AnyDataset, number: int | None) -> list[Checked]:
        for columns in (self.origin_columns, self.columns):
            dataset = self.safe_rename_columns(dataset, columns)
        return self._check_batch(list(islice(self.prepare_dataset(dataset), number)))


def install_row_preprocessor() -> None:
    """Give every dataset that is registered as `deepeyes_…` the `DeepEyesRows`. Idempotent.

    `--custom_dataset_info` is read after the plugin is loaded and cannot name a preprocessor, and a
    name that the plugin registered first would then collide. So the plugin wraps the function that
    the JSON entries go through. Where this is not installed they still load, unchecked.
    """
    register = dataset_register.register_dataset
    if getattr(register, "gives_deepeyes_rows", False):
        return
    dataset_register.register_dataset = _giving_deepeyes_rows(register)


def register_rows(name: str, path: str | Path) -> None:
    """Register a parquet file of the DeepEyes schema under `name`, from Python."""
    meta = DatasetMeta(
        dataset_name=name,
        dataset_path=str(Path(path).expanduser().resolve()),
        preprocess_func=DeepEyesRows(),
    )
    dataset_register.register_dataset(meta, exist_ok=True)


def _giving_deepeyes_rows(register: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(register)
    def register_with_rows(dataset_meta: DatasetMeta, **kwargs: Any) -> None:
        automatic = dataset_meta.preprocess_func
        named = (dataset_meta.dataset_name or "").startswith(DATASET_PREFIX)
        if named and isinstance(automatic, AutoPreprocessor):
            dataset_meta.preprocess_func = DeepEyesRows(columns=automatic.columns)
        register(dataset_meta, **kwargs)

    register_with_rows.gives_deepeyes_rows = True  # type: ignore[attr-defined]
    return register_with_rows


def _with_text_columns(row: Row) -> Row:
    row = dict(row)
    is_known = _tells_toolbox(row)
    for column in TEXT_COLUMNS:
        row[column] = leaf_text(row.pop(RAW + column, row.get(column)))
    for column in STRUCT_KEYS:
        row[column] = row.pop(RAW + column, row.get(column))
    if not is_known:
        row[ENV_NAME] = None
    return row | text_structs(
        row, lambda column, struct: dict.fromkeys([*STRUCT_KEYS[column], *struct])
    )


def _tells_toolbox(row: Row) -> bool:
    """Whether a row says which tools it has; else `env_name` stays None, and the prompt decides.

    A column that is not there says nothing: as "" it would mean that there is no tool. A column of
    nothing but nulls, as files are written that were joined without it, says nothing against a
    prompt that announces a tool.
    """
    if NULLS in row:
        del row[NULLS]
        return toolbox_of_row(None, f"{row.get(MESSAGES)} {row.get(TOOLS)}") is None
    return ENV_NAME in row or RAW + ENV_NAME in row


def _is_all_null(dataset: AnyDataset, column: str) -> bool:
    if isinstance(dataset, IterableDataset):  # its rows are not read yet
        return bool(dataset.features[column].dtype == "null")
    return bool(dataset.data.column(column).null_count == dataset.data.num_rows)


def _name(row: Row) -> str:
    """How a dropped row is called: its index, or the words it asks with."""
    index = row[EXTRA_INFO]["index"]
    name = f"extra_info.index={index!r} data_source={row[DATA_SOURCE]!r}"
    return name if index else f"{name} messages=…{str(row.get(MESSAGES))[-120:]!r}"


def _is_empty(dataset: AnyDataset) -> bool:
    if isinstance(dataset, IterableDataset):
        return next(iter(dataset), None) is None
    return len(dataset) == 0
