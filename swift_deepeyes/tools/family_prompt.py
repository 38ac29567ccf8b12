"""A row's announcement of its tools, in the words of a model family.

The published prompt was written for boxes in pixels of the view and for calls as JSON. A family
with another frame, or whose template teaches another form, would be told two things at once. What
is rewritten is the tool's description, its schema's `required` and the example, in the system
prompt and in `tools`; never the question, and no number elsewhere. Rewriting twice is rewriting
once, and the same rows can be rewritten for another family again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from swift_deepeyes.episode.boxes import Frame, family_frame
from swift_deepeyes.episode.dialects.dialect import Dialect
from swift_deepeyes.episode.dialects.registry import known_dialect
from swift_deepeyes.episode.family import Family
from swift_deepeyes.episode.messages import names_no_toolbox
from swift_deepeyes.episode.tool import Toolbox
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.settings import BoxFormat
from swift_deepeyes.tools.signatures import (
    Signature,
    changed_in_text,
    column_of,
    name_of,
    properties_of,
    signatures_of_column,
    signatures_of_text,
    with_properties,
)
from swift_deepeyes.tools.toolboxes import toolbox_of_row

ZOOM, BOX = "image_zoom_in_tool", "bbox_2d"
STATEMENTS = {
    Frame.NORM1000: "Coordinates count from 0 to 1000 over the image's width and over its height.",
    Frame.PIXEL: "Coordinates are pixels of the image as it is shown.",
}
"""What a box's description ends with, where the family's frame has to be said."""
EXAMPLES = {Frame.PIXEL: (10, 20, 100, 200), Frame.NORM1000: (250, 400, 500, 750)}
"""The box of the example; the first is the published prompt's and ours."""

# A description in other words that says what its numbers count.
_OWN_FRAME = re.compile(
    r"pixel|\bpx\b|relative|absolute|normali[sz]|percent|fraction|thousand|像素|归一|相对|绝对"
    r"|\d\s*(?:-|–|~|to|and|\.\.+|,)\s*(?:1(?:\.0)?|100|999|1,?000)\b",  # noqa: RUF001
    re.IGNORECASE,
)
_CALL = re.compile(r"<tool_call>.*?</tool_call>", re.DOTALL)
_SECTION = re.compile(r"(?:\A|(?<=\n))# Tools[^\n]*\n.*</tools>(?:.*</tool_call>)?", re.DOTALL)
_HEADING = re.compile(r"^#+ (?!Tools|How to call)", re.MULTILINE)

Message = dict[str, Any]


class PromptForm(FrozenModel):
    """How a family is told of its tools.

    `frame`: what the numbers of its boxes count. `is_stated`: whether the description has to say
    so; not where the published words are meant for it. `in_column`: whether its template teaches
    another form of calls than JSON, so that `tools` is filled and the template chooses the words.
    """

    frame: Frame
    is_stated: bool
    in_column: bool = False


class Rewriting(StrEnum):
    """What came of a row's announcement; the value is its name in reports."""

    REWRITTEN = "rewritten"
    AS_WANTED = "as wanted already"
    WITHOUT_TOOL = "without a tool"
    OTHER_WORDS = "in other words, left as they are"


@dataclass(frozen=True, slots=True)
class Announcement:
    """Messages, and the content of `tools`: JSON where it was rewritten, else as it was."""

    messages: list[Message]
    tools: Any
    rewriting: Rewriting


def form_of_family(family: Family, box_format: BoxFormat) -> PromptForm:
    """The form of a family's models, with the boxes that the scheduler is told to read."""
    frame = family_frame(family, box_format)
    is_meant = frame is Frame.PIXEL and family.writes_pixels
    return PromptForm(
        frame=frame, is_stated=not is_meant, in_column=words_calls_itself(family.agent_template)
    )


def words_calls_itself(agent_template: str | None) -> bool:
    """Whether a template with this agent template teaches a form of calls other than JSON."""
    return known_dialect(agent_template) not in (None, Dialect.HERMES)


def in_form(
    messages: Sequence[Message], tools: Any, env_name: object, form: PromptForm
) -> Announcement:
    """A row's messages and `tools` in this form. Contents of messages are text."""
    kept = Announcement(list(messages), tools, Rewriting.OTHER_WORDS)
    without = Announcement(list(messages), tools, Rewriting.WITHOUT_TOOL)
    toolbox = toolbox_of_row(env_name, _told(messages, tools))
    if toolbox is None:
        return kept if _has_unknown_tools(messages, tools, env_name) else without
    place = next((at for at, one in enumerate(messages) if _announces(one)), None)
    text = "" if place is None else str(messages[place]["content"])
    in_text = signatures_of_text(text) or []
    in_column = signatures_of_column(tools) if tools else []
    if in_column is None or not _are_known([*in_text, *in_column], toolbox):
        return kept
    told = [_in_form(one, toolbox, form) for one in in_column]
    if form.in_column and in_text:
        section = _section(text)
        if section is None:
            return kept
        names = {name_of(one) for one in told}
        told += [_in_form(one, toolbox, form) for one in in_text if name_of(one) not in names]
        text = _without(text, section)
    elif in_text:
        text = changed_in_text(text, lambda one: _in_form(one, toolbox, form))
        text = _CALL.sub(lambda call: _example(call[0], form.frame), text)
    new = _with_text(messages, place, text)
    column = tools if told == in_column else column_of(told)
    is_same = new == list(messages) and column is tools
    return Announcement(new, column, Rewriting.AS_WANTED if is_same else Rewriting.REWRITTEN)


