"""One image: checked, enlarged, reduced, or passed through byte for byte."""

from __future__ import annotations

import random
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops
from pytest_httpserver import HTTPServer

from swift_deepeyes.dataset.images import ImageFault
from swift_deepeyes.preparation.images import (
    ImageJob,
    PreparedImage,
    SizeLimits,
    do_jobs,
    fitted_size,
    resized,
    treat,
)
from tests.dataset import lookalike

OPEN = SizeLimits(min_side=32)
SIDES = st.integers(1, 20_000)


def opened(picture: PreparedImage) -> Image.Image:
    assert picture.changed is not None
    return Image.open(BytesIO(picture.changed["bytes"]))


@given(SIDES, SIDES, st.integers(32, 5000), st.integers(1024, 10_000_000))
def test_sizes_keep_to_the_limits_and_the_shape(
    width: int, height: int, max_side: int, max_pixels: int
) -> None:
    after = fitted_size((width, height), SizeLimits(32, max_side, max_pixels))
    assert min(after) >= 32
    if min(after) > 32:
        assert max(after) <= max_side
        assert after[0] * after[1] <= max_pixels
        assert after[0] / after[1] == pytest.approx(width / height, rel=0.05)
    if min(width, height) >= 32 and max(width, height) <= max_side <= max_pixels / max_side:
        assert after == (width, height)


@pytest.mark.parametrize(
    ("before", "limits", "after"),
    [
        ((20, 100), OPEN, (32, 160)),
        ((28, 28), SizeLimits(min_side=28), (28, 28)),
        ((4000, 3000), SizeLimits(32, max_side=2000), (2000, 1500)),
        ((4000, 1000), SizeLimits(32, max_pixels=1_000_000), (2000, 500)),
        ((4000, 3000), SizeLimits(32, 2000, 750_000), (1000, 750)),
        # Reduced no further than to the least side: the model could not see it at all.
        ((10_000, 100), SizeLimits(32, max_side=1000), (3200, 32)),
    ],
)
def test_examples_of_sizes(
    before: tuple[int, int], limits: SizeLimits, after: tuple[int, int]
) -> None:
    assert fitted_size(before, limits) == after


def test_an_image_within_the_limits_does_not_travel_back() -> None:
    picture = treat({"bytes": lookalike.png(64, 48), "path": None}, OPEN)
    assert picture.changed is None
    assert picture.before == picture.after == (64, 48)
    assert len(picture.digest) == 16


def test_a_reduced_jpeg_stays_one_and_a_reduced_png_too() -> None:
    limits = SizeLimits(32, max_side=50)
    assert opened(treat(lookalike.jpeg(100, 80), limits)).format == "JPEG"
    reduced = opened(treat(lookalike.png(100, 80, mode="P"), limits))
    assert (reduced.format, reduced.mode, reduced.size) == ("PNG", "RGB", (50, 40))


def test_an_enlarged_jpeg_stays_one_where_that_is_smaller() -> None:
    buffer = BytesIO()
    random_pixels = Image.frombytes("RGB", (30, 60), random.Random(0).randbytes(30 * 60 * 3))
    random_pixels.save(buffer, format="JPEG", quality=90)
    changed = treat(buffer.getvalue(), OPEN)
    assert (opened(changed).format, opened(changed).size) == ("JPEG", (32, 64))
    assert changed.jpeg_error is not None and 0 < changed.jpeg_error.mean < 12
    lossless = resized(Image.open(BytesIO(buffer.getvalue())), (32, 64))
    worst = ImageChops.difference(lossless, opened(changed)).getextrema()
    assert changed.jpeg_error.largest == max(high for _, high in worst)
    one_colour = BytesIO()
    Image.new("RGB", (400, 300), "navy").save(one_colour, format="JPEG")
    flat = treat(one_colour.getvalue(), SizeLimits(32, max_side=200))
    assert (opened(flat).format, flat.jpeg_error) == ("PNG", None)


@pytest.mark.parametrize(
    ("image", "fault"),
    [
        (b"", ImageFault.MISSING),
        (None, ImageFault.MISSING),
        (3, ImageFault.MISSING),
        ({"bytes": None, "path": "no/such.png"}, ImageFault.MISSING),
        (b"<html>404</html>", ImageFault.UNREADABLE),
        (lookalike.png(300, 300)[:-300], ImageFault.UNREADABLE),
        (lookalike.jpeg(300, 300)[:-300], ImageFault.UNREADABLE),
        (lookalike.png(1, 201), ImageFault.THIN),
    ],
)
def test_what_cannot_be_trained_on_is_named(image: object, fault: ImageFault) -> None:
    picture = treat(image, OPEN)
    assert picture.fault is fault
    assert picture.reason and picture.changed is None


@settings(max_examples=150, deadline=None)
@given(
    content=st.sampled_from([lookalike.png(90, 60), lookalike.jpeg(90, 60)]),
    edits=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6)), max_size=4),
)
def test_damaged_bytes_never_stop_the_work(
    content: bytes, edits: list[tuple[float, bytes]]
) -> None:
    damaged = bytearray(content)
    for position, replacement in edits:
        start = int(position * len(damaged))
        damaged[start : start + len(replacement)] = replacement
    picture = treat({"bytes": bytes(damaged), "path": None}, SizeLimits(32, max_side=50))
    assert (picture.fault is None) == (picture.after is not None and max(picture.after) <= 50)


def test_what_an_address_holds_goes_into_the_row(httpserver: HTTPServer) -> None:
    content = lookalike.png(64, 48)
    httpserver.expect_request("/a.png").respond_with_data(content)
    httpserver.expect_request("/gone.png").respond_with_data(b"", status=404)
    picture = treat(httpserver.url_for("/a.png"), OPEN)
    assert picture.changed == {"bytes": content, "path": None} and picture.after == (64, 48)
    reduced = treat({"bytes": None, "path": httpserver.url_for("/a.png")}, SizeLimits(32, 50))
    assert opened(reduced).size == (50, 37)
    gone = treat(httpserver.url_for("/gone.png"), OPEN)
    assert gone.fault is ImageFault.MISSING and "HTTP status 404" in gone.reason


def test_jobs_keep_their_order_and_their_limits() -> None:
    rng = random.Random(0)
    images = [lookalike.png(rng.randrange(41, 50), 40) for _ in range(4)]
    jobs = [ImageJob(images[:1], OPEN), ImageJob([], OPEN), ImageJob(images, SizeLimits(32, 40))]
    done = do_jobs(jobs)
    assert [len(pictures) for pictures in done] == [1, 0, 4]
    assert done[0][0].changed is None
    assert all(max(picture.after or ()) == 40 for picture in done[2])


def test_the_worker_is_light() -> None:
    """Every worker pays for what this module imports."""
    import subprocess
    import sys

    program = (
        "import sys, swift_deepeyes.preparation.images; "
        "print([m for m in ('pyarrow', 'numpy', 'torch', 'pydantic', 'datasets') "
        "if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run
