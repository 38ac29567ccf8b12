"""The record of one episode: what the model wrote, which tools ran, why it ended.

It travels as JSON in ms-swift's `rollout_infos['deepeyes']` (through HTTP in server mode), so every
value here is strict JSON: no NaN, no numpy, no images. Rewards, metrics, the trajectory log and the
viewer read this record and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from swift_deepeyes.frozen import FrozenModel, valid_text

RECORD_KEY = "deepeyes"
"""Where the record sits in `rollout_infos`."""


class StopReason(StrEnum):
    """Why an episode ended."""

    ANSWERED = "answered"
    NO_ACTION = "no_action"
    MAX_TURNS = "max_turns"
    LENGTH = "length"
    CONTEXT_FULL = "context_full"
    IMAGE_LIMIT = "image_limit"


OVER_TURN = frozenset({StopReason.MAX_TURNS, StopReason.CONTEXT_FULL, StopReason.IMAGE_LIMIT})
"""The model wanted to go on, and a limit of the episode ended it (Mini-o3's over-turn)."""


class CallStatus(StrEnum):
    """What became of one tool call, in the engine's words; tools add kinds of their own."""

    OK = "ok"
    MALFORMED_CALL = "malformed_call"
    UNKNOWN_TOOL = "unknown_tool"
    BAD_ARGUMENTS = "bad_arguments"
    BAD_BOX = "bad_box"
    BOX_OUTSIDE = "box_outside"
    BOX_TOO_SMALL = "box_too_small"
    BOX_TOO_LONG = "box_too_long"
    BAD_IMAGE_INDEX = "bad_image_index"
    UNREADABLE_IMAGE = "unreadable_image"
    TOO_MANY_CALLS = "too_many_calls"
    TOOL_FAILED = "tool_failed"
    NOT_RUN = "not_run"


def _valid(value: object) -> object:
    return valid_text(value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_valid)]
"""Text from a model, a server or a row, made valid Unicode."""

CallKind = Annotated[CallStatus | str, Field(union_mode="left_to_right")]
"""What became of a call: one of the engine's own words, or the kind of a tool's `ToolError`."""


class CallRecord(FrozenModel):
    """One tool call.

    `box` is what was cut, in the frame in which the model speaks (`frame`: `pixel` of the image as
    the model saw it, or `norm1000`); `source_box` the same region in pixels of the source image;
    `crop_size` (width, height) of the returned image in pixels. All three are None where no crop
    was returned.
    """

    name: Text | None
    arguments: dict[str, Any] | None
    status: CallKind
    image_index: int | None = None
    frame: str | None = None
    box: tuple[float, float, float, float] | None = None
    source_box: tuple[float, float, float, float] | None = None
    crop_size: tuple[int, int] | None = None


class TurnRecord(FrozenModel):
    """One turn: the model's text, its calls, and the observation it got back (None: none)."""

    text: Text
    calls: tuple[CallRecord, ...] = ()
    observation: Text | None = None


class Trajectory(FrozenModel):
    """The whole episode. `images` counts sources and crops, in `<image>` order.

    `prompt_opens_thought`: whether each turn's prompt ends with an open `<think>`, as templates of
    thinking models write it; None: not known. `view_sizes`: width and height in pixels at which the
    model saw each image, in `<image>` order; None where nothing had to know it.
    """

    turns: tuple[TurnRecord, ...] = ()
    source_images: int
    crops: int = 0
    view_sizes: tuple[tuple[int, int] | None, ...] = ()
    toolbox: str | None = None
    stop_reason: StopReason | None = None
    prompt_opens_thought: bool | None = None

    @property
    def calls(self) -> Iterable[CallRecord]:
        """All calls of all turns, in order."""
        return (call for turn in self.turns for call in turn.calls)

    @property
    def images(self) -> int:
        """Number of images in the conversation: sources, then crops."""
        return self.source_images + self.crops
