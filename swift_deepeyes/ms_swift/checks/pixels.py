"""Pixel limits that differ between the rollout server and the trainer, found at the first batch.

ms-swift compares nothing of it: a server with another MAX_PIXELS generates from other images than
the trainer encodes. So the server's scheduler sends the sizes at which its template shows two
images, a large one and a small one, and the rewards compare them with the trainer's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from swift_deepeyes.episode.boxes import Size
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.template import view_recipe

VIEWS_KEY = "deepeyes_views"
"""In `rollout_infos`: what `view_sizes` gives on the rollout server."""

_PROBES = (Size(3840, 2160), Size(64, 64))


class PixelLimitsError(DeepEyesError):
    """Rollout server and trainer show images in different sizes; the message names the settings."""


def view_sizes(template: Any) -> list[list[int]]:
    """The sizes [width, height] at which a template shows the two images; empty: not known."""
    recipe = view_recipe(template, None)
    with suppress(ValueError):
        return [list(recipe.view_size(size)) for size in _PROBES]
    return []


def remember_views(trainer: Any) -> None:
    """Keep the trainer's own sizes for `check_views`."""
    template = getattr(trainer, "template", None)
    process.view_sizes = [] if template is None else view_sizes(template)


def check_views(rows: Sequence[Mapping[str, Any]]) -> None:
    """Compare with what the rollout server of these samples sent. Raises `PixelLimitsError`."""
    for row in rows:
        infos = row.get("rollout_infos")
        theirs = infos.get(VIEWS_KEY) if isinstance(infos, Mapping) else None
        if theirs and process.view_sizes:
            _compare(theirs, process.view_sizes)


def _compare(theirs: Sequence[Sequence[int]], ours: Sequence[Sequence[int]]) -> None:
    for probe, server, trainer in zip(_PROBES, theirs, ours, strict=False):
        if list(server) != list(trainer):
            raise PixelLimitsError(
                f"Pixel limits differ: an image of {_size(probe)} is {_size(server)} on the "
                f"rollout server and {_size(trainer)} in this trainer, which would train on other "
                "images than were generated from. The fix: the same MAX_PIXELS (or --max_pixels) "
                "for swift rollout and swift rlhf"
            )


def _size(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]}"
