"""What a page does not show, said on it: lines, values, images and trajectories left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from swift_deepeyes.record.reader import LogDirectory
from swift_deepeyes.record.record import RUN_FILE
from swift_deepeyes.viewer.document import MAX_TEXT_CHARACTERS, Document
from swift_deepeyes.viewer.images import ImageKey, ImageState, PageImage, count_states
from swift_deepeyes.viewer.runs import Run


def notes_on_runs(runs: Sequence[Run]) -> list[str]:
    """What was not read of each log, and what the page leaves out of it."""
    notes = []
    for run in runs:
        of_run = [*_on_log(run.log), *_on_sample(run), *_on_unstored(run)]
        notes += of_run if len(runs) == 1 else [f"{run.name}: {note}" for note in of_run]
    return notes


def notes_on_texts(document: Document) -> list[str]:
    """Texts that were cut."""
    if not document.shortened:
        return []
    texts = _count(document.shortened, "text")
    return [f"{texts} over {MAX_TEXT_CHARACTERS:,} characters shown without the middle"]


def notes_on_images(images: Mapping[ImageKey, PageImage], max_megabytes: float) -> Iterator[str]:
    """Image files that are not on the page; `max_megabytes` is the page's limit."""
    counts = count_states(images)
    if counts[ImageState.OVER_BUDGET]:
        left_out = f"{counts[ImageState.OVER_BUDGET]:,} of {_count(counts.total(), 'image')}"
        yield (
            f"{left_out} not embedded: the page is limited to {max_megabytes:g} MB "
            "(--max-megabytes)"
        )
    if counts[ImageState.MISSING]:
        yield f"{_count(counts[ImageState.MISSING], 'image file')} missing"
    if counts[ImageState.UNREADABLE]:
        yield f"{_count(counts[ImageState.UNREADABLE], 'image file')} unreadable"


def _on_log(log: LogDirectory) -> Iterator[str]:
    skipped = log.skipped
    if skipped.half_written:
        yield f"{_count(skipped.half_written, 'half-written last line')} skipped"
    if skipped.unreadable:
        yield f"{_count(skipped.unreadable, 'unreadable line')} skipped"
    if skipped.repeated:
        yield f"{_count(skipped.repeated, 'trajectory')} logged again; the last counts"
    if skipped.values:
        fields = ", ".join(f"{name} {count:,}" for name, count in skipped.values.most_common())
        yield f"values that cannot be read are left out, in lines: {fields}"
    if skipped.newer:
        lines = _count(skipped.newer, "line")
        yield f"{lines} of a later format: what this version does not know is not shown"
    if log.run is None and (log.path / RUN_FILE).exists():
        yield f"{RUN_FILE} cannot be read"
    is_training = log.run is None or log.run.kind == "train"
    if is_training and not log.metrics:
        yield "no readable metrics file: the curves come from the trajectories"


def _on_sample(run: Run) -> list[str]:
    logged = run.log.trajectories
    if len(run.items) == len(logged):
        return []
    shown = f"{len(run.items):,} of {len(logged):,}"
    return [f"{shown} trajectories shown: whole groups, spread over the steps"]


def _on_unstored(run: Run) -> list[str]:
    unstored = sum(name == "" for item in run.items for name in item.images)
    return [f"{_count(unstored, 'image')} not stored by the log"] if unstored else []


def _count(number: int, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"
