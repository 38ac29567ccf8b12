"""The tags that stand for media in a text."""

from __future__ import annotations

IMAGE_TAG = "<image>"

# ms-swift replaces these in any text by the next image, video, … of the row.
_MEDIA_TAGS = (IMAGE_TAG, "<video>", "<audio>", "<bbox>", "<ref-object>")


def without_media_tags(text: str) -> str:
    """The text with media tags made harmless, so that none of them takes an image's place."""
    for tag in _MEDIA_TAGS:
        text = text.replace(tag, tag[1:-1])
    return text
