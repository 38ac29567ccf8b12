"""Trying a tool on an image without a model: what the model would read back, and see."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from swift_deepeyes.dataset.images import BadImageError, as_entry, decoded, read_image
from swift_deepeyes.episode.boxes import Box, Frame, family_frame
from swift_deepeyes.episode.episode import Episode
from swift_deepeyes.episode.family import Family
from swift_deepeyes.episode.messages import RESPONSE_CLOSE, RESPONSE_OPEN, TURN_INSTRUCTION
from swift_deepeyes.episode.parsing import CALL_CLOSE, CALL_OPEN
from swift_deepeyes.episode.start import EpisodePrompt, EpisodeStarter, Host
from swift_deepeyes.episode.tool import Tool, Toolbox
from swift_deepeyes.episode.trajectory import CallRecord, CallStatus, StopReason
from swift_deepeyes.episode.view import ViewRecipe, to_png
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.settings import read_settings
from swift_deepeyes.tools.plugins import load_entry_points
from swift_deepeyes.tools.toolboxes import all_toolboxes, checked_tool

Corners = tuple[float, float, float, float]

_GAP = 12  # pixels between the two pictures of `picture`


class ToolFaultError(DeepEyesError):
    """The tool's own code failed; the message says how, and what training would have made of it."""


class ToolTrialError(DeepEyesError):
    """There is no such tool, family or image to try."""


@dataclass(frozen=True, slots=True)
class ToolAttempt:
    """What one turn of a model with a call of the tool comes to, as in training.

    `turn` is that turn's text; `status` what became of its first call (`ok`, or a kind of failure;
    None: there was no call). `observation` is the message that the model reads next, None where the
    turn ended the episode (`stop_reason`); `error` what it says is wrong, None where the call ran.
    `image` is what the call returned and `view` the image as the model saw it, both RGB; `box` and
    `source_box` (left, top, right, bottom) are what was cut, in pixels of the view and of the image
    that was given; None where no box was used.
    """

    turn: str
    status: str | None
    observation: str | None
    error: str | None
    stop_reason: StopReason | None
    view: Image.Image
    image: Image.Image | None
    box: Corners | None
    source_box: Corners | None

    @property
    def picture(self) -> Image.Image:
        """The view with the box in red, and beside it the returned image."""
        view = self.view.copy()
        if self.box is not None:
            ImageDraw.Draw(view).rectangle(self.box, outline="red", width=2)
        if self.image is None:
            return view
        size = view.width + _GAP + self.image.width, max(view.height, self.image.height)
        both = Image.new("RGB", size, "white")
        both.paste(view, (0, 0))
        both.paste(self.image, (view.width + _GAP, 0))
        return both

    def save(self, path: str | Path) -> None:
        """Write `picture` to a file."""
        self.picture.save(path)

    def show(self) -> None:
        """Open `picture` in the machine's image viewer."""
        self.picture.show()


def try_tool(
    tool: str | Tool[Any] | type[Tool[Any]],
    image: str | Path | Image.Image,
    call: Mapping[str, Any] | str,
    *,
    family: str = Family.QWEN2_5_VL,
    max_pixels: int | None = None,
) -> ToolAttempt:
    """Run one call of a tool on an image, by the episode that training and evaluation drive.

    `tool`: a toolbox (`env_name`), the name of a registered tool, or a tool's class or object.
    `image`: a file or a PIL image. `call`: the arguments as a dict or as JSON text, in the frame in
    which `family` writes boxes; or all that the model writes in a turn, tags included. `max_pixels`
    is the `MAX_PIXELS` of the run; None: the family's own. `DEEPEYES_*` settings count.

    >>> from PIL import Image
    >>> scene = Image.new("RGB", (1920, 1080), "navy")
    >>> call = {"bbox_2d": [0, 0, 504, 280], "label": "the bow"}
    >>> tried = try_tool("visual_toolbox_v2", scene, call, max_pixels=602112)
    >>> tried.status, tried.view.size, tried.image.size, tried.source_box
    ('ok', (1008, 560), (504, 280), (0.0, 0.0, 960.0, 540.0))
    >>> try_tool("image_rotate_tool", scene, {"angle": "left"}).error[:44]
    'The argument angle is not right: Input shoul'

    Raises `ToolTrialError` where there is nothing to try, and `ToolFaultError` for a fault of the
    tool's own code: an exception in `run`, a result of a wrong type, a missing `description`.
    """
    toolbox, name = _resolved(tool)
    turn = _turn(call, name)
    episode = _begin(toolbox, image, _family(family), max_pixels)
    observation = episode.advance(turn, tokens=len(turn), truncated=False)
    if episode.tool_fault is not None:
        read = next(iter(episode.record.turns)).observation
        raise ToolFaultError(
            f"{name} failed: {episode.tool_fault}. Its traceback is in the log; a model would read "
            f"{_bare(read or '')!r}"
        )
    text = None if observation is None else observation.text
    record = next(iter(episode.record.calls), None)
    first = episode.context.show(record.image_index or 0 if record else 0)
    returned = observation.images if observation is not None else ()
    return ToolAttempt(
        turn=turn,
        status=None if record is None else str(record.status),
        observation=text,
        error=None if record is None or text is None or _is_ok(record) else _bare(text),
        stop_reason=episode.stop_reason,
        view=first.view,
        image=_opened(returned[0]) if returned else None,
        box=None if record is None else _view_box(record, episode),
        source_box=None if record is None else record.source_box,
    )


