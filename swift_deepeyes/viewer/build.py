"""From a log directory to a page; whatever the page leaves out is said in a note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from swift_deepeyes.record.reader import LogDirectory, read_log
from swift_deepeyes.record.record import RUN_FILE, LoggedTrajectory
from swift_deepeyes.viewer.curves import all_metrics, main_curves, names_of_terms, stacks
from swift_deepeyes.viewer.document import MAX_TEXT_CHARACTERS, Document, Json
from swift_deepeyes.viewer.images import (
    ImageState,
    PageImage,
    PageImages,
    WantedImage,
    count_states,
)
from swift_deepeyes.viewer.page import embedded_json, render_page
from swift_deepeyes.viewer.sample import sample_groups, spread_over_steps

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How large a page may get. Sides in pixels of the copies that are embedded."""

    max_megabytes: float = 100.0
    max_trajectories: int = 10_000
    source_side: int = 768
    crop_side: int = 448


@dataclass(frozen=True, slots=True)
class Page:
    """A finished page; `notes` tell what it does not show, and are on the page too."""

    html: bytes
    trajectories: int
    notes: tuple[str, ...]


def build_page(path: Path, limits: PageLimits, made: PageImages | None = None) -> Page:
    """Read the log in `path` and make its page. Raises `LogError` where there is none."""
    log = read_log(path)
    items = sample_groups(log.trajectories, limits.max_trajectories)
    wanted = wanted_images(log, items, limits)
    document = Document({item.name: number for number, item in enumerate(wanted)})
    document.add_all(items)
    text_bytes = len(embedded_json([document.rows, document.details, document.texts]).encode())
    budget = max(0, int(limits.max_megabytes * _MEGABYTE) - text_bytes)
    by_name = (made or PageImages()).images(wanted, budget)
    images = [by_name[item.name] for item in wanted]
    notes = (
        *_notes_on_log(log),
        *_notes_on_sample(log, items),
        *_notes_on_texts(document),
        *_notes_on_images(images, limits),
        *_notes_on_unstored(items),
    )
    html = b"".join(render_page(_head(log, notes), document, images))
    return Page(html, len(items), notes)


def wanted_images(
    log: LogDirectory, items: Sequence[LoggedTrajectory], limits: PageLimits
) -> list[WantedImage]:
    """Every image once, the most useful first: sources before crops, each spread over the steps."""
    sources: list[tuple[int, str]] = []
    crops: list[tuple[int, str]] = []
    for item in items:
        count = item.trajectory.source_images
        # An image that the log could not store has the name "".
        sources += [(item.step, name) for name in item.images[:count] if name]
        crops += [(item.step, name) for name in item.images[count:] if name]
    source_names = dict.fromkeys(spread_over_steps(dict.fromkeys(sources)))
    crop_names = dict.fromkeys(spread_over_steps(dict.fromkeys(crops)))
    ordered = [(name, limits.source_side) for name in source_names]
    ordered += [(name, limits.crop_side) for name in crop_names if name not in source_names]
    return [WantedImage(name, log.image_path(name), side) for name, side in ordered]


def _head(log: LogDirectory, notes: Sequence[str]) -> Json:
    run = log.run
    return {
        "run": None if run is None else run.model_dump(mode="json"),
        "directory": log.path.resolve().name,
        "logged": len(log.trajectories),
        "notes": notes,
        "terms": [name for name in names_of_terms(log.trajectories) if name != "accuracy"],
        "curves": [
            curve.model_dump(mode="json") for curve in main_curves(log.trajectories, log.metrics)
        ],
        "stacks": [stack.model_dump(mode="json") for stack in stacks(log.trajectories)],
        "metrics": [curve.model_dump(mode="json") for curve in all_metrics(log.metrics)],
    }


def _notes_on_log(log: LogDirectory) -> list[str]:
    skipped = log.skipped
    notes = []
    if skipped.half_written:
        notes.append(f"{_count(skipped.half_written, 'half-written last line')} skipped")
    if skipped.unreadable:
        notes.append(f"{_count(skipped.unreadable, 'unreadable line')} skipped")
    if skipped.repeated:
        notes.append(f"{_count(skipped.repeated, 'trajectory')} logged again; the last counts")
    if skipped.values:
        fields = ", ".join(f"{name} {count:,}" for name, count in skipped.values.most_common())
        notes.append(f"values that cannot be read are left out, in lines: {fields}")
    if skipped.newer:
        lines = _count(skipped.newer, "line")
        notes.append(f"{lines} of a later format: what this version does not know is not shown")
    if log.run is None and (log.path / RUN_FILE).exists():
        notes.append(f"{RUN_FILE} cannot be read")
    is_training = log.run is None or log.run.kind == "train"
    if is_training and not log.metrics:
        notes.append("no readable metrics file: the curves come from the trajectories")
    return notes


def _notes_on_sample(log: LogDirectory, items: Sequence[LoggedTrajectory]) -> list[str]:
    if len(items) == len(log.trajectories):
        return []
    shown, logged = f"{len(items):,}", f"{len(log.trajectories):,}"
    return [f"{shown} of {logged} trajectories shown: whole groups, spread over the steps"]


def _notes_on_texts(document: Document) -> list[str]:
    if not document.shortened:
        return []
    texts = _count(document.shortened, "text")
    return [f"{texts} over {MAX_TEXT_CHARACTERS:,} characters shown without the middle"]


def _notes_on_images(images: Sequence[PageImage], limits: PageLimits) -> list[str]:
    counts = count_states(images)
    notes = []
    if counts[ImageState.OVER_BUDGET]:
        left_out = f"{counts[ImageState.OVER_BUDGET]:,} of {_count(len(images), 'image')}"
        notes.append(
            f"{left_out} not embedded: the page is limited to {limits.max_megabytes:g} MB "
            "(--max-megabytes)"
        )
    if counts[ImageState.MISSING]:
        notes.append(f"{_count(counts[ImageState.MISSING], 'image file')} missing")
    if counts[ImageState.UNREADABLE]:
        notes.append(f"{_count(counts[ImageState.UNREADABLE], 'image file')} unreadable")
    return notes


def _notes_on_unstored(items: Sequence[LoggedTrajectory]) -> list[str]:
    unstored = sum(name == "" for item in items for name in item.images)
    return [f"{_count(unstored, 'image')} not stored by the log"] if unstored else []


def _count(number: int, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"
