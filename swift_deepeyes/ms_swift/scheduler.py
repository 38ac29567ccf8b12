"""`deepeyes_scheduler`: drives one episode engine per trajectory inside ms-swift's rollout.

The image work of a turn happens in `on_turn_end`, in a thread; `check_finished` and `step`, which
ms-swift calls on the event loop, only look up what came of it. Both of ms-swift's drivers (`run` on
the rollout server, `run_multi_turn` in colocate mode) call the hooks in this order.
"""

from __future__ import annotations

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from swift_deepeyes.episode.context import MESSAGE_MARGIN
from swift_deepeyes.episode.episode import Episode, Observation
from swift_deepeyes.episode.images import ConversationImages
from swift_deepeyes.episode.start import EpisodePrompt, EpisodeStarter, Host
from swift_deepeyes.episode.trajectory import OVER_TURN, RECORD_KEY, StopReason
from swift_deepeyes.ms_swift.checks.pixels import VIEWS_KEY, view_sizes
from swift_deepeyes.ms_swift.checks.prompts import check_form_of_calls
from swift_deepeyes.ms_swift.checks.scheduler import warn_of_missing_columns
from swift_deepeyes.ms_swift.checks.thinking import TEMPLATE_KEY, template_facts
from swift_deepeyes.ms_swift.compat import (
    KEEPS_THOUGHTS,
    REPORTS_TOKEN_IDS,
    Scheduler,
    agent_template_name,
    load_image,
)
from swift_deepeyes.ms_swift.limits import PROMPT_FLAG, check_prompt, context_limit, image_limit
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.rendered import RenderedPrompt
from swift_deepeyes.ms_swift.request import (
    Prompt,
    has_parts,
    read_prompt,
    row_options,
    without_parts,
)
from swift_deepeyes.ms_swift.speech.banner import introduce_rollout
from swift_deepeyes.ms_swift.template import box_frame, view_recipe
from swift_deepeyes.ms_swift.tokens import MediaTokens, TokenCounter
from swift_deepeyes.tools import toolbox_of_row

logger = logging.getLogger(__name__)

_SERVER_RANK = "SWIFT_ROLLOUT_DP_RANK"  # `swift rollout` has one scheduler for each


@dataclass(slots=True)
class _Running:
    """A trajectory under way: its prompt, its engine, and what `step` has to append.

    `lists_images`: the images were parts of messages, and have become a list of the request's.
    """

    prompt: Prompt
    episode: Episode | None = None
    observation: Observation | None = None
    lists_images: bool = False


