"""One row of a benchmark's file, read field by field; what is not as published is named."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from swift_deepeyes.episode.view import UnreadableImageError
from swift_deepeyes.evaluation.question import BenchmarkError, Unpack
from swift_deepeyes.frozen import valid_text

_REMOTE = ("http://", "https://")
_LONGEST_PATH = 1024  # characters; longer text is an encoded image


@dataclass(frozen=True, slots=True)
class Row:
    """A row (counted from 1) of `file`; `published`: how it should look.

    All methods raise `BenchmarkError`, which names file, row and field.
    """

    file: Path
    number: int
    fields: Mapping[str, object]
    published: str

    def error(self, problem: str) -> BenchmarkError:
        """An error about this row."""
        return BenchmarkError(f"{self.where}: {problem}. {self.published}")

    @property
    def where(self) -> str:
        """The row's place, for messages."""
        return f"{self.file}, row {self.number}"

    def has(self, name: str) -> bool:
        """Whether a field is there and not empty (None, NaN, no text)."""
        value = self.fields.get(name)
        return not (value is None or value == "" or _is_nan(value))

    def value(self, name: str) -> object:
        """A field that must be there."""
        if name not in self.fields:
            names = ", ".join(repr(field) for field in self.fields)
            raise self.error(f"there is no field {name!r} (there are {names or 'none'})")
        if not self.has(name):
            raise self.error(f"the field {name!r} is empty")
        return self.fields[name]

    def text(self, name: str) -> str:
        """A field that is text or a whole number, as text without space around it."""
        return self._as_text(self.value(name), name)

    def texts(self, name: str) -> list[str]:
        """A field that is a list of texts."""
        value = self.value(name)
        if not isinstance(value, list) or not value:
            raise self.error(f"the field {name!r} must be a list of texts, not {_told(value)}")
        return [self._as_text(entry, name) for entry in value]

    def image(self, name: str, folder: Path, unpack: Unpack) -> Path:
        """The file of an image that is embedded, or that lies in `folder`."""
        return self._image(self.value(name), name, folder, unpack)

    def images(self, name: str, folder: Path, unpack: Unpack) -> tuple[Path, ...]:
        """As `image`, for a field that holds one image or a list of them."""
        value = self.value(name)
        values = value if isinstance(value, list) else [value]
        if not values:
            raise self.error(f"the field {name!r} is empty")
        return tuple(self._image(entry, name, folder, unpack) for entry in values)

    def _image(self, value: object, name: str, folder: Path, unpack: Unpack) -> Path:
        """One image: bytes, base64, a path, or a struct of `bytes` and `path`."""
        if isinstance(value, Mapping):
            value = value.get("bytes") or value.get("path")
        if isinstance(value, str):
            if value.startswith(_REMOTE):
                raise self.error(f"the image in {name!r} is an address: download it first")
            if _is_path(value):
                return folder / valid_text(value)
            value = self._decoded(value, name)
        if not isinstance(value, bytes) or not value:
            raise self.error(f"the field {name!r} holds no image but {_told(value)}")
        try:
            return unpack(value)
        except UnreadableImageError as error:
            raise self.error(f"the image in {name!r} cannot be opened ({error})") from None

    def _decoded(self, text: str, name: str) -> bytes:
        try:
            return base64.b64decode(text.rpartition(";base64,")[2], validate=True)
        except (binascii.Error, ValueError):
            raise self.error(
                f"the field {name!r} is neither a path nor an image as base64"
            ) from None

    def _as_text(self, value: object, name: str) -> str:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.error(f"the field {name!r} must be text, not {_told(value)}")
        text = valid_text(str(value)).strip()
        if not text:
            raise self.error(f"the field {name!r} is empty")
        return text


def _is_path(text: str) -> bool:
    """Base64 has no dot, and an image file's name has one."""
    return len(text) <= _LONGEST_PATH and "." in text and not text.startswith("data:")


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _told(value: object) -> str:
    told = repr(value) if isinstance(value, str | int | float) else type(value).__name__
    return told if len(told) <= 60 else told[:59] + "…"
