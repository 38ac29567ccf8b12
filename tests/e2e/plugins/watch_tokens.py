"""For the tests: the tokens that the engine read and wrote, and those that are trained on."""

import json
import os
from pathlib import Path

from swift.callbacks import TrainerCallback, callbacks_map
from swift.infer_engine.grpo_vllm_engine import GRPOVllmEngine

_FOLDER = Path(os.environ["WATCH_TOKENS_FOLDER"])
_respond = GRPOVllmEngine._create_chat_completion_response
_step = None  # of the trainer, where the engine is in its process


def _write(side, line):
    with (_FOLDER / f"{side}.jsonl").open("a") as file:
        file.write(json.dumps({"step": _step, **line}) + "\n")


def respond(self, result, *args, **kwargs):
    for output in result.outputs:
        ids = {"read": list(result.prompt_token_ids), "wrote": list(output.token_ids)}
        _write("engine", ids)
    return _respond(self, result, *args, **kwargs)


GRPOVllmEngine._create_chat_completion_response = respond


class WatchTokens(TrainerCallback):
    """Writes a line per trajectory of each forward pass, padding left out."""

    def on_step_begin(self, args, state, control, **kwargs):
        global _step
        _step = state.global_step

    def on_train_begin(self, args, state, control, **kwargs):
        def watch(module, positional, inputs):
            if inputs.get("input_ids") is None or inputs.get("attention_mask") is None:
                return
            for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True):
                _write("trainer", {"trained": ids[mask == 1].tolist()})

        self.trainer.model.register_forward_pre_hook(watch, with_kwargs=True, prepend=True)


callbacks_map["watch_tokens"] = WatchTokens
