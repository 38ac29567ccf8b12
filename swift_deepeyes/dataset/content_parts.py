"""One part of a message's content → text with a tag for a medium, and the medium's own source.

Content in OpenAI's form is a list of parts; Anthropic's and ms-swift's spellings are read as well.
What cannot be read raises: preparation reports it, a rollout goes on without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swift_deepeyes.dataset.media_tags import AUDIO_TAG, IMAGE_TAG, VIDEO_TAG

_TEXT = frozenset({"text", "input_text", "output_text"})
_MEDIA = {
    "image": IMAGE_TAG,
    "image_url": IMAGE_TAG,
    "input_image": IMAGE_TAG,
    "video": VIDEO_TAG,
    "video_url": VIDEO_TAG,
    "audio": AUDIO_TAG,
    "audio_url": AUDIO_TAG,
}
_SOURCE_KEYS = ("image", "image_url", "url", "path", "bytes", "base64", "source")


class ContentPartError(ValueError):
    """A part that is neither text nor a known medium; `str(error)` says what it is."""


class NoTextError(ContentPartError):
    """A part of text without text."""


@dataclass(frozen=True, slots=True)
class ContentPart:
    """A part as text. `tag`: which medium it is, None for text; `image`: an image part's own image.

    `image` is as a column of images would hold it; None: the part only marks an image's place.
    """

    text: str
    tag: str | None = None
    image: object = None


def read_part(part: object) -> ContentPart:
    """Read one part. Raises `ContentPartError`."""
    if isinstance(part, str):
        return ContentPart(part)
    if not isinstance(part, Mapping):
        raise ContentPartError("a part that is no dict")
    kind = str(part.get("type") or ("text" if isinstance(part.get("text"), str) else "image"))
    if kind in _TEXT:
        text = part.get("text")
        if not isinstance(text, str):
            raise NoTextError("a text part without text")
        return ContentPart(text)
    tag = _MEDIA.get(kind)
    if tag is None:
        raise ContentPartError(neither_text_nor_image(kind))
    return ContentPart(tag, tag, _image_of(part) if tag == IMAGE_TAG else None)


def neither_text_nor_image(kind: str) -> str:
    """What is wrong with a part of this type."""
    return f"a part of type {kind!r}, neither text nor image"


def _image_of(part: Mapping[str, Any]) -> object:
    image = next((part[key] for key in _SOURCE_KEYS if part.get(key)), None)  # "": a place, too
    if not isinstance(image, Mapping):
        return image
    if image.get("data"):  # Anthropic's source
        return f"data:{image.get('media_type') or 'image'};base64,{image['data']}"
    if image.get("bytes") or image.get("path"):
        return {key: image.get(key) for key in ("bytes", "path")}
    return image.get("url") or None
