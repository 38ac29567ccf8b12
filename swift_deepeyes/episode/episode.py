"""The episode engine: one trajectory, driven turn by turn. Total: no text of a model raises.

It takes the model's text of a turn and answers "finished, because …" or "here is the observation".
It knows neither ms-swift nor HTTP: training (both modes), evaluation and the demo drive this class.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from swift_deepeyes.dataset.media_tags import IMAGE_TAG, without_media_tags
from swift_deepeyes.episode.boxes import Box
from swift_deepeyes.episode.context import ContextMeter
from swift_deepeyes.episode.dialects.registry import Dialects
from swift_deepeyes.episode.images import ConversationImages, NewImage
from swift_deepeyes.episode.messages import observation_message
from swift_deepeyes.episode.parsing import MalformedCall, ToolCall, parse_turn
from swift_deepeyes.episode.result import ToolResult, checked_result
from swift_deepeyes.episode.tool import Toolbox, ToolContext, ToolError
from swift_deepeyes.episode.trajectory import (
    CallRecord,
    CallStatus,
    StopReason,
    Trajectory,
    TurnRecord,
)

logger = logging.getLogger(__name__)

Call = ToolCall | MalformedCall

_NEEDS_FORM: frozenset[str] = frozenset({CallStatus.UNKNOWN_TOOL, CallStatus.BAD_ARGUMENTS})
"""Mistakes of a call as a whole; those about a box say themselves how a box is written."""


@dataclass(frozen=True, slots=True)
class EpisodeLimits:
    """How long an episode may get. `max_turns` None: the driver decides."""

    max_turns: int | None
    max_calls_per_turn: int
    max_images: int


@dataclass(frozen=True, slots=True)
class Observation:
    """The next user message: its text, and the base64 PNGs that its `<image>` tags stand for."""

    text: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _CallOutcome:
    """What one call gave, before it is known whether it fits into the context."""

    record: CallRecord
    text: str
    image: NewImage | None = None


class Episode:
    """One trajectory. `toolbox` None: the row has no tool, and the episode is one turn."""

    def __init__(
        self,
        *,
        context: ToolContext,
        toolbox: Toolbox | None,
        instruction: str,
        limits: EpisodeLimits,
        meter: ContextMeter,
        prompt_opens_thought: bool | None = None,
        dialects: Dialects = Dialects(),  # noqa: B008
    ) -> None:
        self.context = context
        self._images = context.images
        self._toolbox = toolbox
        self._instruction = instruction
        self._limits = limits
        self._meter = meter
        self._prompt_opens_thought = prompt_opens_thought
        self._dialects = dialects
        self._turns: list[TurnRecord] = []
        self.stop_reason: StopReason | None = None
        self.tool_fault: str | None = None  # the last exception of a tool's own code

    @property
    def record(self) -> Trajectory:
        """What has happened so far."""
        images = self._images
        return Trajectory(
            turns=tuple(self._turns),
            source_images=images.source_count,
            crops=len(images) - images.source_count,
            view_sizes=images.view_sizes,
            toolbox=None if self._toolbox is None else self._toolbox.name,
            stop_reason=self.stop_reason,
            prompt_opens_thought=self._prompt_opens_thought,
        )

    @property
    def images(self) -> ConversationImages:
        """The conversation's images, in `<image>` order."""
        return self._images

    def advance(self, text: str, *, tokens: int, truncated: bool) -> Observation | None:
        """Take the model's text of one turn (`tokens` long; `truncated`: cut off by a limit).

        Returns the observation, or None if the episode is over; `stop_reason` then says why. Does
        image work: call it off the event loop.
        """
        self._meter.spend(tokens)
        parsed = parse_turn(text, self._dialects)
        calls = tuple(map(self._typed, parsed.calls))
        stop = self._reason_to_stop(parsed.has_answer, bool(calls), truncated)
        if stop is not None:
            self._finish(text, calls, stop)
            return None
        outcomes = [self._run(call) for call in calls[: self._allowed_calls]]
        surplus = calls[len(outcomes) :]
        message = self._message(outcomes, len(surplus))
        images = [outcome.image for outcome in outcomes if outcome.image is not None]
        if not self._meter.admit(message, [image.size for image in images]):
            self._finish(text, calls, StopReason.CONTEXT_FULL)
            return None
        pngs = tuple(self._images.add(image) for image in images)
        records = [outcome.record for outcome in outcomes]
        records += [_record(call, CallStatus.TOO_MANY_CALLS) for call in surplus]
        self._turns.append(TurnRecord(text=text, calls=tuple(records), observation=message))
        return Observation(message, pngs)

    @property
    def _allowed_calls(self) -> int:
        free = self._limits.max_images - len(self._images)
        return max(1, min(self._limits.max_calls_per_turn, free))

    def _reason_to_stop(
        self, has_answer: bool, has_calls: bool, truncated: bool
    ) -> StopReason | None:
        """`<answer>` wins over a tool call beside it (official environment)."""
        limits = self._limits
        if truncated:
            return StopReason.LENGTH
        if has_answer:
            return StopReason.ANSWERED
        if self._toolbox is None or not has_calls:
            return StopReason.NO_ACTION
        if limits.max_turns is not None and len(self._turns) + 1 >= limits.max_turns:
            return StopReason.MAX_TURNS
        if len(self._images) >= limits.max_images:
            return StopReason.IMAGE_LIMIT
        return None

    def _finish(self, text: str, calls: tuple[Call, ...], reason: StopReason) -> None:
        """Close the episode. Its last calls were not run, whatever they were."""
        records = tuple(_record(call, CallStatus.NOT_RUN) for call in calls)
        self._turns.append(TurnRecord(text=text, calls=records))
        self.stop_reason = reason

    def _run(self, call: Call) -> _CallOutcome:
        """Run one call; a mistake becomes text that the model can act on."""
        if isinstance(call, MalformedCall):
            return _CallOutcome(_record(call, call.status), self._with_form(call.message, call))
        try:
            result = self._result(call)
        except ToolError as error:
            message = error.message
            if error.kind in _NEEDS_FORM:
                message = self._with_form(message, call)
            return _CallOutcome(_record(call, error.kind), message)
        except Exception as error:
            # A bug in a tool, perhaps the user's own: it is reported with its traceback, and the
            # episode goes on, because one trajectory must not end a run of thousands.
            self.tool_fault = f"{type(error).__name__}: {error}"
            logger.exception("tool %r failed with arguments %r", call.name, call.arguments)
            message = "The tool failed; go on without it."
            return _CallOutcome(_record(call, CallStatus.TOOL_FAILED), message)
        return _CallOutcome(_record(call, CallStatus.OK, result), result.text, result.image)

    def _result(self, call: ToolCall) -> ToolResult:
        """Find the tool, read its arguments, run it. Raises `ToolError`."""
        assert self._toolbox is not None
        tool = self._toolbox.tools.get(call.name)
        if tool is None:
            names = ", ".join(self._toolbox.tools)
            raise ToolError(
                f"There is no such tool; there is: {names}.", kind=CallStatus.UNKNOWN_TOOL
            )
        result = tool.run(tool.read_arguments(call.arguments), self.context)
        return checked_result(result, self._images.recipe)

    def _with_form(self, message: str, call: Call) -> str:
        """The message, and how a right call of that tool looks."""
        assert self._toolbox is not None
        return f"{message} {self._toolbox.form(call.name, self._dialects.taught)}"

    def _typed(self, call: Call) -> Call:
        """A call whose form has no types gets those of its tool."""
        if self._toolbox is None or isinstance(call, MalformedCall):
            return call
        return self._toolbox.typed(call)

    def _message(self, outcomes: list[_CallOutcome], surplus: int) -> str:
        parts = [
            (IMAGE_TAG if outcome.image else "") + without_media_tags(outcome.text)
            for outcome in outcomes
        ]
        if surplus:
            limit = len(outcomes)
            calls = "call is" if limit == 1 else f"{limit} calls are"
            parts.append(f"Only the first {calls} run in a turn; {surplus} more were left out.")
        return observation_message(parts, self._instruction)


def _record(call: Call, status: str, result: ToolResult | None = None) -> CallRecord:
    """A call for the record. A malformed one has no name and no arguments."""
    name, arguments = (call.name, call.arguments) if isinstance(call, ToolCall) else (None, None)
    if result is None:
        return CallRecord(name=name, arguments=arguments, status=status)
    place = result.image.place if result.image else None
    return CallRecord(
        name=name,
        arguments=arguments,
        status=status,
        image_index=result.image_index,
        frame=result.box.frame.value if result.box else None,
        box=_rounded(result.box) if result.box else None,
        source_box=_rounded(place.region) if place else None,
        crop_size=result.image.size if result.image else None,
    )


def _rounded(box: Box) -> tuple[float, float, float, float]:
    left, top, right, bottom = (round(float(number), 3) for number in box.corners)
    return left, top, right, bottom
