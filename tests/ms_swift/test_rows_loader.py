"""The check of an image and the trainer's loader agree: what is kept opens, what raises is dropped.

The loader is the real one: ms-swift's `load_image`, then the view that the model's family makes.
"""

from __future__ import annotations

import base64
import struct
import warnings
import zlib
from pathlib import Path

import pytest
from PIL import Image
from swift.template.vision_utils import load_image

from swift_deepeyes.dataset.images import BadImageError, ImageFault, as_entry, checked_image
from swift_deepeyes.episode.view import ViewRecipe
from swift_deepeyes.preparation.images import SizeLimits, treat
from tests.dataset import lookalike
from tests.dataset.loading import indices, load_rows
from tests.dataset.loading import log as log_fixture
from tests.dataset.loading import own_registry as registry_fixture

log, own_registry = log_fixture, registry_fixture
PNG, JPEG = lookalike.png(300, 200), lookalike.jpeg(300, 200)
RGB = Image.effect_noise((64, 48), 60).convert("RGB")


def header_of(width: int, height: int) -> bytes:
    return (
        b"\x89PNG\r\n\x1a\n"
        + lookalike.chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + lookalike.chunk(b"IDAT", zlib.compress(b""))
        + lookalike.chunk(b"IEND", b"")
    )


def palette(transparency: object) -> bytes:
    return lookalike.encoded(RGB.convert("P"), "PNG", transparency=transparency)


def frames(kind: str) -> bytes:
    more = [Image.effect_noise((64, 48), 20).convert("RGB")]
    return lookalike.encoded(RGB, kind, save_all=True, append_images=more)