def _resolved(tool: str | Tool[Any] | type[Tool[Any]]) -> tuple[Toolbox, str]:
    """The toolbox that the call may use, and the tool that arguments alone are meant for."""
    if not isinstance(tool, str):
        made = checked_tool(tool)
        return Toolbox(made.name, {made.name: made}), made.name
    load_entry_points()
    boxes = all_toolboxes()
    if tool in boxes:
        return boxes[tool], next(iter(boxes[tool].tools))
    for toolbox in boxes.values():
        if tool in toolbox.tools:
            return toolbox, tool
    tools = (name for toolbox in boxes.values() for name in toolbox.tools)
    known = ", ".join([*boxes, *tools])
    raise ToolTrialError(f"no toolbox and no tool is registered as {tool!r}; there are {known}")


def _family(name: str) -> Family:
    try:
        return Family(name)
    except ValueError:
        raise ToolTrialError(f"{name!r} is no family; there are {', '.join(Family)}") from None


def _turn(call: Mapping[str, Any] | str, name: str) -> str:
    """What the model writes: the text as it is, or a call with these arguments."""
    if isinstance(call, str) and not call.lstrip().startswith("{"):
        return call
    if isinstance(call, Mapping):
        is_whole = call.keys() == {"name", "arguments"}
        body = json.dumps(dict(call) if is_whole else {"name": name, "arguments": dict(call)})
    else:
        body = f'{{"name": {json.dumps(name)}, "arguments": {call}}}'
    return f"{CALL_OPEN}{body}{CALL_CLOSE}"


def _begin(
    toolbox: Toolbox, image: str | Path | Image.Image, family: Family, max_pixels: int | None
) -> Episode:
    settings = read_settings()
    options = {} if max_pixels is None else {"max_pixels": max_pixels}
    host = Host(
        recipe=ViewRecipe(family.patch_size, fetch_options=options),
        frame=family_frame(family, settings.bbox_format),
        load=_opened,
        count_tokens=len,
        agent_template=family.agent_template,
    )
    prompt = EpisodePrompt((_encoded(image),), TURN_INSTRUCTION, toolbox, lambda images: 0)
    return EpisodeStarter(settings).start(host, prompt)


def _encoded(image: str | Path | Image.Image) -> str:
    """The image as base64 PNG, as the trainer decodes it."""
    if isinstance(image, Image.Image):
        return to_png(image.convert("RGB"))
    try:
        content = read_image(as_entry(str(image)))
        if content is None:
            raise BadImageError(f"{image} is an address: download it first")
        return to_png(decoded(content)[0])
    except BadImageError as error:
        raise ToolTrialError(str(error)) from None


def _opened(png: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(png)))


def _is_ok(record: CallRecord) -> bool:
    return record.status is CallStatus.OK


def _bare(observation: str) -> str:
    """The message without its frame."""
    inside = observation.removeprefix(RESPONSE_OPEN).removesuffix(RESPONSE_CLOSE)
    return inside.removesuffix(TURN_INSTRUCTION)


def _view_box(record: CallRecord, episode: Episode) -> Corners | None:
    if record.box is None or record.frame is None:
        return None
    extent = episode.context.show(record.image_index or 0).extent
    return Box(*record.box, Frame(record.frame)).to(Frame.PIXEL, extent).corners
