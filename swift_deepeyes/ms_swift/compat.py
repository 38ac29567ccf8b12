"""ms-swift, whichever version is installed: the only file that knows how they differ.

The rest of this room takes ms-swift's names from here. What differs is found by looking at what is
there, not by a version number, so that a backport counts as what it can do:

- Since 4.5.3 a scheduler reports the token ids of each turn (`get_response_token_data`), and is
  handed the template in colocate mode. Before, ms-swift encodes the texts of all turns but the last
  once more, and the trainer's callback brings the template (`equip`).
- Since 4.3 schedulers have asynchronous hooks, and a trainer asks `_get_callbacks` for callbacks.
  Before, `hookless` calls the hooks, and a trainer is given its callback when it is made.
- Before 4.0 the modules have other names.
- Before 3.12.1 there are no asynchronous rewards; those versions are refused, with one message.
"""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from packaging.version import Version

from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.ms_swift import drivers
from swift_deepeyes.ms_swift.rendered import RenderedPrompt

OLDEST = Version("3.12.1")
INSTALLED = Version(version("ms-swift"))


class UnsupportedMsSwiftError(DeepEyesError, ImportError):
    """The installed ms-swift is too old for this package."""


if INSTALLED < OLDEST:
    raise UnsupportedMsSwiftError(
        f"swift-deepeyes needs ms-swift {OLDEST} or later and found {INSTALLED}, which has no "
        f'asynchronous rewards. The fix: pip install "ms-swift>={OLDEST}"'
    )

from swift.trainers.mixin import SwiftMixin  # noqa: E402

HAS_NEW_NAMES = find_spec("swift.rewards") is not None
if HAS_NEW_NAMES:
    import swift.dataset.register as dataset_register
    from swift.callbacks import callbacks_map
    from swift.dataset import DatasetMeta
    from swift.dataset.preprocessor import AutoPreprocessor, MessagesPreprocessor
    from swift.infer_engine.protocol import RolloutOutput
    from swift.rewards import AsyncORM, orms
    from swift.rollout import MultiTurnScheduler, multi_turns
    from swift.template import StdTemplateInputs, Template
    from swift.template.vision_utils import load_image
else:
    import swift.llm.dataset.register as dataset_register
    from swift.llm import Template
    from swift.llm.dataset import AutoPreprocessor, DatasetMeta, MessagesPreprocessor
    from swift.llm.infer.protocol import RolloutOutput
    from swift.llm.template.template_inputs import StdTemplateInputs
    from swift.llm.template.vision_utils import load_image
    from swift.plugin import AsyncORM, MultiTurnScheduler, multi_turns, orms

    callbacks_map = {}  # there is no `--callbacks`

__all__ = [
    "AsyncORM", "AutoPreprocessor", "DatasetMeta", "MessagesPreprocessor",
    "Scheduler", "add_callback", "agent_template_name", "call_before_loading", "dataset_register",
    "equip", "load_image", "load_plugins", "load_template", "mend_encoding", "multi_turns",
    "orms", "render_prompt",
]  # fmt: skip

CALLS_HOOKS = hasattr(MultiTurnScheduler, "on_turn_end")
REPORTS_TOKEN_IDS = hasattr(MultiTurnScheduler, "get_response_token_data")
KEEPS_THOUGHTS = {} if REPORTS_TOKEN_IDS else {"preserve_thinking": True}
"""Options of every row. Where earlier turns are texts, engines drop their thoughts, which the
trainer keeps; token ids stay as they were sampled."""
LIFTS_PROMPT_LIMIT = hasattr(Template, "_encode_truncated")


