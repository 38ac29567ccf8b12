"""Plays trials: what is asked in one, how it is sampled, and what a server's refusal teaches."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from swift_deepeyes.chat.conversation import ChatPrompt, Messages, converse
from swift_deepeyes.episode.start import EpisodeStarter, Host
from swift_deepeyes.episode.trajectory import Trajectory
from swift_deepeyes.evaluation.announcement import ToldPrompt, request_fields, tell_of_tools
from swift_deepeyes.evaluation.config import Config
from swift_deepeyes.evaluation.endpoint import Endpoint, Reply, ServerRefusedError
from swift_deepeyes.evaluation.image_files import open_image
from swift_deepeyes.evaluation.names import ToolMode
from swift_deepeyes.evaluation.prompts import messages_with_tool, messages_without_tool
from swift_deepeyes.evaluation.question_tools import named_toolbox, toolbox_of_question
from swift_deepeyes.evaluation.served_model import ServedModel
from swift_deepeyes.evaluation.text_tokens import token_counter
from swift_deepeyes.evaluation.trial import Trial
from swift_deepeyes.record.record import PromptMessage
from swift_deepeyes.settings import Settings
from swift_deepeyes.tools import Toolbox


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
        self._toolbox = named_toolbox(config.toolbox)
        self._starter = EpisodeStarter(settings)
        self._host = Host(
            recipe=model.recipe,
            frame=model.frame,
            load=open_image,
            count_tokens=token_counter(model.tokenizer),
            max_context=model.max_context,
            max_images=settings.max_images,
            max_turns=config.max_turns,
            agent_template=model.family.agent_template,
        )
        self._threads = ThreadPoolExecutor(settings.image_threads, thread_name_prefix="images")

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
            known = self._host
            try:
                return await self._play(trial)
            except ServerRefusedError as refusal:
                self._learn(refusal)
                if known == self._host:
                    raise

    def _learn(self, refusal: ServerRefusedError) -> None:
        """Take over a limit that is tighter than what is known."""
        host = self._host
        self._host = replace(
            host,
            max_images=_tighter(host.max_images, refusal.max_images),
            max_context=_tighter(host.max_context, refusal.max_context),
        )

    async def _play(self, trial: Trial) -> Played:
        told, toolbox = self._told(trial)
        fields = request_fields(told, self._model, self._config)
        client = _TrialClient(self._endpoint, self._model.name, self._config, trial, fields)
        prompt = ChatPrompt(
            messages=told.messages,
            images=tuple(map(str, trial.question.images)),
            toolbox=toolbox,
            max_tokens=self._config.sampling.max_tokens,
            more_tokens=told.tokens(self._host.count_tokens),
        )
        played = await converse(client, self._starter, self._host, prompt, self._threads)
        return Played(
            trial=trial,
            prompt=prompt.messages,
            trajectory=played.trajectory,
            crops=played.crops,
            turn_tokens=played.turn_tokens,
        )

    def _told(self, trial: Trial) -> tuple[ToldPrompt, Toolbox | None]:
        """The prompt of a trial, and its tools."""
        question = trial.question
        if trial.tool is ToolMode.OFF:
            return ToldPrompt(messages_without_tool(question, trial.order)), None
        system = self._config.system_prompt
        messages = messages_with_tool(question, trial.order, system, self._toolbox)
        text = "\n".join([*(message.text for message in messages), question.tools])
        toolbox = toolbox_of_question(question, self._config.toolbox, text)
        settings = self._starter.settings
        return tell_of_tools(messages, question.tools, toolbox, self._model, settings), toolbox


@dataclass(frozen=True, slots=True)
class _TrialClient:
    """Asks for a trial's turns, each with a seed of its own."""

    endpoint: Endpoint
    model: str
    config: Config
    trial: Trial
    fields: dict[str, Any]

    async def complete(self, messages: Messages, *, max_tokens: int, turn: int) -> Reply:
        update = {"max_tokens": max_tokens, "fields": self.fields}
        sampling = self.config.sampling.model_copy(update=update)
        seed = self.trial.seed(self.config.seed, turn)
        return await self.endpoint.complete(self.model, messages, sampling, seed=seed)


def _tighter(known: int | None, new: int | None) -> int | None:
    return min((limit for limit in (known, new) if limit is not None), default=None)
