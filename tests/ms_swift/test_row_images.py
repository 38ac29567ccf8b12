"""The check of one image: what is refused, what is enlarged, what is left alone."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from swift_deepeyes.dataset.images import MIN_SIDE, BadImageError, as_entry, checked_image
from tests.dataset import lookalike

PNG = lookalike.png(90, 40)
JPEG = lookalike.jpeg(90, 40)
GIF = lookalike.encoded(Image.effect_noise((90, 40), 60).convert("P"), "GIF")


def size_after_check(content: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(checked_image(as_entry(content))["bytes"])) as image:
        return image.size


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((10, 300), (32, 960)),
        ((300, 10), (960, 32)),
        ((28, 28), (32, 32)),
        ((31, 40), (32, 41)),
        ((5, 1000), (32, 6400)),  # an aspect ratio of exactly 200 is allowed, before and after
        ((3, 599), (32, 6389)),
        ((1, 1), (32, 32)),
        ((32, 6400), (32, 6400)),
    ],
)
def test_small_images_grow_and_keep_their_shape(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    assert size_after_check(lookalike.png(*before)) == after


@pytest.mark.parametrize("size", [(1, 201), (1, 1000), (4000, 10)])
def test_needles_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BadImageError, match="aspect ratio over 200"):
        checked_image(as_entry(lookalike.png(*size)))


def test_large_enough_images_are_the_same_object() -> None:
    entry = {"bytes": JPEG, "path": "original.jpg"}
    assert checked_image(entry) is entry


def test_enlarged_images_are_lossless_and_keep_their_colours() -> None:
    red = Image.new("RGB", (8, 8), (200, 30, 30))
    content = checked_image(as_entry(lookalike.encoded(red, "PNG")))["bytes"]
    with Image.open(BytesIO(content)) as image:
        assert image.format == "PNG"
        assert image.mode == "RGB"
        assert image.getcolors() == [(MIN_SIDE * MIN_SIDE, (200, 30, 30))]


@pytest.mark.parametrize("mode", ["P", "L", "LA", "RGBA", "1", "I;16"])
def test_small_images_of_any_mode_become_rgb(mode: str) -> None:
    assert size_after_check(lookalike.encoded(Image.new(mode, (8, 16)), "PNG")) == (32, 64)


def test_rotation_by_exif_is_left_to_nobody() -> None:
    """ms-swift ignores it, so an enlarged image must keep the pixels' own orientation."""
    exif = Image.Exif()
    exif[0x0112] = 6
    assert size_after_check(lookalike.jpeg(10, 20, exif=exif)) == (32, 64)


def test_a_huge_header_is_refused_before_it_is_decoded() -> None:
    header = bytearray(PNG)
    header[16:24] = (60000).to_bytes(4, "big") * 2
    with pytest.raises(BadImageError, match="unreadable image"):
        checked_image(as_entry(bytes(header)))


@pytest.mark.parametrize("kind", [3, ["a"], None])
def test_other_types_are_refused(kind: object) -> None:
    with pytest.raises(BadImageError, match="must be bytes, a path or base64"):
        as_entry(kind)


@pytest.mark.parametrize("content", [PNG, JPEG], ids=["png", "jpeg"])
def test_every_truncation_is_found(content: bytes) -> None:
    for length in range(1, len(content) - 12):  # the last 12 bytes of a PNG hold no pixels
        with pytest.raises(BadImageError):
            checked_image(as_entry(content[:length]))


@settings(max_examples=300, deadline=None)
@given(
    content=st.sampled_from([PNG, JPEG, GIF]),
    edits=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6)), max_size=6),
)
def test_damaged_bytes_are_passed_on_or_refused(
    content: bytes, edits: list[tuple[float, bytes]]
) -> None:
    damaged = bytearray(content)
    for position, replacement in edits:
        start = int(position * len(damaged))
        damaged[start : start + len(replacement)] = replacement
    try:
        checked_image(as_entry(bytes(damaged)))
    except BadImageError as error:
        assert "\n" not in str(error)
