"""The README's two pictures: one question answered with a crop, and the curves of a demo run.

    python scripts/draw_readme.py zoom                            # from .github/images/desk.jpg
    python scripts/draw_readme.py curve --log output/demo/log     # after scripts/demo.sh

Needs matplotlib (`pip install -e '.[demo]'`). In `zoom` both turns are written by hand; what the
model sees, the box and the crop come from an episode of this package, run on the scene.
"""

from __future__ import annotations

import argparse
import base64
import io
import sys
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, FancyBboxPatch, Rectangle
from PIL import Image

from swift_deepeyes.demo.figures import StepFigures, read_steps
from swift_deepeyes.episode.boxes import Frame
from swift_deepeyes.episode.start import EpisodePrompt, EpisodeStarter, Host
from swift_deepeyes.episode.trajectory import StopReason
from swift_deepeyes.episode.view import ViewRecipe
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.settings import CropSource, JudgeKind, Settings
from swift_deepeyes.tools import OFFICIAL_TOOLBOX, toolbox_of_row

IMAGES = Path(__file__).parents[1] / ".github/images"

QUESTION = ("What number is", "printed on the", "key tag?")
BOX = (474, 332, 532, 371)  # pixels of the view
FIRST_TURN = (
    ("<think>", "The tag is too small to read. I zoom in.", "</think>"),
    ("<tool_call>", '{"name": "image_zoom_in_tool", "arguments":', ""),
    ("", f' {{"bbox_2d": {list(BOX)}}}}}', "</tool_call>"),
)
SECOND_TURN = (
    ("<think>", "The tag says room", ""),
    ("", "417.", "</think>"),
    ("<answer>", "417", "</answer>"),
)
MAX_PIXELS = 401408  # what the model sees at most: 512 image tokens of Qwen2.5-VL

DOTS_PER_INCH = 100
PAPER, CARD, EDGE = "#ffffff", "#f4f5f7", "#d5d9e0"
INK, QUIET, TAG, ACCENT = "#1f2328", "#59636e", "#0b57a4", "#e5484d"
Line = tuple[str, str, str]


@dataclass(frozen=True)
class Zoom:
    """What an episode gave: the view that the model sees, and the crop that came back."""

    view: Image.Image
    crop: Image.Image
    source: tuple[int, int]


def play(scene: Path) -> Zoom:
    """Run both turns on the scene. Raises `DeepEyesError` where they end otherwise than drawn."""
    host = Host(
        recipe=ViewRecipe(14, fetch_options={"max_pixels": MAX_PIXELS}),
        frame=Frame.PIXEL,
        load=Image.open,
        count_tokens=len,
    )
    settings = Settings(judge=JudgeKind.RULE, crop_source=CropSource.ORIGINAL)
    toolbox = toolbox_of_row(OFFICIAL_TOOLBOX, "")
    prompt = EpisodePrompt((str(scene),), " ".join(QUESTION), toolbox, lambda images: 0)
    episode = EpisodeStarter(settings).start(host, prompt)
    first, second = ("\n".join(map("".join, turn)) for turn in (FIRST_TURN, SECOND_TURN))
    observation = episode.advance(first, tokens=0, truncated=False)
    if observation is None or not observation.images:
        said = "the episode ended" if observation is None else observation.text
        raise DeepEyesError(f"No crop came back from {scene}: {said}")
    episode.advance(second, tokens=0, truncated=False)
    assert episode.stop_reason is StopReason.ANSWERED
    crop = Image.open(io.BytesIO(base64.b64decode(observation.images[0])))
    with Image.open(scene) as source:
        return Zoom(episode.context.show(0).view, crop, source.size)


def draw_zoom(zoom: Zoom, path: Path) -> None:
    """Write the picture: question, view with its box, crop, both turns; 1600 pixels wide."""
    left, top, gap, wide, narrow = 40, 76, 56, 1000, 464
    right, tall = left + wide + gap, round(wide * zoom.view.height / zoom.view.width)
    bottom, card = top + tall + 46, 206
    page = _page(1600, bottom + card + 36)
    _label(page, (left, top - 18), f"What the model sees: {_size(zoom.view.size)} pixels")
    _show(page, zoom.view, (left, top, left + wide, top + tall))
    _label(page, (right, top - 18), "The question")
    for row, line in enumerate(QUESTION):
        _text(page, (right, top + 40 + 54 * row), line, 42, weight="bold")
    scale = wide / zoom.view.width
    x1, y1, x2, y2 = (side * scale for side in BOX)
    region = (left + x1, top + y1, left + x2, top + y2)
    crop_tall = round(narrow * zoom.crop.height / zoom.crop.width)
    panel = (right, top + tall - crop_tall, right + narrow, top + tall)
    _connect(page, region, panel)
    _show(page, zoom.crop, panel)
    _frame(page, region, 4)
    _frame(page, panel, 5)
    _label(page, (right, panel[1] - 18), "The crop it gets, from the original")
    _turn(page, (left, bottom, wide, card), "The model, turn 1", FIRST_TURN)
    _turn(page, (right, bottom, narrow, card), "Turn 2", SECOND_TURN)
    _save(page, path)


def _show(page: Axes, image: Image.Image, box: tuple[float, ...]) -> None:
    extent = (box[0], box[2], box[3], box[1])
    page.imshow(image, extent=extent, interpolation="lanczos", zorder=3)


