"""What the page is given: rows for the table, details for one trajectory, as plain JSON values.

The rows come first in the file, so that the table is there while the rest is still being read; the
details come in blocks that the page parses when it needs one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from swift_deepeyes.episode.trajectory import CallRecord, CallStatus, TurnRecord
from swift_deepeyes.record.crops import CallImages, ImageSize, images_of_calls
from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.viewer.images import ImageKey, ImageKind
from swift_deepeyes.viewer.prompts import prompt_key
from swift_deepeyes.viewer.sample import group_key

MAX_TEXT_CHARACTERS = 40_000
"""A longer turn is shown without its middle: one degenerate text must not make the page slow."""

_PREVIEW_CHARACTERS = 160

_MAX_SOURCES = 100
"""Of one trajectory: a log may claim any number."""

Json = dict[str, Any]


@dataclass(slots=True)
class Document:
    """The page's rows, details and shared texts, filled one trajectory at a time.

    `image_numbers`: the places of the copies among the page's images; `views`: the size of the
    model's view of each run's images, by name.
    """

    image_numbers: Mapping[ImageKey, int]
    views: Sequence[Mapping[str, ImageSize]] = ()
    rows: list[Json] = field(default_factory=list)
    details: list[Json] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    shortened: int = 0
    _text_numbers: dict[str, int] = field(default_factory=dict)
    _group_numbers: dict[object, int] = field(default_factory=dict)
    _prompt_numbers: dict[object, int] = field(default_factory=dict)

    def add_all(self, items: Iterable[LoggedTrajectory], run: int = 0) -> None:
        """Add trajectories of a run in the order in which the table first shows them."""
        for item in items:
            self.add(item, run)

    def add(self, item: LoggedTrajectory, run: int) -> None:
        """Add one trajectory."""
        self.rows.append(self._row(item, run))
        self.details.append(self._detail(item, run))

    def _row(self, item: LoggedTrajectory, run: int) -> Json:
        failed = failed_calls(item)
        return {
            "key": row_key(item, run),
            "id": item.id,
            "run": run,
            "group": _numbered(self._group_numbers, (run, group_key(item))),
            "prompt": _numbered(self._prompt_numbers, prompt_key(item)),
            "step": item.step,
            "split": item.split,
            "source": item.source,
            "category": item.category,
            "question": _preview(item.question),
            "answer": None if item.score.answer is None else _preview(item.score.answer),
            "reference": _preview(item.reference),
            "result": _result(item.score.accuracy),
            "reward": _number(item.score.total),
            "terms": _numbers(item.score.terms),
            "advantage": _number(item.advantage),
            "stop": item.trajectory.stop_reason,
            "turns": len(item.trajectory.turns),
            "calls": sum(1 for _ in item.trajectory.calls),
            "crops": item.trajectory.crops,
            "hasTool": item.trajectory.toolbox is not None,
            "errors": sorted({str(call.status) for call in failed}),
            "failed": len(failed),
            "format": list(item.score.format_errors),
        }

    def _detail(self, item: LoggedTrajectory, run: int) -> Json:
        images = images_of_calls(item.trajectory)
        return {
            "rank": item.rank,
            "index": item.index,
            "group": item.group,
            "question": self._cut(item.question),
            "reference": self._cut(item.reference),
            "answer": None if item.score.answer is None else self._cut(item.score.answer),
            "prompt": [[message.role, self._shared(message.text)] for message in item.prompt],
            "images": self._copies(item, run, ImageKind.FILE),
            "views": self._copies(item, run, ImageKind.VIEW),
            "sizes": item.image_sizes,
            "viewSizes": self._view_sizes(item, run),
            "sources": min(max(item.trajectory.source_images, 0), _MAX_SOURCES),
            "toolbox": item.trajectory.toolbox,
            "tokens": item.turn_tokens,
            "turns": [
                self._turn(turn, of_turn)
                for turn, of_turn in zip(item.trajectory.turns, images, strict=True)
            ],
            "verdict": self._verdict(item),
            "scores": {
                **_numbers(item.score.terms),
                "total": _number(item.score.total),
                "advantage": _number(item.advantage),
            },
            "rewards": _numbers(item.rewards),
        }

    def _copies(self, item: LoggedTrajectory, run: int, kind: ImageKind) -> list[int | None]:
        return [self.image_numbers.get(ImageKey(run, name, kind)) for name in item.images]

    def _view_sizes(self, item: LoggedTrajectory, run: int) -> list[ImageSize | None]:
        views = self.views[run] if run < len(self.views) else {}
        return [views.get(name) for name in item.images]

    def _turn(self, turn: TurnRecord, images: tuple[CallImages, ...]) -> Json:
        return {
            "text": self._cut(turn.text),
            "calls": [_call(call, own) for call, own in zip(turn.calls, images, strict=True)],
            "observation": None if turn.observation is None else self._cut(turn.observation),
        }

    def _verdict(self, item: LoggedTrajectory) -> Json | None:
        verdict = item.score.verdict
        if verdict is None:
            return None
        reply = None if verdict.reply is None else self._cut(verdict.reply)
        return {"outcome": verdict.outcome, "by": verdict.decided_by, "reply": reply}

    def _shared(self, text: str) -> int:
        """The number of a text that many trajectories have in common."""
        number = self._text_numbers.get(text)
        if number is None:
            number = self._text_numbers[text] = len(self.texts)
            self.texts.append(self._cut(text))
        return number

    def _cut(self, text: str) -> str:
        if len(text) <= MAX_TEXT_CHARACTERS:
            return text
        self.shortened += 1
        half = MAX_TEXT_CHARACTERS // 2
        left_out = len(text) - 2 * half
        return (
            f"{text[:half]}\n[… {left_out:,} characters left out by the viewer …]\n{text[-half:]}"
        )


def row_key(item: LoggedTrajectory, run: int) -> str:
    """Names a trajectory on the page; runs may use the same ids."""
    return item.id if run == 0 else f"{run}:{item.id}"


def _numbered(numbers: dict[object, int], key: object) -> int:
    return numbers.setdefault(key, len(numbers))


def failed_calls(item: LoggedTrajectory) -> list[CallRecord]:
    """The calls that gave an error; those that were never run are none."""
    fine = (CallStatus.OK, CallStatus.NOT_RUN)
    return [call for call in item.trajectory.calls if call.status not in fine]


def _call(call: CallRecord, images: CallImages) -> Json:
    label = (call.arguments or {}).get("label")
    return {
        "name": call.name,
        "status": call.status,
        "label": label if isinstance(label, str) else None,
        "imageIndex": call.image_index,
        "frame": call.frame,
        "box": call.box and [_number(side) for side in call.box],
        "sourceBox": call.source_box and [_number(side) for side in call.source_box],
        "cropSize": call.crop_size,
        "crop": images.crop,
        "source": images.source,
    }


def _result(accuracy: float | None) -> str:
    if accuracy is None or math.isnan(accuracy):
        return "unjudged"
    return "right" if accuracy == 1 else "wrong"


def _number(value: float | None) -> float | None:
    """Strict JSON has no NaN and no infinity."""
    if value is None or not math.isfinite(value):
        return None
    return round(value, 6)


def _numbers(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in values.items()}


def _preview(text: str) -> str:
    """One short line, for the table."""
    line = " ".join(text[: 4 * _PREVIEW_CHARACTERS].split())
    return line if len(line) <= _PREVIEW_CHARACTERS else line[: _PREVIEW_CHARACTERS - 1] + "…"