ZOO = {
    "png": PNG,
    "jpeg": JPEG,
    "text_bomb": lookalike.text_bomb(),
    "international_text_bomb": lookalike.text_bomb(b"iTXt"),
    "many_texts": lookalike.png_with(b"".join([lookalike.text_bomb(size=10)[-40:-12]] * 3)),
    "text_within_the_limit": lookalike.text_bomb(size=2**19),
    "cut_pixel_stream": lookalike.cut_stream(),
    "half_the_rows": lookalike.png_of(
        zlib.compress(lookalike.PIXELS[: len(lookalike.PIXELS) // 2])
    ),  # Pillow leaves the rest black
    "no_zlib": lookalike.png_of(lookalike.PIXELS),
    "no_pixels": header_of(64, 48),
    "png_bomb_by_size": header_of(20_000, 20_000),
    "jpeg_half": JPEG[: len(JPEG) // 2],
    "jpeg_without_end": JPEG[:-2],
    "jpeg_header": JPEG[:200],
    "gif": lookalike.encoded(RGB.convert("P"), "GIF"),
    "animated_gif": frames("GIF"),
    "half_a_gif": frames("GIF")[:900],
    "webp": lookalike.encoded(RGB, "WEBP"),
    "animated_webp": frames("WEBP"),
    "half_a_webp": lookalike.encoded(RGB, "WEBP", lossless=True)[:1500],
    "animated_png": frames("PNG"),
    "tiff": lookalike.encoded(RGB, "TIFF"),
    "tiff_lzw": lookalike.encoded(RGB, "TIFF", compression="tiff_lzw"),
    "pages_of_tiff": frames("TIFF"),
    "half_a_tiff": lookalike.encoded(RGB, "TIFF")[:2000],
    "bmp": lookalike.encoded(RGB, "BMP"),
    "half_a_bmp": lookalike.encoded(RGB, "BMP")[:3000],
    "icon": lookalike.encoded(RGB, "ICO"),
    "jpeg_2000": lookalike.encoded(RGB, "JPEG2000"),
    "sixteen_bit": lookalike.encoded(Image.new("I;16", (64, 48), 40_000), "PNG"),
    "thirty_two_bit": lookalike.encoded(Image.new("I", (64, 48), 70_000), "TIFF"),
    "floats": lookalike.encoded(Image.new("F", (64, 48), 0.5), "TIFF"),
    "cmyk": lookalike.encoded(RGB.convert("CMYK"), "JPEG"),
    "lab": lookalike.encoded(RGB.convert("LAB"), "TIFF"),
    "bits": lookalike.encoded(RGB.convert("1"), "PNG"),
    "grey_and_alpha": lookalike.encoded(RGB.convert("LA"), "PNG"),
    "palette_one_transparent": palette(3),
    "palette_transparencies": palette(bytes(range(200))),
    "one_pixel": lookalike.png(1, 1),
    "needle": lookalike.png(1, 201),
    "long": lookalike.png(32, 6400),
    "html": b"<html>404</html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"></svg>',
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n",
    "ppm_too_short": b"P6 64 48 255\n" + bytes(100),
    "zeros": bytes(1000),
}
RECIPE = ViewRecipe(14, fetch_options={"max_pixels": 401_408})


def trains(content: object) -> bool:
    """Whether the trainer's own code opens it, and the model has a view of it."""
    try:
        RECIPE.view(load_image(content))
    except Exception:
        return False
    return True


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.filterwarnings("ignore")
def test_what_is_kept_trains_and_what_would_raise_is_dropped(name: str) -> None:
    content = ZOO[name]
    prepared = treat(content, SizeLimits(min_side=32))
    try:
        kept = checked_image(as_entry(content))["bytes"]
    except BadImageError as error:
        assert not trains(content)
        assert prepared.fault in (ImageFault.UNREADABLE, ImageFault.THIN)
        assert len(str(error)) < 400 and "\n" not in str(error)
    else:
        assert trains(kept) and prepared.fault is None


def test_the_zoo_has_both_kinds() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dying = {name for name, content in ZOO.items() if not trains(content)}
    assert {"text_bomb", "cut_pixel_stream", "png_bomb_by_size", "jpeg_half", "svg"} <= dying
    assert {"text_within_the_limit", "sixteen_bit", "pages_of_tiff", "animated_webp"}.isdisjoint(
        dying
    )


def test_texts_that_hold_or_name_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.png").write_bytes(PNG)
    Path("empty.png").touch()
    Path("folder.png").mkdir()
    small = base64.b64encode(lookalike.encoded(Image.new("RGB", (40, 40)), "PNG")).decode()
    assert len(small) < 2000  # not long enough to be no path
    lines = base64.encodebytes(PNG).decode()
    texts = {
        "a.png": True,
        " a.png ": True,
        small: True,
        lines: True,
        f"data:image/png;base64,{small}": True,
        "data:image/png;base64,": False,
        f"data:image/png,{small}": False,
        small[:-40]: False,
        "empty.png": False,
        "folder.png": False,
        "no/such.png": False,
        "a" * 300: False,  # longer than a file's name may be
        "a\0.png": False,
        "~nobody/a.png": False,
        "": False,
    }
    for text, is_good in texts.items():
        assert trains(text) is is_good, text[:50]
        try:
            checked_image(as_entry(text))
        except BadImageError:
            assert not is_good, text[:50]
        else:
            assert is_good, text[:50]


def test_bytes_that_are_text_are_read_as_text() -> None:
    text = base64.b64encode(PNG).decode()
    assert checked_image(as_entry({"bytes": text, "path": None}))["path"] == text


def test_too_long_for_the_pixels_that_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`fetch_image` rounds the short side down to whole cells, and then asks for a side of 0."""
    long = lookalike.png(4000, 40)
    recipe = ViewRecipe(14, fetch_options={"max_pixels": 50_176})
    with pytest.raises(ValueError):
        recipe.view(load_image(long))
    monkeypatch.setenv("MAX_PIXELS", "50176")
    with pytest.raises(BadImageError, match="MAX_PIXELS=50176"):
        checked_image(as_entry(long))
    monkeypatch.setenv("MAX_PIXELS", "602112")
    checked_image(as_entry(long))


def test_the_rows_of_a_file(tmp_path: Path, log: object) -> None:
    rows = [lookalike.row("vstar", name, image=image) for name, image in ZOO.items()]
    kept = indices(load_rows(tmp_path, rows))
    assert "png" in kept and not {"text_bomb", "cut_pixel_stream"} & set(kept)
    assert "index='text_bomb'" in log() and "index='cut_pixel_stream'" in log()  # type: ignore[operator]
