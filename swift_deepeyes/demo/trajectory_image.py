"""One trajectory as an image: what the model saw, the box it asked for, the crop, its words."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from swift_deepeyes.record.record import IMAGES_FOLDER, LoggedTrajectory

_TEXT_WIDTH = 62  # characters

Box = tuple[float, float, float, float]


def choose(trajectories: Sequence[LoggedTrajectory]) -> LoggedTrajectory | None:
    """The last right one with a crop; if none is right, the last with a crop."""
    with_crop = [item for item in trajectories if item.trajectory.crops]
    right = [item for item in with_crop if item.score.accuracy == 1]
    candidates = right or with_crop
    return candidates[-1] if candidates else None


def draw_trajectory(logged: LoggedTrajectory, log: Path, view_side: int, path: Path) -> None:
    """Write the image of a trajectory with at least one crop as a PNG file.

    `view_side`: pixels of a side at which the demo's model sees a square.
    """
    names = (logged.images[0], logged.images[logged.trajectory.source_images])
    files = [log / IMAGES_FOLDER / name for name in names]
    scene, crop = (_as_seen(file, view_side) for file in files)
    figure = Figure(figsize=(13, 4.6), dpi=120, layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.5))
    _show(left, scene, f"The scene as the model sees it\n{scene.width} by {scene.height} pixels")
    _draw_box(left, _seen_box(logged, files[0], scene.width))
    _show(middle, crop, "The crop that it gets,\ncut from the original file")
    right.axis("off")
    right.text(
        *(0, 1, _story(logged)),
        transform=right.transAxes,
        va="top",
        family="monospace",
        fontsize=8,
    )
    figure.suptitle(f"Step {logged.step}: reward {logged.score.total:g}")
    figure.savefig(path)


def _as_seen(path: Path, view_side: int) -> Image.Image:
    with Image.open(path) as image:
        scale = min(1.0, view_side / math.sqrt(image.width * image.height))
        return image.convert("RGB").resize(
            (round(image.width * scale), round(image.height * scale))
        )


def _seen_box(logged: LoggedTrajectory, source: Path, side: int) -> Box:
    """What was cut, in pixels of the scene as it is seen, whatever frame the model writes."""
    box = next(call.source_box for call in logged.trajectory.calls if call.source_box is not None)
    with Image.open(source) as image:
        scale = side / image.width
    left, top, right, bottom = (scale * edge for edge in box)
    return (left, top, right, bottom)


def _show(axes: Axes, image: Image.Image, title: str) -> None:
    axes.imshow(image, interpolation="nearest")
    axes.set_title(title, fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_box(axes: Axes, box: Box) -> None:
    left, top, right, bottom = box
    # Pixel centres are at whole numbers in matplotlib, box edges between them.
    corner = (left - 0.5, top - 0.5)
    size = (right - left, bottom - top)
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor="white", linewidth=4))
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor="black", linewidth=1.5))


def _story(logged: LoggedTrajectory) -> str:
    parts = [("question", logged.question)]
    for number, turn in enumerate(logged.trajectory.turns, start=1):
        parts.append((f"model, turn {number}", turn.text))
        if turn.observation is not None:
            parts.append(("tool", turn.observation))
    parts.append(("reference", logged.reference))
    return "\n\n".join(f"[{who}]\n" + textwrap.fill(text, _TEXT_WIDTH) for who, text in parts)
