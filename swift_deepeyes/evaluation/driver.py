"""Drives the training's episode engine against a server: one trial, one trajectory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from swift_deepeyes.episode.boxes import BoxRules
from swift_deepeyes.episode.context import MESSAGE_MARGIN, ContextMeter
from swift_deepeyes.episode.episode import Episode, EpisodeLimits, Observation
from swift_deepeyes.episode.images import ConversationImages
from swift_deepeyes.episode.messages import turn_instruction
from swift_deepeyes.episode.tool import ToolContext
from swift_deepeyes.episode.trajectory import Trajectory
from swift_deepeyes.episode.view import CropLimits
from swift_deepeyes.episode.view_cache import ViewCache
from swift_deepeyes.evaluation.config import Config, Sampling
from swift_deepeyes.evaluation.conversation import Conversation
from swift_deepeyes.evaluation.endpoint import Endpoint, Reply, ServerRefusedError
from swift_deepeyes.evaluation.image_files import open_image
from swift_deepeyes.evaluation.names import ToolMode
from swift_deepeyes.evaluation.prompts import messages_with_tool, messages_without_tool
from swift_deepeyes.evaluation.served_model import ServedModel
from swift_deepeyes.evaluation.text_tokens import token_counter
from swift_deepeyes.evaluation.trial import Trial
from swift_deepeyes.record.record import PromptMessage
from swift_deepeyes.settings import Settings
from swift_deepeyes.tools import Toolbox, toolbox_of_row

_IMAGE_THREADS = 4

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Played:
    """A trajectory that came to its end, and its crops as base64 PNGs."""

    trial: Trial
    prompt: tuple[PromptMessage, ...]
    trajectory: Trajectory
    crops: tuple[str, ...]
    turn_tokens: tuple[int, ...]


class Driver:
    """Runs trials. One object serves all concurrent ones of a process."""

    def __init__(
        self, endpoint: Endpoint, model: ServedModel, config: Config, settings: Settings
    ) -> None:
        self._endpoint = endpoint
        self._model = model
        self._config = config
        self._settings = settings
        self._recipe = model.recipe
        self._max_context = model.max_context
        self._max_images = settings.max_images
        self._count = token_counter(model.tokenizer)
        self._pictures = ViewCache(int(settings.picture_cache_gb * 2**30))
        self._threads = ThreadPoolExecutor(_IMAGE_THREADS, thread_name_prefix="images")

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def play(self, trial: Trial) -> Played:
        """Run one trial to its end.

        A refusal that names a limit which was not known (context, images per prompt) teaches it:
        the trial starts again, and ends at the limit as it does where a server tells at once.

        Raises `ServerFailedError`, `ServerRefusedError`, `UnusableReplyError` or
        `UnreadableImageError`: then there is no trajectory.
        """
        while True:
            known = self._max_context, self._max_images
            try:
                return await self._play(trial)
            except ServerRefusedError as refusal:
                self._learn(refusal)
                if known == (self._max_context, self._max_images):
                    raise

    def _learn(self, refusal: ServerRefusedError) -> None:
        """Take over a limit that is tighter than what is known."""
        if refusal.max_images is not None:
            self._max_images = min(self._max_images, refusal.max_images)
        if refusal.max_context is not None:
            before = self._max_context or refusal.max_context
            self._max_context = min(before, refusal.max_context)

    async def _play(self, trial: Trial) -> Played:
        prompt = self._prompt(trial)
        gallery = self._gallery(trial)
        conversation = await self._in_thread(Conversation, prompt, gallery)
        replies: list[Reply] = []
        episode = self._episode(trial, prompt, gallery, replies)
        expected = await self._in_thread(self._prompt_tokens, prompt, gallery)
        while True:
            sampling = self._sampling(expected)
            seed = trial.seed(self._config.seed, len(replies))
            reply = await self._endpoint.complete(
                self._model.name, conversation.messages, sampling, seed=seed
            )
            replies.append(reply)
            observation = await self._in_thread(self._advance, episode, reply)
            if observation is None:
                break
            conversation.add_turn(reply.text)
            await self._in_thread(conversation.add_observation, observation.text)
            expected = await self._in_thread(
                self._next_prompt_tokens, expected, reply, observation, gallery
            )
        return Played(
            trial=trial,
            prompt=prompt,
            trajectory=episode.record,
            crops=tuple(episode.images[gallery.source_count :]),
            turn_tokens=tuple(self._length(reply) for reply in replies),
        )

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        call = partial(work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _prompt(self, trial: Trial) -> tuple[PromptMessage, ...]:
        if trial.tool is ToolMode.OFF:
            return messages_without_tool(trial.question, trial.order)
        return messages_with_tool(trial.question, trial.order, self._config.system_prompt)

    def _gallery(self, trial: Trial) -> ConversationImages:
        chosen = self._settings
        return ConversationImages(
            [str(image) for image in trial.question.images],
            load=open_image,
            recipe=self._recipe,
            cache=self._pictures,
            crop_source=chosen.crop_source,
            limits=CropLimits(
                chosen.min_crop_pixels or self._recipe.min_pixels,
                chosen.max_crop_pixels,
                chosen.max_crop_scale,
            ),
        )

    def _episode(
        self,
        trial: Trial,
        prompt: tuple[PromptMessage, ...],
        gallery: ConversationImages,
        replies: list[Reply],
    ) -> Episode:
        """The engine, set up as training sets it up (ms_swift/scheduler.py)."""
        chosen = self._settings
        rules = BoxRules(min_side=chosen.min_crop_side, small_boxes=chosen.small_boxes)
        return Episode(
            scene=ToolContext(gallery, self._model.frame, rules),
            toolbox=_toolbox(trial, prompt),
            instruction=turn_instruction(_last_user_text(prompt)),
            limits=EpisodeLimits(
                self._config.max_turns, chosen.max_calls_per_turn, self._max_images
            ),
            meter=ContextMeter(
                self._max_context,
                self._count,
                self._recipe,
                # Asked after the first turn: by then the server has counted.
                lambda: replies[0].prompt_tokens or self._prompt_tokens(prompt, gallery),
            ),
        )

    def _advance(self, episode: Episode, reply: Reply) -> Observation | None:
        return episode.advance(reply.text, tokens=self._length(reply), truncated=reply.truncated)

    def _length(self, reply: Reply) -> int:
        if reply.completion_tokens is not None:
            return reply.completion_tokens
        return self._count(reply.text)

    def _prompt_tokens(self, prompt: tuple[PromptMessage, ...], gallery: ConversationImages) -> int:
        """An upper estimate of the first prompt's tokens."""
        text = sum(self._count(message.text) + MESSAGE_MARGIN for message in prompt)
        # Two more: the frame of the reply, and a system prompt of the server's own template.
        return text + 3 * MESSAGE_MARGIN + gallery.source_tokens()

    def _next_prompt_tokens(
        self, expected: int, reply: Reply, observation: Observation, gallery: ConversationImages
    ) -> int:
        """What the server counted in this turn, and what was added since."""
        before = expected if reply.prompt_tokens is None else reply.prompt_tokens
        images = range(len(gallery) - len(observation.images), len(gallery))
        seen = sum(self._recipe.tokens(gallery.show(index).extent.source) for index in images)
        return before + self._length(reply) + self._count(observation.text) + seen + MESSAGE_MARGIN

    def _sampling(self, prompt_tokens: int) -> Sampling:
        """Servers refuse `max_tokens` that cannot fit beside the prompt."""
        sampling = self._config.sampling
        if self._max_context is None:
            return sampling
        room = max(1, self._max_context - prompt_tokens)
        return sampling.model_copy(update={"max_tokens": min(sampling.max_tokens, room)})


def _toolbox(trial: Trial, prompt: tuple[PromptMessage, ...]) -> Toolbox | None:
    """The row's tools; a benchmark's question has what its prompt announces."""
    if trial.tool is ToolMode.OFF:
        return None
    text = "\n".join(message.text for message in prompt)
    return toolbox_of_row(trial.question.toolbox, text)


def _last_user_text(prompt: tuple[PromptMessage, ...]) -> str:
    return next((message.text for message in reversed(prompt) if message.role == "user"), "")
