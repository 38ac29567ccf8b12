"""For `--external_plugins`, after ours and the toy's: a policy that goes to the limits.

The engine samples every turn; then, by the kind of the row, what it wrote is cut before its own
answer or call, and a call or an answer is put behind it. Those tokens are in the context of later
turns and in the trainer's forward pass, with loss mask 0; what was sampled keeps its ids, its
log-probabilities and its loss mask. Everything else is the real thing.

REHEARSAL_POLICY: JSON with the sizes. REHEARSAL_FAULT: what is put back as it was before.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from swift.template import Template

from swift_deepeyes.demo.toy.tokenizer import END_OF_TEXT, IMAGE_PAD, TURN_END, VIDEO_PAD
from swift_deepeyes.ms_swift.compat import multi_turns
from swift_deepeyes.ms_swift.scheduler import DeepEyesScheduler

_POLICY = json.loads(os.environ["REHEARSAL_POLICY"])
_KEPT = 16  # tokens of what was sampled
_TAGS = tuple(f"<{mark}{tag}>" for tag in ("answer", "tool_call", "tool_response")
              for mark in ("", "/"))  # fmt: skip
_CUT = (*_TAGS, TURN_END, END_OF_TEXT, IMAGE_PAD, VIDEO_PAD)
_SMALL = [0, 0, 40, 40]
_MISTAKES = (
    '<tool_call>{"name": "image_zoom_in_tool"}</tool_call>',
    '<tool_call>{"name": "look", "arguments": {"bbox_2d": [0, 0, 40, 40]}}</tool_call>',
    "<tool_call>{broken</tool_call>",
)


def _call(box: list[int]) -> str:
    body = json.dumps({"name": "image_zoom_in_tool", "arguments": {"bbox_2d": box}})
    return f"<tool_call>{body}</tool_call>"


def _answer(rng: random.Random) -> str:
    return f"<answer>I think that it is {rng.choice(('vertical', 'horizontal', 'plain'))}</answer>"


class RehearsedScheduler(DeepEyesScheduler):
    """`deepeyes_scheduler`, with calls behind what the toy wrote."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._masks: dict[int, list[int]] = {}

    async def on_turn_end(
        self, infer_request: Any, response_choice: Any, current_turn: int
    ) -> dict[str, Any]:
        """Write first, then what follows from it."""
        row = infer_request.data_dict or {}
        extra = row.get("extra_info") if isinstance(row, Mapping) else None
        kind = str((extra or {}).get("index")).partition("-")[0]
        rng = random.Random(f"{infer_request.uuid}/{current_turn}")
        text, is_cut_off = self._turn(kind, current_turn, rng)
        if text is not None:
            self._write(infer_request, response_choice, text, is_cut_off)
        return dict(await super().on_turn_end(infer_request, response_choice, current_turn))

    def get_response_token_data(
        self, infer_request: Any, response_choice: Any, *args: Any, **kwargs: Any
    ) -> tuple[list[int], list[int]]:
        """What was put behind is not trained on."""
        mask = self._masks.pop(id(response_choice), None)
        if mask is not None:
            kwargs["response_loss_mask"] = mask
        return super().get_response_token_data(infer_request, response_choice, *args, **kwargs)

    def _turn(self, kind: str, turn: int, rng: random.Random) -> tuple[str | None, bool]:
        """What to put behind a turn (None: nothing), and whether a limit cuts it off there."""
        whole = [0, 0, *_POLICY["view"]]
        match kind:
            case "turns" | "images":
                return _call(_SMALL), False
            case "context":
                return self._filled(_call(whole), _POLICY["full_turn"]), False
            case "long":
                call = self._filled(_call(whole), _POLICY["full_turn"])
                return (call if turn == 1 else _answer(rng)), False
            case "length":
                return self._filled("", _POLICY["turn"]), True
            case "chart":
                return (_call(_SMALL) if turn < rng.randint(1, 3) else _answer(rng)), False
            case "mistakes":
                return (rng.choice(_MISTAKES) if turn < 3 else _answer(rng)), False
            case _:
                return None, False

    def _filled(self, text: str, tokens: int) -> str:
        """With words before it, so that it has as many tokens at most."""
        return " room" * (tokens - _KEPT - 1 - len(self._encode(text))) + text

    def _write(self, request: Any, choice: Any, text: str, is_cut_off: bool) -> None:
        sampled = list(choice.token_ids or [])
        end = next((at for at, token in enumerate(sampled) if token in self._cut), len(sampled))
        kept = sampled[: min(end, _KEPT)]
        written = self._own.decode(kept)
        if written.count("<think>") > written.count("</think>"):
            text = "</think>" + text  # in a thought nothing is called
        more = self._encode(text)
        if is_cut_off:
            more += self._encode(" room") * (_POLICY["turn"] - len(kept) - len(more))
        else:
            more.append(self._own.convert_tokens_to_ids(TURN_END))
        choice.token_ids = [*kept, *more]
        # ms-swift cannot train on a trajectory without a single token of the policy.
        self._masks[id(choice)] = [1] * len(kept) + [0 if kept else 1] + [0] * (len(more) - 1)
        if choice.logprobs and "content" in choice.logprobs:
            choice.logprobs["content"] = choice.logprobs["content"][: len(kept)]
        choice.message.content = written + text
        choice.finish_reason = "length" if is_cut_off else "stop"
        request.messages[-1]["content"] = choice.message.content

    @cached_property
    def _own(self) -> Any:
        return copy.deepcopy(self.tokenizer)  # the engine uses its own in other threads

    @cached_property
    def _cut(self) -> set[int]:
        vocabulary = self._own.get_vocab()
        return {vocabulary[name] for name in _CUT if name in vocabulary}

    def _encode(self, text: str) -> list[int]:
        return list(self._own.encode(text, add_special_tokens=False))


def _put_back(fault: str) -> None:
    """The situation before a defect was mended."""
    match fault:
        case "max-length":  # an engine checks every turn's conversation against the prompt's limit
            Template._encode_truncated = Template._encode_truncated.__wrapped__
        case "":
            pass
        case _:
            raise ValueError(f"unknown fault {fault}")


multi_turns["deepeyes_scheduler"] = RehearsedScheduler
_put_back(os.environ.get("REHEARSAL_FAULT", ""))
