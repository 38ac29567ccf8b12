"""The work on images: check, enlarge, reduce, in worker processes that give it back in order.

Imports Pillow and nothing of weight, because every worker pays for it. An image within the limits
passes through byte for byte. One that must change becomes a PNG, or stays the JPEG that it was
where that is smaller: at quality 95 and full colour resolution (4:4:4) its pixels differ from the
PNG's by 0.3 levels of 255 in the mean on charts and by 2 on photographs with noise (measured; each
file's own figures are in the report).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from hashlib import blake2b
from io import BytesIO
from multiprocessing.connection import wait
from types import TracebackType
from typing import NamedTuple, TypeVar

from PIL import Image, ImageChops, ImageStat

from swift_deepeyes.dataset.fetch import fetch_image
from swift_deepeyes.dataset.images import (
    BadImageError,
    Entry,
    ImageFault,
    as_entry,
    decoded,
    enlarged_size,
    is_remote,
    is_thin,
    read_image,
)
from swift_deepeyes.errors import PrepareError

JPEG_QUALITY = 95
SMALL_PIXELS = 2**16  # a JPEG's tables alone take 600 bytes
FLAT_BITS_PER_PIXEL = 1  # of a JPEG; a chart of lines and bars has 1.6, a photograph 3 to 6
PNG_LEVEL = 4  # measured on charts: a third faster than 6, and 1 % larger
DIGEST_BYTES = 16
MAX_WAITING_BYTES = 64 * 2**20
"""Encoded images that are read and not yet treated: bounds memory whatever the image size."""

Given = TypeVar("Given")


class SizeLimits(NamedTuple):
    """Sizes in pixels that an image is brought into; None: no limit."""

    min_side: int
    max_side: int | None = None
    max_pixels: int | None = None


class JpegError(NamedTuple):
    """How far a JPEG's pixels are from the lossless ones, in levels of 255: mean and largest."""

    mean: float
    largest: int


class PreparedImage(NamedTuple):
    """What became of one image. Sizes are (width, height), None where it was not looked at.

    `jpeg_error`: of an image that was changed and stayed a JPEG.
    """

    digest: bytes
    changed: Entry | None = None  # None: as it was; its bytes do not travel back
    before: tuple[int, int] | None = None
    after: tuple[int, int] | None = None
    fault: ImageFault | None = None
    reason: str = ""
    jpeg_error: JpegError | None = None


class ImageJob(NamedTuple):
    """The images of one row, and the limits of its data source."""

    images: Sequence[object]
    limits: SizeLimits


def do_jobs(jobs: Sequence[ImageJob]) -> list[list[PreparedImage]]:
    """What became of the images of several rows, in order. Nothing that an image holds raises."""
    return [[treat(image, job.limits) for image in job.images] for job in jobs]


def treat(image: object, limits: SizeLimits) -> PreparedImage:
    """Check one image and bring it into the limits; what an address holds goes into the row."""
    result = PreparedImage(b"")
    try:
        entry = as_entry(image)
        content = read_image(entry, fetch_image)
        assert content is not None  # with a way to fetch
        result = PreparedImage(digest_of(content))
        pixels, file_format = decoded(content)
    except BadImageError as error:
        return result._replace(fault=error.fault, reason=str(error))
    before = pixels.size
    result = result._replace(before=before, after=before)
    if is_thin(before):
        return result._replace(fault=ImageFault.THIN, reason=f"{before[0]}x{before[1]} pixels")
    after = fitted_size(before, limits)
    if after == before and not is_remote(entry):
        return result
    jpeg_error = None
    if after != before:
        content, jpeg_error = encoded(resized(pixels, after), may_be_jpeg=file_format == "JPEG")
    changed = {"bytes": content, "path": None}
    return result._replace(changed=changed, after=after, jpeg_error=jpeg_error)