class Scheduler(MultiTurnScheduler):  # type: ignore[misc]  # ms-swift has no types
    """ms-swift's multi-turn scheduler, with what older versions lack."""

    _template: Any = None  # what the base's constructor sets where it is handed one

    @property
    def template(self) -> Any:
        """The template of this process: given in colocate mode, the engine's on a server.

        Never None, and no `AttributeError`: ms-swift's `__getattr__` would turn it into None, and
        boxes would count in a frame that is not the model's.
        """
        names = ("template", "default_template")  # the latter before 4.0
        given = (self._template, *(getattr(self.infer_engine, name, None) for name in names))
        for template in given:
            if template is not None:
                return template
        raise UnsupportedMsSwiftError(
            f"ms-swift {INSTALLED} hands a scheduler no template in this mode. The fix: "
            'pip install "ms-swift>=4.5.3", or a rollout server (--vllm_mode server)'
        )

    if not CALLS_HOOKS:

        async def run(self, infer_request: Any, request_config: Any, **kwargs: Any) -> Any:
            """Server mode's driver, with the hooks."""
            return await drivers.run(RolloutOutput, self, infer_request, request_config, **kwargs)


def equip(trainer: Any) -> None:
    """Give the trainer's own scheduler (colocate mode) what its ms-swift does not: see above."""
    scheduler = getattr(trainer, "multi_turn_scheduler", None)
    if not isinstance(scheduler, Scheduler):
        return
    if scheduler._template is None:
        scheduler._template = trainer.template
    if not CALLS_HOOKS:
        driver = functools.partial(drivers.run_batch, RolloutOutput, trainer)
        trainer._colocate_multi_turn_infer = driver


def add_callback(name: str, callback_type: type[Any]) -> None:
    """Register a callback, and add it to every GRPO trainer that has none. Idempotent."""
    callbacks_map[name] = callback_type
    if callback_type in _added:
        return
    _added.add(callback_type)
    if hasattr(SwiftMixin, "_get_callbacks"):
        _add_when_asked(callback_type)
    else:
        _add_when_made(callback_type)


_added: set[type[Any]] = set()


def _add_when_asked(callback_type: type[Any]) -> None:
    original = SwiftMixin._get_callbacks

    @functools.wraps(original)
    def get_callbacks(self: Any, args: Any) -> list[Any]:
        callbacks: list[Any] = original(self, args)
        if _is_missing(callback_type, self, callbacks):
            callbacks.append(callback_type(args, self))
        return callbacks

    SwiftMixin._get_callbacks = get_callbacks


def _add_when_made(callback_type: type[Any]) -> None:
    original = SwiftMixin.__init__

    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if _is_missing(callback_type, self, self.callback_handler.callbacks):
            self.add_callback(callback_type(self.args, self))

    SwiftMixin.__init__ = init


def _is_missing(callback_type: type[Any], trainer: Any, callbacks: Sequence[Any]) -> bool:
    is_grpo = hasattr(trainer, "_prepare_rewards")
    return is_grpo and not any(isinstance(one, callback_type) for one in callbacks)


def call_before_loading(check: Callable[[Any], None]) -> None:
    """Have `swift rlhf` call `check` with its arguments before it loads its model. Idempotent.

    Rewards are made only when model and data are there, minutes later. Other commands, which have
    not imported the class, are left alone.
    """
    modules = ("swift.pipelines.train.rlhf", "swift.llm.train.rlhf")  # the latter before 4.0
    module = next((sys.modules[name] for name in modules if name in sys.modules), None)
    original = getattr(getattr(module, "SwiftRLHF", None), "_prepare_model_tokenizer", None)
    if original is None or hasattr(original, "checks_first"):
        return

    @functools.wraps(original)
    def prepare_model_tokenizer(self: Any, *args: Any, **kwargs: Any) -> Any:
        check(self.args)
        return original(self, *args, **kwargs)

    prepare_model_tokenizer.checks_first = True  # type: ignore[attr-defined]
    module.SwiftRLHF._prepare_model_tokenizer = prepare_model_tokenizer  # type: ignore[union-attr]


