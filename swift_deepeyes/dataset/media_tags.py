"""The tags that stand for media in a text."""

from __future__ import annotations

IMAGE_TAG, VIDEO_TAG, AUDIO_TAG = "<image>", "<video>", "<audio>"

MEDIA_TAGS = (IMAGE_TAG, VIDEO_TAG, AUDIO_TAG, "<bbox>", "<ref-object>")
"""ms-swift replaces these in any text by the next image, video, … of the row."""


def without_media_tags(text: str) -> str:
    """The text with media tags made harmless, so that none of them takes an image's place."""
    for tag in MEDIA_TAGS:
        text = text.replace(tag, tag[1:-1])
    return text
