"""The columns of the data: what a source file may look like, and what every prepared file is.

All leaves outside the images are text, so that any prepared files concatenate: `extra_info.index`
is text in one published file and a number in another.
"""

from __future__ import annotations

import pyarrow as pa

from swift_deepeyes.dataset.struct_columns import STRUCT_KEYS
from swift_deepeyes.preparation.choices import UnknownColumns
from swift_deepeyes.preparation.errors import PrepareError
from swift_deepeyes.preparation.recipe import Recipe

ENV_NAME = "env_name"
TEXT_COLUMNS = ("data_source", "ability", ENV_NAME)
IMAGES = "images"
IMAGE_COLUMNS = (IMAGES, "image")
CONVERSATIONS = ("messages", "prompt", "conversations", "conversation")  # the first that is there
KNOWN = (*TEXT_COLUMNS, *CONVERSATIONS, *IMAGE_COLUMNS, *STRUCT_KEYS)

IMAGE_BYTES_PATH = f"{IMAGES}.list.element.bytes"
"""Parquet's path of the encoded images within a prepared file."""


def conversation_column(schema: pa.Schema, file_name: str) -> str:
    """The column with the conversation, whose parts may hold the images.

    Raises `PrepareError` where there is none.
    """
    found = [name for name in CONVERSATIONS if name in schema.names]
    if not found:
        raise PrepareError(
            f"{file_name}: needs the columns prompt (or messages, conversations) and images, and "
            f"has {', '.join(schema.names) or 'none'}"
        )
    return found[0]


def unknown_columns(schema: pa.Schema) -> tuple[str, ...]:
    """Columns, and keys of structs as `struct.key`, that the data's schema does not have."""
    unknown = [name for name in schema.names if name not in KNOWN]
    for column, keys in STRUCT_KEYS.items():
        if column in schema.names and pa.types.is_struct(schema.field(column).type):
            names = [field.name for field in schema.field(column).type]
            unknown += [f"{column}.{name}" for name in names if name not in keys]
    return tuple(unknown)


def kept_unknown(schema: pa.Schema, recipe: Recipe) -> tuple[str, ...]:
    """The unknown columns that the prepared file has."""
    return unknown_columns(schema) if recipe.unknown_columns is UnknownColumns.KEEP else ()


def struct_keys(column: str, extra: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of a struct column in the prepared file."""
    prefix = f"{column}."
    more = tuple(name.removeprefix(prefix) for name in extra if name.startswith(prefix))
    return STRUCT_KEYS[column] + more


def output_schema(schema: pa.Schema, recipe: Recipe) -> pa.Schema:
    """The schema of the prepared file: the same for every file but for the kept unknown columns."""
    extra = kept_unknown(schema, recipe)
    text = pa.string()
    message = pa.struct([("role", text), ("content", text)])
    image = pa.struct([("bytes", pa.binary()), ("path", text)])
    fields = [pa.field(name, text) for name in TEXT_COLUMNS]
    fields.append(pa.field(str(recipe.prompt_column), pa.list_(message)))
    fields.append(pa.field(IMAGES, pa.list_(image)))
    for column in STRUCT_KEYS:
        keys = struct_keys(column, extra)
        fields.append(pa.field(column, pa.struct([(key, text) for key in keys])))
    fields += [schema.field(name).with_metadata(None) for name in extra if name in schema.names]
    return pa.schema(fields)