def mend_encoding(
    is_unbounded: Callable[[str, Sequence[Mapping[str, Any]]], bool],
    check_prompt: Callable[[int, int], None],
) -> None:
    """Mend three things of ms-swift's encoding, for engines and trainer. Idempotent.

    `--max_length` bounds prompts only, as the trainer means it: an engine's template is a copy of
    the trainer's, `max_length` included, and would check every turn's whole conversation against
    it; `delete` ends the run there, `left` cuts the system prompt and the question. The trainer
    itself encodes what it trains on without any limit (except under Ray), but not what it logs.
    `is_unbounded` (mode, messages) says which conversations these are.

    With `--truncation_strategy delete` the trainer replaces prompts that it cannot encode: also
    those, then, for which `check_prompt` (images, tokens) raises, since no engine takes them.

    An option of a row that is None is absent: Arrow fills in what other rows of a file have, and
    qwen-vl-utils computes with a `resized_height` of None.
    """
    if not LIFTS_PROMPT_LIMIT or hasattr(Template._encode_truncated, "__wrapped__"):
        return
    original = Template._encode_truncated

    @functools.wraps(original)
    def encode_truncated(self: Any, inputs: Any) -> Any:
        options = getattr(inputs, "chat_template_kwargs", None)
        if isinstance(options, Mapping):
            inputs.chat_template_kwargs = {k: v for k, v in options.items() if v is not None}
        is_prompt = inputs.messages[-1]["role"] != "assistant"
        if unbounded := is_unbounded(self.mode, inputs.messages):
            # A copy: other threads encode prompts with this one.
            self = copy.copy(self)
            self.max_length = None
        encoded = original(self, inputs)
        if is_prompt and not unbounded and _is_deleting(self):
            check_prompt(len(inputs.images), encoded["length"])
        return encoded

    Template._encode_truncated = encode_truncated


def _is_deleting(template: Any) -> bool:
    """Whether the trainer looks for prompts to replace; for its own batches it has no limit."""
    is_checked = template.mode == "train" and template.max_length is not None
    return is_checked and template.truncation_strategy == "raise"


def render_prompt(
    template: Any,
    messages: Sequence[Mapping[str, Any]],
    tools: Any,
    options: Mapping[str, Any],
) -> RenderedPrompt:
    """What an engine's template makes of a prompt: its system prompt, its tools, its frames.

    Opens no image and tokenizes nothing. Raises whatever the template raises for such a prompt;
    the engine, which renders it too, has raised before.
    """
    template = copy.copy(template)
    template.mode = "vllm"  # a prompt, not a training sample
    row = {"messages": list(messages), "tools": tools, "chat_template_kwargs": options}
    inputs = StdTemplateInputs.from_dict(copy.deepcopy(row))
    if hasattr(template, "_preprocess_tools"):
        template._preprocess_tools(inputs)
    template._swift_prepare_inputs(inputs)
    encode = template._swift_encode if template.template_backend == "swift" else None
    pieces, _, _ = (encode or template._jinja_encode)(inputs)
    if hasattr(template, "_get_response_prefix"):
        prefix = template._get_response_prefix(inputs)
    else:
        prefix = template.response_prefix
    opens_thought = str(pieces[-1]).rstrip().endswith("<think>")
    return RenderedPrompt(tuple(pieces), prefix or "", opens_thought)


def agent_template_name(template: Any) -> str | None:
    """Which agent template writes a row's `tools` into the prompt; None: the model has none."""
    name = template._agent_template
    return name if isinstance(name, str) else None


def load_plugins(paths: Sequence[Path]) -> None:
    """Run files as `--external_plugins` does. Raises whatever they raise."""
    from swift.utils.utils import import_external_file

    for path in paths:
        import_external_file(str(path))


def load_template(
    model: str,
    model_type: str | None,
    template_type: str | None,
    max_pixels: int | None,
    external_plugins: Sequence[Path] = (),
) -> Any:
    """A model's template as `swift rlhf` builds it from the same arguments, without weights."""
    load_plugins(external_plugins)
    if not HAS_NEW_NAMES:
        from swift.llm import get_model_tokenizer, get_template

        _, processor = get_model_tokenizer(model, model_type=model_type, load_model=False)
        template_type = template_type or processor.model_meta.template
        return get_template(template_type, processor, max_pixels=max_pixels)
    from swift.model import get_processor
    from swift.template import get_template

    processor = get_processor(model, model_type=model_type)
    return get_template(processor, template_type=template_type, max_pixels=max_pixels)