class DeepEyesScheduler(Scheduler):
    """Multi-turn scheduler of the DeepEyes method (`--multi_turn_scheduler deepeyes_scheduler`).

    One instance serves all concurrent trajectories of a process; state is kept by the request's
    `uuid` and dropped when the episode ends, also when it is abandoned.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._running: dict[Any, _Running] = {}
        self._has_warned = False
        self._starter = EpisodeStarter(process.settings)
        self._count_tokens = TokenCounter(self.tokenizer)
        self._threads = ThreadPoolExecutor(
            process.settings.image_threads, thread_name_prefix="deepeyes"
        )
        process.scheduler = self
        if self.infer_engine is not None and os.environ.get(_SERVER_RANK, "0") == "0":
            introduce_rollout(self)

    @cached_property
    def _media_tokens(self) -> MediaTokens:
        # Not when it is made: older versions bring the template later.
        return MediaTokens(self.template, self.tokenizer)

    @cached_property
    def _template_infos(self) -> dict[str, Any]:
        """For the trainer, which compares it with its own template."""
        found = {VIEWS_KEY: view_sizes(self.template), TEMPLATE_KEY: template_facts(self.template)}
        return {key: value for key, value in found.items() if value}

    async def run(self, infer_request: Any, request_config: Any, **kwargs: Any) -> Any:
        """Server mode's driver; forgets the trajectory however it ends."""
        if infer_request.images and not infer_request.data_dict:
            warn_of_missing_columns()
        try:
            return await super().run(infer_request, request_config, **kwargs)
        finally:
            self._running.pop(_key(infer_request), None)

    async def on_trajectory_start(self, requests: list[Any]) -> None:
        """Begin an episode for each request."""
        if self.infer_engine is None:
            # Colocate mode hands over whole batches, one after another: what is still here was
            # abandoned when its batch failed.
            self._running.clear()
        for request in requests:
            self._start(request)

    async def on_turn_end(
        self, infer_request: Any, response_choice: Any, current_turn: int
    ) -> dict[str, Any]:
        """Advance the episode by the turn that the model just wrote."""
        running = self._running.get(_key(infer_request))
        if running is None:  # a driver without `on_trajectory_start`
            running = self._start(infer_request)
        episode = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._advance, running, response_choice
        )
        if REPORTS_TOKEN_IDS:
            self._leave_out_untrained(response_choice)
        else:
            self._clean_text(infer_request, response_choice)
        infos: dict[str, Any] = {RECORD_KEY: episode.record.model_dump(mode="json")}
        if self.infer_engine is not None:  # a rollout server: its template is another one's
            infos |= self._template_infos
        if episode.record.crops or running.lists_images:
            infos["images"] = episode.images.strings
        done = running.observation is None
        if process.settings.mask_over_turn and episode.stop_reason in OVER_TURN:
            # What a sample's `is_truncated` is read from, in every driver, by `--overlong_filter`.
            response_choice.finish_reason = "length"
        if done:
            self._running.pop(_key(infer_request), None)
        return {"done": done, "rollout_infos": infos}

    def get_response_token_data(self, *args: Any, **kwargs: Any) -> tuple[list[int], list[int]]:
        """The ids that are trained on and that the next turn's prompt holds."""
        return self._media_tokens.neutralise(*super().get_response_token_data(*args, **kwargs))

    def check_finished(self, infer_request: Any, response_choice: Any, current_turn: int) -> bool:
        """Whether the episode is over; `on_turn_end` has decided it."""
        return _key(infer_request) not in self._running

    def step(self, infer_request: Any, response_choice: Any, current_turn: int) -> dict[str, Any]:
        """Append the observation that `on_turn_end` prepared."""
        running = self._running[_key(infer_request)]
        episode, observation = running.episode, running.observation
        assert episode is not None and observation is not None
        # Images come in one list or in the messages, not in both.
        if has_parts(infer_request.messages):
            infer_request.messages, _ = without_parts(infer_request.messages)
            running.lists_images = True
        # Role `user`: with role `tool` the Qwen2.5-VL template doubles <|im_end|> and trains on it.
        infer_request.messages.append({"role": "user", "content": observation.text})
        infer_request.images = episode.images.strings
        return {"infer_request": infer_request}

    def _clean_text(self, infer_request: Any, response_choice: Any) -> None:
        """What `get_response_token_data` does, for an ms-swift that encodes the text itself."""
        message = infer_request.messages[-1]
        message["content"] = self._media_tokens.neutralise_text(str(message["content"]))
        if ids := response_choice.token_ids:
            response_choice.token_ids, _ = self._media_tokens.neutralise(ids, [1] * len(ids))

    def _leave_out_untrained(self, response_choice: Any) -> None:
        """Log-probabilities of the tokens that are trained on, and no others.

        ms-swift compares their numbers, and where one differs it corrects nothing in the whole
        batch (`--rollout_importance_sampling_mode`), without a word.
        """
        ids, logprobs = response_choice.token_ids, response_choice.logprobs
        if ids and logprobs and len(logprobs.get("content") or ()) == len(ids):
            logprobs["content"] = self._media_tokens.keep_trained(ids, logprobs["content"])

    def _start(self, request: Any) -> _Running:
        """Note what the row says. Raises `PromptTooLargeError` if no engine takes its prompt."""
        prompt = read_prompt(request)
        check_prompt(self.infer_engine, len(prompt.images))
        if hasattr(request, "chat_template_kwargs"):
            request.chat_template_kwargs = {
                **KEEPS_THOUGHTS,
                **row_options(request.chat_template_kwargs),
            }
        running = self._running[_key(request)] = _Running(prompt)
        return running

    def _advance(self, running: _Running, response_choice: Any) -> Episode:
        """One step of the engine; runs in a thread."""
        episode = running.episode = running.episode or self._begin(running.prompt)
        text = response_choice.message.content
        text = text if isinstance(text, str) else ""
        ids = response_choice.token_ids
        tokens = len(ids) if ids else self._count_tokens(text)
        running.observation = episode.advance(
            text, tokens=tokens, truncated=response_choice.finish_reason == "length"
        )
        if episode.stop_reason is StopReason.CONTEXT_FULL:
            self._warn_of_prompt_limit()
        return episode

    def _begin(self, prompt: Prompt) -> Episode:
        """Begin the episode of a row's prompt. Opens no image."""
        template = self.template
        rendered = prompt.render(template)
        margin = MESSAGE_MARGIN + self._count_tokens(rendered.response_prefix)
        toolbox = toolbox_of_row(prompt.env_name, prompt.announcement(template))
        if toolbox is not None:
            check_form_of_calls(prompt, rendered.text, agent_template_name(template))
        return self._starter.start(
            self._host(prompt),
            EpisodePrompt(
                images=prompt.images,
                question=prompt.question,
                toolbox=toolbox,
                tokens=lambda images: self._prompt_tokens(rendered, images),
                message_margin=margin,
                opens_thought=rendered.opens_thought,
                shown=rendered.text,
            ),
        )

    def _host(self, prompt: Prompt) -> Host:
        """What the template and the engine say for a row of these options."""
        template, settings = self.template, self._starter.settings
        limit = context_limit(settings, self.infer_engine, template)
        return Host(
            recipe=view_recipe(template, prompt.options),
            frame=box_frame(template, settings.bbox_format),
            load=load_image,
            count_tokens=self._count_tokens,
            max_context=None if limit is None else limit.tokens,
            max_images=image_limit(settings, self.infer_engine),
            max_turns=self.max_turns,
            agent_template=agent_template_name(template),
        )

    def _prompt_tokens(self, rendered: RenderedPrompt, images: ConversationImages) -> int:
        text = sum(map(self._count_piece, rendered.pieces))
        return text + MESSAGE_MARGIN + images.source_tokens()

    def _count_piece(self, piece: str | list[int]) -> int:
        return self._count_tokens(piece) if isinstance(piece, str) else len(piece)

    def _warn_of_prompt_limit(self) -> None:
        """Where a limit of prompts ends conversations, say so, once."""
        limit = context_limit(self._starter.settings, self.infer_engine, self.template)
        if limit is None or limit.source != PROMPT_FLAG or self._has_warned:
            return
        self._has_warned = True
        logger.warning(
            "Trajectories end (context_full) at %d tokens, which is %s. It bounds the whole "
            "conversation in this mode, not only the prompt: set it to the context of the engine.",
            limit.tokens,
            PROMPT_FLAG,
        )


def _key(request: Any) -> Any:
    """What identifies a trajectory: ms-swift's uuid, or the request object where it has none."""
    return request.uuid or id(request)