def corrected_prompt(messages: Sequence[Message], env_name: object) -> list[Message]:
    """The messages with the `required` of our own schemas in the system's signatures, no more."""
    return [
        {**message, "content": _corrected_text(message["content"], env_name)}
        if message["role"] == "system"
        else message
        for message in messages
    ]


def corrected_column(tools: Any, env_name: object) -> Any:
    """The same of a `tools` column; as it is where nothing is to be corrected."""
    given = signatures_of_column(tools) if tools else None
    toolbox = toolbox_of_row(env_name or None, str(tools))
    if given is None or toolbox is None:
        return tools
    corrected = [_corrected(one, toolbox) for one in given]
    return tools if corrected == given else column_of(corrected)


def stated_frame(messages: Sequence[Message], tools: Any) -> Frame | None:
    """The frame that an announcement states in our words; None: it states none."""
    told = _told(messages, tools)
    return next((frame for frame, words in STATEMENTS.items() if words in told), None)


def shows_json_calls(messages: Sequence[Message]) -> bool:
    """Whether a system prompt teaches calls as JSON: signatures, and an object in call tags."""
    texts = (str(one.get("content")) for one in messages if _announces(one))
    return any("{" in call for text in texts for call in _CALL.findall(text))


def _corrected_text(text: str, env_name: object) -> str:
    toolbox = toolbox_of_row(env_name or None, text)
    return text if toolbox is None else changed_in_text(text, lambda one: _corrected(one, toolbox))


def _corrected(signature: Signature, toolbox: Toolbox) -> Signature:
    tool = toolbox.tools.get(name_of(signature))
    properties = properties_of(signature)
    if tool is None or not properties:
        return signature
    wanted = tool.schema()["function"]["parameters"].get("required", [])
    parameters = signature["function"]["parameters"]
    if parameters.get("required") == wanted or not set(wanted) <= set(properties):
        return signature
    function = {**signature["function"], "parameters": {**parameters, "required": wanted}}
    return {**signature, "function": function}


def _told(messages: Sequence[Message], tools: Any) -> str:
    """Where a row tells the model of its tools; examples in the model's own turns do not."""
    texts = [str(one.get("content")) for one in messages if one.get("role") in ("system", "user")]
    return "\n".join([*texts, str(tools or "")])


def _has_unknown_tools(messages: Sequence[Message], tools: Any, env_name: object) -> bool:
    """Whether a row without a toolbox here has tools all the same, of files not loaded here."""
    if isinstance(env_name, str):
        return not names_no_toolbox(env_name)
    return bool(tools) or any(map(_announces, messages))


def _announces(message: Message) -> bool:
    return message.get("role") == "system" and "</tools>" in str(message.get("content"))


def _are_known(signatures: Sequence[Signature], toolbox: Toolbox) -> bool:
    """Whether these are the toolbox's tools, the zoom's box in words that say no frame."""
    names = {name_of(one) for one in signatures}
    if not signatures or not names <= set(toolbox.tools):
        return False
    return all(_is_plain(one) for one in signatures if name_of(one) == ZOOM)


def _is_plain(zoom: Signature) -> bool:
    box = properties_of(zoom).get(BOX)
    if not isinstance(box, Mapping) or not isinstance(box.get("description", ""), str):
        return False
    function = str(zoom["function"].get("description") or "")
    return not _OWN_FRAME.search(f"{function} {_unstated(box.get('description', ''))}")


def _unstated(description: str) -> str:
    """A description without our statement of a frame."""
    for words in STATEMENTS.values():
        description = description.replace(words, "")
    return description.rstrip()


def _in_form(signature: Signature, toolbox: Toolbox, form: PromptForm) -> Signature:
    signature = _corrected(signature, toolbox)
    if name_of(signature) != ZOOM:
        return signature
    properties = dict(properties_of(signature))
    box = dict(properties[BOX])
    plain = _unstated(box.get("description", ""))
    stated = STATEMENTS[form.frame] if form.is_stated else ""
    box["description"] = f"{plain} {stated}".strip()
    if not box["description"]:
        del box["description"]
    return with_properties(signature, {**properties, BOX: box})


def _example(call: str, frame: Frame) -> str:
    """A call that shows how calls are written, its box in the frame if it is one of ours."""
    if f'"{ZOOM}"' not in call:
        return call
    known = "|".join(r"\s*,\s*".join(map(str, box)) for box in EXAMPLES.values())
    wanted = f"[{', '.join(map(str, EXAMPLES[frame]))}]"
    return re.sub(rf'("{BOX}"\s*:\s*)\[\s*(?:{known})\s*\]', rf"\g<1>{wanted}", call)


def _section(text: str) -> re.Match[str] | None:
    """The part that tells of the tools; None where it cannot be told from the rest."""
    found = _SECTION.search(text)
    return None if found is None or _HEADING.search(found[0]) else found


def _without(text: str, section: re.Match[str]) -> str:
    parts = text[: section.start()].strip(), text[section.end() :].strip()
    return "\n\n".join(filter(None, parts))


def _with_text(messages: Sequence[Message], place: int | None, text: str) -> list[Message]:
    """The messages with another system prompt; none where nothing is left of it."""
    if place is None or messages[place]["content"] == text:
        return list(messages)
    mine = [{**messages[place], "content": text}] if text else []
    return [*messages[:place], *mine, *messages[place + 1 :]]
