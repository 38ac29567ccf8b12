"""What was said in an episode, as scoring needs it: from our record, or from messages and images.

Our scheduler leaves a `Trajectory`; another scheduler, an older ms-swift or a row that never
reached a step leaves only `messages` and `images`. Everything here is total: no shape of those two
raises. Nothing is changed in place, because ms-swift shares the lists between reward functions.
"""

from __future__ import annotations

from collections.abc import Mapping

from swift_deepeyes.dataset.media_tags import IMAGE_TAG
from swift_deepeyes.episode.messages import RESPONSE_OPEN
from swift_deepeyes.episode.trajectory import StopReason, Text, Trajectory
from swift_deepeyes.frozen import FrozenModel

_ASSISTANT = "assistant"
_IMAGE_PARTS = ("image", "image_url")


class Exchange(FrozenModel):
    """One turn: the model's text (None: known only as token ids) and what it got back."""

    text: Text | None
    observation: Text | None = None


class Transcript(FrozenModel):
    """All turns after the prompt; `crops` counts images that a tool really returned.

    `is_truncated`: the last turn was cut at the length limit, so no end token follows it.
    `prompt_opens_thought`: as in `Trajectory`.
    """

    exchanges: tuple[Exchange, ...]
    crops: int = 0
    is_truncated: bool = False
    prompt_opens_thought: bool | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The model's texts, in order, where they are known as text."""
        return tuple(turn.text for turn in self.exchanges if turn.text is not None)


def transcript_of_record(record: Trajectory) -> Transcript:
    """The transcript of an episode that our scheduler ran."""
    return Transcript(
        exchanges=tuple(
            Exchange(text=turn.text, observation=turn.observation) for turn in record.turns
        ),
        crops=max(record.crops, 0),
        is_truncated=record.stop_reason is StopReason.LENGTH,
        prompt_opens_thought=record.prompt_opens_thought,
    )


def transcript_of_messages(
    completion: object,
    messages: object,
    images: object,
    *,
    turns: int | None = None,
    is_truncated: bool = False,
) -> Transcript | None:
    """The transcript from what any scheduler leaves; None where no text of the model is known.

    `turns`: how many the model wrote, `completion` included; None: not known (see `prompt_of`).
    From ms-swift 4.6 on every assistant message but the last holds token ids; without a tokenizer
    those turns stay unknown, so that only the last turn (`completion`) is checked there.
    """
    conversation = _messages(messages)
    start = len(prompt_of(messages, turns))
    exchanges = _exchanges(conversation[start:])
    if isinstance(completion, str):
        if exchanges and has_role(conversation[-1], _ASSISTANT):
            exchanges[-1] = Exchange(text=completion)
        else:
            exchanges.append(Exchange(text=completion))
    if not exchanges or exchanges[-1].text is None:
        return None
    return Transcript(
        exchanges=tuple(exchanges),
        crops=_crops(conversation, start, images),
        is_truncated=is_truncated,
    )


def prompt_of(messages: object, turns: int | None = None) -> list[Mapping[str, object]]:
    """The messages before the model's first turn; a prompt may hold turns of its own (few-shot).

    `turns`: how many the model wrote. Where that is not known, an assistant's turn before the last
    is the model's if it is token ids, or if all that follows it comes from tools.
    """
    conversation = _messages(messages)
    starts = [at for at, message in enumerate(conversation) if has_role(message, _ASSISTANT)]
    end = len(conversation)
    is_complete = bool(starts) and starts[-1] == end - 1
    if turns is not None:
        count = turns if is_complete else turns - 1  # the last one is not among the messages
        return (
            conversation[: starts[-min(count, len(starts))]]
            if starts and count > 0
            else conversation
        )
    if is_complete:
        end = starts.pop()
    while starts and _is_the_models(conversation[starts[-1] : end]):
        end = starts.pop()
    return conversation[:end]


def _is_the_models(messages: list[Mapping[str, object]]) -> bool:
    """Whether an assistant's turn, with what follows it, is not a shot of the prompt."""
    turn, *following = messages
    return text_of(turn.get("content")) is None or all(map(_comes_from_a_tool, following))


def _comes_from_a_tool(message: Mapping[str, object]) -> bool:
    return has_role(message, "tool") or RESPONSE_OPEN in (text_of(message.get("content")) or "")


def text_of(content: object) -> str | None:
    """A message's content as text, an image part as its tag; None for token ids and junk."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple):
        return None
    parts = [_part_text(part) for part in content]
    known = [part for part in parts if part is not None]
    return "".join(known) if known or not parts else None


def _part_text(part: object) -> str | None:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        return None
    kind = part.get("type")
    if isinstance(kind, str) and kind in _IMAGE_PARTS:
        return IMAGE_TAG
    text = part.get("text")
    return text if isinstance(text, str) else None


def has_role(message: Mapping[str, object], role: str) -> bool:
    """Whether a message is of this role; a role may be anything, an array for example."""
    given = message.get("role")
    return isinstance(given, str) and given == role


def _messages(messages: object) -> list[Mapping[str, object]]:
    if not isinstance(messages, list | tuple):
        return []
    return [message for message in messages if isinstance(message, Mapping)]


def _exchanges(conversation: list[Mapping[str, object]]) -> list[Exchange]:
    exchanges: list[Exchange] = []
    for message in conversation:
        text = text_of(message.get("content"))
        if has_role(message, _ASSISTANT):
            exchanges.append(Exchange(text=text))
        elif text is not None:
            last = exchanges[-1]
            observation = (last.observation or "") + text
            exchanges[-1] = Exchange(text=last.text, observation=observation)
    return exchanges


def _crops(conversation: list[Mapping[str, object]], start: int, images: object) -> int:
    """Images that are not the prompt's, and that an observation shows.

    Images alone would count a prompt's own image as a crop where the prompt has no `<image>` tag
    (ms-swift adds it later); tags alone would count an error text that echoes `<image>`.
    """
    added = _image_count(images) - _tags(conversation[:start])
    observed = _tags(
        [message for message in conversation[start:] if not has_role(message, _ASSISTANT)]
    )
    return max(min(added, observed), 0)


def _tags(messages: list[Mapping[str, object]]) -> int:
    return sum((text_of(message.get("content")) or "").count(IMAGE_TAG) for message in messages)


def _image_count(images: object) -> int:
    if isinstance(images, list | tuple):
        return sum(image is not None for image in images)
    return 1 if isinstance(images, str | Mapping) else 0
