"""For the tests: the prompt of every turn as vLLM gets it, its images not expanded."""

import json
import os

from swift.infer_engine.vllm_engine import VllmEngine

_add_request = VllmEngine._add_request


def add_request(self, inputs, *args, **kwargs):
    ids = inputs["input_ids"]
    with open(os.environ["WATCH_PROMPTS_FILE"], "a") as file:
        line = {"tokens": len(ids), "head": ids[:16], "images": len(inputs.get("images") or ())}
        file.write(json.dumps(line) + "\n")
    return _add_request(self, inputs, *args, **kwargs)


VllmEngine._add_request = add_request
