"""From log directories to a page; whatever the page leaves out is said in a note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from swift_deepeyes.viewer.curves import (
    all_metrics,
    by_step,
    main_curves,
    names_of_terms,
    stacks,
)
from swift_deepeyes.viewer.document import Document, Json, row_key
from swift_deepeyes.viewer.images import PageImages, WantedImage
from swift_deepeyes.viewer.lost_detail import lost_detail
from swift_deepeyes.viewer.notes import notes_on_images, notes_on_runs, notes_on_texts
from swift_deepeyes.viewer.page import embedded_json, render_page
from swift_deepeyes.viewer.pair import Pair, telling_pairs
from swift_deepeyes.viewer.prompts import prompt_key
from swift_deepeyes.viewer.runs import Run, read_runs
from swift_deepeyes.viewer.sample import spread_over_steps
from swift_deepeyes.viewer.views import view_sizes
from swift_deepeyes.viewer.wanted import CopySides, images_of_run

_MEGABYTE = 1_000_000
_SIDES = CopySides()


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How large a page may get."""

    max_megabytes: float = 100.0
    max_trajectories: int = 10_000
    sides: CopySides = _SIDES


@dataclass(frozen=True, slots=True)
class Page:
    """A finished page; `notes` tell what it does not show, and are on the page too."""

    html: bytes
    trajectories: int
    notes: tuple[str, ...]


def build_page(
    paths: Path | Sequence[Path], limits: PageLimits, made: PageImages | None = None
) -> Page:
    """Read the log in a directory, or those that are compared, and make their page.

    Raises `LogError` where there is none.
    """
    runs = read_runs([paths] if isinstance(paths, Path) else paths, limits.max_trajectories)
    of_runs = [images_of_run(run, limits.sides) for run in runs]
    wanted = _in_turns([of_run.sources for of_run in of_runs])
    wanted += _in_turns([of_run.crops for of_run in of_runs])
    numbers = {item.key: number for number, item in enumerate(wanted)}
    document = Document(numbers, [of_run.views for of_run in of_runs])
    _fill(document, runs)
    text_bytes = len(embedded_json([document.rows, document.details, document.texts]).encode())
    budget = max(0, int(limits.max_megabytes * _MEGABYTE) - text_bytes)
    images = (made or PageImages()).images(wanted, budget)
    notes = (
        *notes_on_runs(runs),
        *notes_on_texts(document),
        *notes_on_images(images, limits.max_megabytes),
    )
    copies = [images[item.key] for item in wanted]
    html = b"".join(render_page(_head(runs, notes), document, copies))
    return Page(html, len(document.rows), notes)


def _in_turns(of_runs: Sequence[Sequence[WantedImage]]) -> list[WantedImage]:
    """One of each run, then the second of each: where room ends, it ends for all of them."""
    return list(
        spread_over_steps((run, item) for run, wanted in enumerate(of_runs) for item in wanted)
    )


def _fill(document: Document, runs: Sequence[Run]) -> None:
    """Rows in the log's order; of several runs, what answers the same prompt stands together."""
    placed = [(item, run.number) for run in runs for item in run.items]
    if len(runs) > 1:
        places: dict[object, int] = {}
        for item, _ in placed:
            places.setdefault(prompt_key(item), len(places))
        placed.sort(key=lambda one: (one[0].step, places[prompt_key(one[0])], one[1]))
    for item, run in placed:
        document.add(item, run)


def _head(runs: Sequence[Run], notes: Sequence[str]) -> Json:
    items = [item for run in runs for item in run.items]
    return {
        "runs": [_about(run) for run in runs],
        "notes": notes,
        "terms": [name for name in names_of_terms(items) if name != "accuracy"],
        "pair": _pair(runs),
        "curves": [
            curve.model_dump(mode="json") | {"run": run.number}
            for run in runs
            for curve in main_curves(run.log.trajectories, run.log.metrics)
        ],
        "stacks": [
            stack.model_dump(mode="json") | {"run": run.number}
            for run in runs
            for stack in stacks(run.log.trajectories)
        ],
        "metrics": [
            curve.model_dump(mode="json") | {"run": run.number}
            for run in runs
            for curve in all_metrics(run.log.metrics)
        ],
    }


def _pair(runs: Sequence[Run]) -> list[str] | None:
    """The keys of the rows that the page opens on.

    Of several runs one of each where they have it, in their order; the right one is of the run that
    is right more often.
    """
    best, *others = sorted(runs, key=lambda run: (-_share_right(run), run.number))
    for right, wrong in (*((best, run) for run in others), *((run, best) for run in runs)):
        if pairs := telling_pairs(right.items, wrong.items):
            chosen = zip((right, wrong), _clearest(pairs, right), strict=True)
            ordered = sorted(chosen, key=lambda one: one[0].number)
            return [row_key(item, run.number) for run, item in ordered]
    return None


def _clearest(pairs: Sequence[Pair], run: Run) -> Pair:
    """The pair whose crop shows most of what the view had lost; the first of equal ones."""
    views = view_sizes([item for item, _ in pairs])
    return max(pairs, key=lambda pair: lost_detail(pair[0], run.log, views))


def _share_right(run: Run) -> float:
    judged = [item.score.accuracy for item in run.items if item.score.accuracy is not None]
    return fmean(judged) if judged else 0.0


def _about(run: Run) -> Json:
    info = run.log.run
    steps = list(by_step(run.log.trajectories))
    return {
        "name": run.name,
        "kind": info and info.kind,
        "started": info and info.started,
        "settings": dict(info.settings) if info else {},
        "logged": len(run.log.trajectories),
        "steps": [steps[0], steps[-1]],
    }