def fitted_size(size: tuple[int, int], limits: SizeLimits) -> tuple[int, int]:
    """The size within the limits, in the same shape. The lower limit is the stronger one."""
    short, long, area = min(size), max(size), size[0] * size[1]
    least = limits.min_side
    if short < least:
        return enlarged_size(size, least)
    scale = min((limits.max_side or long) / long, ((limits.max_pixels or area) / area) ** 0.5)
    if scale >= 1.0:
        return size
    scale = max(scale, least / short)
    # Rounded down, or a limit would be exceeded by a row of pixels.
    return max(least, int(size[0] * scale + 1e-9)), max(least, int(size[1] * scale + 1e-9))


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The image in another size."""
    is_smaller = size[0] * size[1] < image.width * image.height
    return image.resize(size, Image.Resampling.LANCZOS if is_smaller else Image.Resampling.BICUBIC)


def encoded(image: Image.Image, *, may_be_jpeg: bool) -> tuple[bytes, JpegError | None]:
    """The image as PNG, or as JPEG where that may be and is smaller; then also what that costs."""
    if not may_be_jpeg:
        return _as_png(image), None
    buffer = BytesIO()
    image.save(buffer, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    jpeg = buffer.getvalue()
    # A PNG takes ten times as long, and is smaller only for what is small or nearly of one colour.
    pixels = image.width * image.height
    if pixels < SMALL_PIXELS or len(jpeg) * 8 < pixels * FLAT_BITS_PER_PIXEL:
        png = _as_png(image)
        if len(png) <= len(jpeg):
            return png, None
    with Image.open(buffer) as decoded_again:
        difference = ImageStat.Stat(ImageChops.difference(image, decoded_again))
    mean = sum(difference.mean) / len(difference.mean)
    return jpeg, JpegError(round(mean, 3), int(max(high for _, high in difference.extrema)))


def _as_png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format="PNG", compress_level=PNG_LEVEL)
    return buffer.getvalue()


def digest_of(content: bytes) -> bytes:
    """Says which content it is."""
    return blake2b(content, digest_size=DIGEST_BYTES).digest()


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


class ImagePool:
    """A pool of image workers; a context manager.

    The workers start from a small server process (`forkserver`): this process has Arrow's threads,
    which must not be forked, and memory that nobody should count twice.
    """

    def __init__(self, workers: int) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([do_jobs.__module__])
        self._executor = ProcessPoolExecutor(workers, context, initializer=_end_with_parent)
        self._ahead = 2 * workers

    def __enter__(self) -> ImagePool:
        """Nothing starts before it is needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None
    ) -> None:
        """Stop the workers; after an error without waiting for what they were given."""
        self._executor.shutdown(wait=kind is None, cancel_futures=True)

    def treat_in_order(
        self,
        given: Iterable[Given],
        jobs_of: Callable[[Given], list[ImageJob]],
        bytes_of: Callable[[Given], int],
    ) -> Iterator[tuple[Given, list[list[PreparedImage]]]]:
        """Each thing given with the images of its jobs, in the order given."""
        waiting: deque[tuple[Given, int, Future[list[list[PreparedImage]]]]] = deque()
        held = 0
        for item in given:
            size = bytes_of(item)
            while waiting and (len(waiting) >= self._ahead or held + size > MAX_WAITING_BYTES):
                done, done_size, future = waiting.popleft()
                held -= done_size
                yield done, self._result(future)
            waiting.append((item, size, self._executor.submit(do_jobs, jobs_of(item))))
            held += size
        while waiting:
            done, _, future = waiting.popleft()
            yield done, self._result(future)

    def _result(self, future: Future[list[list[PreparedImage]]]) -> list[list[PreparedImage]]:
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise PrepareError(
                "an image worker was killed, most likely for memory: run the command again with "
                "fewer --workers; it goes on where it stopped"
            ) from error


def _end_with_parent() -> None:
    """End this worker when the command is killed; it would wait for work for ever.

    Ctrl-C reaches every process of the terminal: the command alone answers it, and in one line.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_for_end_of, args=(parent.sentinel,), daemon=True).start()


def _wait_for_end_of(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
