"""An episode against an OpenAI-compatible server: the zoom loop of evaluation and serving.

On the wire every image is the model's own view of it, as PNG. Sent at that size, the server's own
resize is the identity: what the model sees is what crops are cut from, whatever limits the server
runs with (as long as they are not tighter). `mm_processor_kwargs` would leave the resampling to the
server, and only vLLM knows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

from swift_deepeyes.dataset.media_tags import IMAGE_TAG
from swift_deepeyes.episode.context import MESSAGE_MARGIN
from swift_deepeyes.episode.episode import Episode, Observation
from swift_deepeyes.episode.images import ConversationImages
from swift_deepeyes.episode.start import EpisodePrompt, EpisodeStarter, Host
from swift_deepeyes.episode.tool import Toolbox
from swift_deepeyes.episode.trajectory import Trajectory
from swift_deepeyes.episode.view import to_png
from swift_deepeyes.frozen import valid_text
from swift_deepeyes.record.record import PromptMessage

P = ParamSpec("P")
T = TypeVar("T")
Messages = list[dict[str, Any]]


class TurnReply(Protocol):
    """One turn as the model wrote it. Token counts are None where the server does not tell."""

    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def truncated(self) -> bool: ...  # noqa: D102
    @property
    def prompt_tokens(self) -> int | None: ...  # noqa: D102
    @property
    def completion_tokens(self) -> int | None: ...  # noqa: D102


class TurnClient(Protocol):
    """Asks a server's model for one turn; what is sampled how is the client's own matter."""

    async def complete(self, messages: Messages, *, max_tokens: int, turn: int) -> TurnReply:
        """The next turn, number `turn` from 0. Its errors end the conversation."""


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """What is asked: messages as text with `<image>` tags, their images, and the row's tools."""

    messages: tuple[PromptMessage, ...]
    images: tuple[str, ...]
    toolbox: Toolbox | None
    max_tokens: int  # of one turn
    more_tokens: int = 0  # of the prompt, beside its messages: what the request says of tools

    @property
    def question(self) -> str:
        """The text of the last user message."""
        texts = (message.text for message in reversed(self.messages) if message.role == "user")
        return next(texts, "")


@dataclass(frozen=True, slots=True)
class ChatTrajectory:
    """A conversation that came to its end, and its crops as base64 PNGs."""

    trajectory: Trajectory
    crops: tuple[str, ...]
    turn_tokens: tuple[int, ...]


class ChatMessages:
    """Messages in OpenAI's format; images are taken from the conversation's in `<image>` order."""

    def __init__(self, prompt: Sequence[PromptMessage], images: ConversationImages) -> None:
        """Encodes the prompt's images: off the event loop. Raises `UnreadableImageError`."""
        self._images = images
        self._sent = 0
        self.messages: Messages = [
            {"role": message.role, "content": self._content(message.text)} for message in prompt
        ]

    def add_turn(self, text: str) -> None:
        """Append what the model wrote."""
        self.messages.append({"role": "assistant", "content": valid_text(text)})

    def add_observation(self, text: str) -> None:
        """Append the answer of the tools; encodes its images."""
        self.messages.append({"role": "user", "content": self._content(text)})

    def _content(self, text: str) -> str | list[dict[str, Any]]:
        """Text alone stays a string; with images it becomes parts, in the text's own order."""
        text = valid_text(text)
        before, *after = text.split(IMAGE_TAG)
        if not after:
            return text
        parts = [_text_part(before)]
        for following in after:
            view = self._images.show(self._sent).view
            self._sent += 1
            parts += [image_part(to_png(view)), _text_part(following)]
        return [part for part in parts if part is not None]


def image_part(png: str) -> dict[str, Any]:
    """A base64 PNG as OpenAI's content part."""
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}"}}


def _text_part(text: str) -> dict[str, Any] | None:
    return {"type": "text", "text": text} if text else None


async def converse(
    client: TurnClient, starter: EpisodeStarter, host: Host, prompt: ChatPrompt, threads: Executor
) -> ChatTrajectory:
    """Hold one conversation to its end; image work is done in `threads`.

    Raises what the client raises, and `UnreadableImageError` for an image of the prompt.
    """
    return await _Conversation(client, starter, host, prompt, threads).run()


class _Conversation:
    """One conversation: the episode, the messages, and how long the next prompt will be."""

    def __init__(
        self,
        client: TurnClient,
        starter: EpisodeStarter,
        host: Host,
        prompt: ChatPrompt,
        threads: Executor,
    ) -> None:
        self._client = client
        self._host = host
        self._prompt = prompt
        self._threads = threads
        self._replies: list[TurnReply] = []
        self._expected = 0
        self._episode: Episode = starter.start(
            host,
            EpisodePrompt(
                images=prompt.images,
                question=prompt.question,
                toolbox=prompt.toolbox,
                # Asked after the first turn: by then the server has counted.
                tokens=lambda _: self._replies[0].prompt_tokens or self._prompt_tokens(),
                shown="\n".join(message.text for message in prompt.messages),
            ),
        )

    async def run(self) -> ChatTrajectory:
        images = self._episode.images
        chat = await self._in_thread(ChatMessages, self._prompt.messages, images)
        self._expected = await self._in_thread(self._prompt_tokens)
        while True:
            reply = await self._client.complete(
                chat.messages, max_tokens=self._room(), turn=len(self._replies)
            )
            self._replies.append(reply)
            observation = await self._in_thread(self._advance, reply)
            if observation is None:
                break
            chat.add_turn(reply.text)
            await self._in_thread(chat.add_observation, observation.text)
            self._expected = await self._in_thread(self._next_prompt_tokens, reply, observation)
        return ChatTrajectory(
            trajectory=self._episode.record,
            crops=tuple(images.strings[images.source_count :]),
            turn_tokens=tuple(map(self._length, self._replies)),
        )

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        call = partial(work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _advance(self, reply: TurnReply) -> Observation | None:
        tokens = self._length(reply)
        return self._episode.advance(reply.text, tokens=tokens, truncated=reply.truncated)

    def _length(self, reply: TurnReply) -> int:
        if reply.completion_tokens is not None:
            return reply.completion_tokens
        return self._host.count_tokens(reply.text)

    def _prompt_tokens(self) -> int:
        """An upper estimate of the first prompt's tokens."""
        texts = (message.text for message in self._prompt.messages)
        text = sum(self._host.count_tokens(text) + MESSAGE_MARGIN for text in texts)
        # Two more: the frame of the reply, and a system prompt of the server's own template.
        frames = 3 * MESSAGE_MARGIN + self._prompt.more_tokens
        return text + frames + self._episode.images.source_tokens()

    def _next_prompt_tokens(self, reply: TurnReply, observation: Observation) -> int:
        """What the server counted in this turn, and what was added since."""
        before = self._expected if reply.prompt_tokens is None else reply.prompt_tokens
        images, recipe = self._episode.images, self._host.recipe
        new = range(len(images) - len(observation.images), len(images))
        seen = sum(recipe.tokens(images.show(index).extent.source) for index in new)
        text = self._host.count_tokens(observation.text)
        return before + self._length(reply) + text + seen + MESSAGE_MARGIN

    def _room(self) -> int:
        """Tokens for the next turn: servers refuse what cannot fit beside the prompt."""
        longest, context = self._prompt.max_tokens, self._host.max_context
        return longest if context is None else min(longest, max(1, context - self._expected))
