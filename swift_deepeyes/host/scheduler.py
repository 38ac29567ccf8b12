"""`deepeyes_scheduler`: drives one episode engine per trajectory inside ms-swift's rollout.

The image work of a turn happens in `on_turn_end`, in a thread; `check_finished` and `step`, which
ms-swift calls on the event loop, only look up what came of it. Both of ms-swift's drivers (`run` on
the rollout server, `run_multi_turn` in colocate mode) call the hooks in this order.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from swift_deepeyes.core.boxes import BoxRules
from swift_deepeyes.core.context import MESSAGE_MARGIN, ContextMeter
from swift_deepeyes.core.episode import Episode, Limits, Observation
from swift_deepeyes.core.gallery import Gallery
from swift_deepeyes.core.picture_cache import PictureCache
from swift_deepeyes.core.pixels import CropLimits
from swift_deepeyes.core.prompt import turn_instruction
from swift_deepeyes.core.settings import settings
from swift_deepeyes.core.tool import Scene
from swift_deepeyes.core.trajectory import RECORD_KEY
from swift_deepeyes.host.limits import context_limit
from swift_deepeyes.host.media_tokens import MediaTokens
from swift_deepeyes.host.ms_swift import REPORTS_TOKEN_IDS, Scheduler, load_image
from swift_deepeyes.host.recipe import box_frame, view_recipe
from swift_deepeyes.host.tokens import TokenCounter
from swift_deepeyes.tools import toolbox_of_row

# Decoding, resizing and PNG compression release the GIL; more threads than cores only cost memory.
_WORKERS = min(8, os.cpu_count() or 1)


@dataclass(slots=True)
class _Running:
    """A trajectory under way: its engine and what `step` has to append."""

    episode: Episode
    observation: Observation | None = None


class DeepEyesScheduler(Scheduler):
    """Multi-turn scheduler of the DeepEyes method (`--multi_turn_scheduler deepeyes_scheduler`).

    One instance serves all concurrent trajectories of a process; state is kept by the request's
    `uuid` and dropped when the episode ends, also when it is abandoned.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings = settings()
        self._running: dict[Any, _Running] = {}
        self._pictures = PictureCache(int(self._settings.picture_cache_gb * 2**30))
        self._count_tokens = TokenCounter(self.tokenizer)
        self._threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix="deepeyes")

    @cached_property
    def _media_tokens(self) -> MediaTokens:
        # Not when it is made: older versions bring the template later.
        return MediaTokens(self.template, self.tokenizer)

    async def run(self, infer_request: Any, request_config: Any, **kwargs: Any) -> Any:
        """Server mode's driver; forgets the trajectory however it ends."""
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
            self._running[_key(request)] = _Running(self._begin(request))

    async def on_turn_end(
        self, infer_request: Any, response_choice: Any, current_turn: int
    ) -> dict[str, Any]:
        """Advance the episode by the turn that the model just wrote."""
        running = self._running.get(_key(infer_request))
        if running is None:  # a driver without `on_trajectory_start`
            running = self._running[_key(infer_request)] = _Running(self._begin(infer_request))
        running.observation = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._advance, running.episode, infer_request, response_choice
        )
        if not REPORTS_TOKEN_IDS:
            self._clean_text(infer_request, response_choice)
        infos: dict[str, Any] = {RECORD_KEY: running.episode.record.model_dump(mode="json")}
        if running.episode.record.crops:
            infos["images"] = running.episode.images
        done = running.observation is None
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
        observation = self._running[_key(infer_request)].observation
        assert observation is not None
        # Role `user`: with role `tool` the Qwen2.5-VL template doubles <|im_end|> and trains on it.
        infer_request.messages.append({"role": "user", "content": observation.text})
        infer_request.images = [*(infer_request.images or []), *observation.images]
        return {"infer_request": infer_request}

    def _clean_text(self, infer_request: Any, response_choice: Any) -> None:
        """What `get_response_token_data` does, for an ms-swift that encodes the text itself."""
        message = infer_request.messages[-1]
        message["content"] = self._media_tokens.neutralise_text(_text(message))
        if ids := response_choice.token_ids:
            response_choice.token_ids, _ = self._media_tokens.neutralise(ids, [1] * len(ids))

    def _advance(
        self, episode: Episode, infer_request: Any, response_choice: Any
    ) -> Observation | None:
        """One step of the engine; runs in a thread."""
        text = response_choice.message.content
        text = text if isinstance(text, str) else ""
        ids = response_choice.token_ids
        tokens = len(ids) if ids else self._count_tokens(text)
        return episode.advance(
            text, tokens=tokens, truncated=response_choice.finish_reason == "length"
        )

    def _begin(self, request: Any) -> Episode:
        """Set an episode up from a request. Opens no image."""
        template = self.template
        row: Mapping[str, Any] = request.data_dict or {}
        messages = [m for m in request.messages if m.get("role") != "assistant"]
        prompt = "\n".join(_text(message) for message in messages)
        chosen = self._settings
        # Before 4.3 a row cannot have options of its own.
        recipe = view_recipe(template, getattr(request, "chat_template_kwargs", None))
        gallery = Gallery(
            request.images or [],
            load=load_image,
            recipe=recipe,
            cache=self._pictures,
            crop_source=chosen.crop_source,
            limits=CropLimits(
                chosen.min_crop_pixels or recipe.min_pixels,
                chosen.max_crop_pixels,
                chosen.max_crop_scale,
            ),
        )
        rules = BoxRules(min_side=chosen.min_crop_side, small_boxes=chosen.small_boxes)
        first_user = next((_text(m) for m in messages if m.get("role") == "user"), "")
        return Episode(
            scene=Scene(gallery, box_frame(template, chosen.bbox_format), rules),
            toolbox=toolbox_of_row(row.get("env_name"), prompt),
            instruction=turn_instruction(first_user),
            limits=Limits(self.max_turns, chosen.max_calls_per_turn, chosen.max_images),
            meter=ContextMeter(
                context_limit(chosen, self.infer_engine, template),
                self._count_tokens,
                recipe,
                lambda: (
                    self._count_tokens(prompt)
                    + MESSAGE_MARGIN * (len(messages) + 2)
                    + gallery.source_tokens()
                ),
            ),
        )


def _key(request: Any) -> Any:
    """What identifies a trajectory: ms-swift's uuid, or the request object where it has none."""
    return request.uuid or id(request)


def _text(message: Mapping[str, Any]) -> str:
    """The text of a message; content may be a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""