def _page(width: int, height: int) -> Axes:
    """Axes in which one unit is one pixel, from the top left."""
    inches = (width / DOTS_PER_INCH, height / DOTS_PER_INCH)
    figure = Figure(figsize=inches, dpi=DOTS_PER_INCH, facecolor=PAPER)
    page = figure.add_axes((0, 0, 1, 1))
    page.set_axis_off()
    page.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False)
    return page


def _text(page: Axes, at: tuple[float, float], text: str, pixels: float, **style: object) -> None:
    points = pixels * 72 / DOTS_PER_INCH
    page.text(*at, text, **{"fontsize": points, "color": INK, "va": "baseline", **style})


def _label(page: Axes, at: tuple[float, float], text: str) -> None:
    _text(page, at, text, 25, color=QUIET)


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"  # noqa: RUF001  (the sign of a product)


def _frame(page: Axes, box: tuple[float, float, float, float], width: float) -> None:
    x1, y1, x2, y2 = box
    corner, sides = (x1, y1), (x2 - x1, y2 - y1)
    page.add_patch(
        Rectangle(corner, *sides, fill=False, edgecolor=ACCENT, linewidth=width, zorder=4)
    )


def _connect(page: Axes, region: tuple[float, ...], panel: tuple[float, ...]) -> None:
    """Lines from the region's right corners to the panel's left ones."""
    for side in (1, 3):
        line = ConnectionPatch(
            (region[2], region[side]), (panel[0], panel[side]), "data", color=ACCENT, linewidth=2
        )
        line.set(alpha=0.8, zorder=4)
        page.add_patch(line)


def _turn(
    page: Axes, box: tuple[float, float, float, float], title: str, lines: tuple[Line, ...]
) -> None:
    """A card with what the model writes; tags are coloured, the text between them is not."""
    x, y, width, height = box
    style = {"boxstyle": "round,pad=0,rounding_size=18", "facecolor": CARD, "edgecolor": EDGE}
    page.add_patch(FancyBboxPatch((x, y), width, height, linewidth=1.5, **style))
    _label(page, (x + 28, y + 46), title)
    advance = 16  # whole pixels, to which matplotlib rounds
    pixels = advance / 0.602  # this font's advance, in its size
    for row, line in enumerate(lines):
        at = x + 28.0
        for part, color in zip(line, (TAG, INK, TAG), strict=True):
            look = {"family": "DejaVu Sans Mono", "color": color}
            if line[0] == "<answer>" and color is INK:
                look["weight"] = "bold"
            _text(page, (at, y + 96 + 40 * row), part, pixels, **look)
            at += len(part) * advance


def draw_curve(steps: list[StepFigures], path: Path) -> None:
    """Write the curves of a run: its reward, and the shares right and with a crop, by step."""
    figure = Figure(figsize=(16, 5), dpi=DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
    reward, shares = figure.subplots(1, 2)
    figure.get_layout_engine().set(w_pad=0.25, h_pad=0.2, wspace=0.04)
    at = [figures.step for figures in steps]
    _curve(reward, at, [figures.reward for figures in steps], ACCENT)
    _curve(shares, at, [100 * figures.crop_rate for figures in steps], TAG, "with a crop")
    _curve(shares, at, [100 * figures.accuracy for figures in steps], "#2a7d46", "right")
    shares.set_ylim(-4, 104)
    shares.legend(loc="lower right", fontsize=18, frameon=False)
    for axes, title in ((reward, "Mean reward"), (shares, "Share of trajectories, %")):
        axes.set_title(title, fontsize=20, color=INK, loc="left", pad=14)
        axes.set_xlabel("GRPO step", fontsize=18, color=QUIET)
        axes.tick_params(labelsize=17, colors=QUIET, length=0)
        axes.grid(axis="y", color=EDGE, linewidth=1)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(EDGE)
    _save(reward, path)


def _curve(axes: Axes, at: list[int], values: list[float], color: str, label: str = "") -> None:
    """Each step's value faintly, and the mean of up to five steps around it."""
    axes.plot(at, values, color=color, alpha=0.25, linewidth=2)
    around = [values[max(0, i - 2) : i + 3] for i in range(len(values))]
    axes.plot(at, [sum(part) / len(part) for part in around], color=color, linewidth=4, label=label)


def _save(axes: Axes, path: Path) -> None:
    """As a JPEG; or a PNG of 64 colours, which is enough for curves."""
    figure = axes.get_figure()
    assert figure is not None
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    image = Image.open(drawn).convert("RGB")
    if path.suffix == ".png":
        image = image.quantize(64, dither=Image.Dither.NONE)
    image.save(path, optimize=True, quality=90, subsampling=0)


def main(words: list[str] | None = None) -> int:
    """Draw what was asked for; 2 if there is nothing to draw from."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parts = parser.add_subparsers(dest="part", required=True)
    zoom = parts.add_parser("zoom", help="a question, the crop, the answer")
    zoom.add_argument("--scene", type=Path, default=IMAGES / "desk.jpg")
    zoom.add_argument("--output", type=Path, default=IMAGES / "zoom.jpg")
    curve = parts.add_parser("curve", help="the curves of a run")
    curve.add_argument("--log", type=Path, required=True, help="its DEEPEYES_LOG_DIR")
    curve.add_argument("--output", type=Path, default=IMAGES / "curve.png")
    options = parser.parse_args(words)
    try:
        if options.part == "zoom":
            draw_zoom(play(options.scene), options.output)
        else:
            steps = read_steps(options.log)
            if not steps:
                raise DeepEyesError(f"There are no steps in {options.log}/metrics.jsonl.")
            draw_curve(steps, options.output)
    except DeepEyesError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
