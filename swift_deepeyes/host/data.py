"""Rows on the way in: the three DeepEyes files, and users' files of the same schema.

ms-swift loads the parquet files and calls `DeepEyesRows` on each row. It drops what would stop the
run later (an image that cannot be read), naming the row, and gives every file the same column
types, so that several can be concatenated in one `--dataset a b c`.
"""

from __future__ import annotations

import functools
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import datasets
from datasets import Dataset, Features, Image, IterableDataset, LargeList

from swift_deepeyes.core.image_check import BadImageError, as_entry, checked_image
from swift_deepeyes.host.ms_swift import (
    AutoPreprocessor,
    DatasetMeta,
    MessagesPreprocessor,
    dataset_register,
)
from swift_deepeyes.tools import toolbox_of_row

logger = logging.getLogger(__name__)

DATASET_PREFIX = "deepeyes_"
COLUMNS = {"prompt": "messages"}

# These keys are there in every row of every file, as text, so that Arrow sees one type for all.
TEXT_COLUMNS = ("data_source", "env_name", "ability")
STRUCT_KEYS = {
    "reward_model": ("style", "ground_truth"),
    "extra_info": ("split", "index", "answer", "question"),
}
# `datasets` keeps a column's type as long as the new values can be read as it ("7" as a number), so
# the columns are written under their names only after the old ones have been moved out of the way.
RAW = "raw_"
ENV_NAME = "env_name"
NULLS = RAW + "nulls"  # an env_name that is null in all of the file
IMAGE_TAG = "<image>"
ENLARGED = "enlarged"

# Before version 4 of `datasets` a list is a `Sequence`, or a Python list with the type in it.
LISTS = (getattr(datasets, "List", datasets.Sequence), LargeList)

Row = dict[str, Any]
AnyDataset: TypeAlias = Dataset | IterableDataset


class BadRowError(ValueError):
    """A row that cannot be trained on; the message is the reason."""


class DeepEyesRows(MessagesPreprocessor):  # type: ignore[misc]  # ms-swift is untyped
    """DeepEyes rows for ms-swift: checked images, `messages`, columns of one type.

    A row is dropped, with one error line, where an image is corrupt, empty, missing or too long and
    narrow, or where the text asks for more images than there are. A row without a question or
    without a reference answer is kept: the question is in the messages too, and a group that nobody
    can score only gives no gradient. Their number is logged.
    """

    def __init__(self, *, columns: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(columns={**COLUMNS, **(columns or {})}, **kwargs)
        self._counts: Counter[str] = Counter()

    def __call__(self, dataset: AnyDataset, **kwargs: Any) -> AnyDataset:
        """All rows of a file. Before anything else, its images are left encoded."""
        dataset = _with_encoded_images(self.get_features_dataset(dataset))
        rows: AnyDataset = super().__call__(dataset, **kwargs)
        return rows

    def prepare_dataset(self, dataset: AnyDataset) -> AnyDataset:
        """The file's columns as `preprocess` needs them; no data are copied."""
        raw = [column for column in (*TEXT_COLUMNS, *STRUCT_KEYS) if column in dataset.features]
        names = {column: RAW + column for column in raw}
        if ENV_NAME in names and _is_all_null(dataset, ENV_NAME):
            names[ENV_NAME] = NULLS
        return dataset.rename_columns(names)

    def preprocess(self, row: Row) -> Row | None:
        """One row, ready for training; None drops it."""
        row = _with_text_columns(row)
        try:
            return self._checked(row)
        except (BadRowError, BadImageError) as error:
            logger.error(
                "Row dropped: extra_info.index=%r data_source=%r: %s",
                row["extra_info"]["index"],
                row["data_source"],
                error,
            )
            self._counts["dropped"] += 1
            return None

    def batched_preprocess(self, batched_row: Mapping[str, Any], **kwargs: Any) -> dict[str, Any]:
        """A batch of rows, and one line on what was found in it."""
        self._counts.clear()
        result: dict[str, Any] = super().batched_preprocess(batched_row, **kwargs)
        found = {what: number for what, number in sorted(self._counts.items()) if number}
        if found:
            total = len(next(iter(batched_row.values())))
            level = logging.INFO if set(found) == {ENLARGED} else logging.WARNING
            text = ", ".join(f"{number} {what}" for what, number in found.items())
            logger.log(level, "Of %d rows: %s", total, text)
        return result

    def _checked(self, row: Row) -> Row:
        result: Row | None = super().preprocess(row) if row.get("messages") else None
        if result is None:
            raise BadRowError("no messages")
        images = [as_entry(image) for image in _as_list(result.get("images"))]
        tags = sum(str(message["content"]).count(IMAGE_TAG) for message in result["messages"])
        if tags > len(images):
            raise BadRowError(f"{tags} {IMAGE_TAG} tags for {len(images)} images")
        result["images"] = [checked_image(image) for image in images]
        self._counts[ENLARGED] += any(
            new is not old for old, new in zip(images, result["images"], strict=True)
        )
        self._counts["without a question"] += not result["extra_info"]["question"]
        self._counts["without a reference answer"] += not result["reward_model"]["ground_truth"]
        return result


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


def _with_encoded_images(dataset: AnyDataset) -> AnyDataset:
    """Leave images encoded: decoded by `datasets`, one corrupt image would end the loading."""
    if isinstance(dataset, IterableDataset):
        return dataset.decode(False)
    features = Features({key: _encoded(value) for key, value in dataset.features.items()})
    if features == dataset.features:
        return dataset
    info = dataset.info.copy()
    info.features = features
    # A new view of the same table; `Dataset.cast` would write gigabytes of images once more.
    return Dataset(dataset.data, info=info, split=dataset.split, indices_table=dataset._indices)


def _encoded(feature: Any) -> Any:
    """The feature with `Image` left undecoded, at any depth of lists."""
    if isinstance(feature, Image):
        return Image(decode=False)
    if isinstance(feature, list):
        return [_encoded(feature[0])]
    if isinstance(feature, LISTS):
        return type(feature)(_encoded(feature.feature))
    return feature


def _with_text_columns(row: Row) -> Row:
    row = dict(row)
    is_known = _tells_toolbox(row)
    for column in TEXT_COLUMNS:
        row[column] = _as_text(row.pop(RAW + column, row.get(column)))
    for column, keys in STRUCT_KEYS.items():
        struct = _as_struct(row.pop(RAW + column, row.get(column)))
        row[column] = {key: _as_text(struct.get(key)) for key in dict.fromkeys([*keys, *struct])}
    if not is_known:
        row[ENV_NAME] = None
    return row


def _tells_toolbox(row: Row) -> bool:
    """Whether a row says which tools it has; else `env_name` stays None, and the prompt decides.

    A column that is not there says nothing: as "" it would mean that there is no tool. A column of
    nothing but nulls, as files are written that were joined without it, says nothing against a
    prompt that announces a tool.
    """
    if NULLS in row:
        del row[NULLS]
        return toolbox_of_row(None, f"{row.get('messages')} {row.get('tools')}") is None
    return ENV_NAME in row or RAW + ENV_NAME in row


def _is_all_null(dataset: AnyDataset, column: str) -> bool:
    if isinstance(dataset, IterableDataset):  # its rows are not read yet
        return bool(dataset.features[column].dtype == "null")
    return bool(dataset.data.column(column).null_count == dataset.data.num_rows)


def _as_struct(value: object) -> Mapping[str, Any]:
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return {}
    return value if isinstance(value, Mapping) else {}


def _as_text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _as_list(value: object) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
