"""For `--external_plugins`: a policy of many moods, so that every metric has something to count.

The real engine generates, then the text of the turn is replaced by one that is drawn by the
request's id. Everything after it is the real thing.
"""

from __future__ import annotations

import json
import random
from typing import Any

from swift_deepeyes.ms_swift.compat import multi_turns
from swift_deepeyes.ms_swift.scheduler import DeepEyesScheduler


def _call(box: object, name: str = "image_zoom_in_tool", **more: object) -> str:
    body = json.dumps({"name": name, "arguments": {"bbox_2d": box, **more}})
    return f"<think>I zoom in.</think><tool_call>{body}</tool_call>"


def _answer(text: str) -> str:
    return f"<think>I see.</think><answer>{text}</answer>"


TURNS = (
    *(_call([0, 0, 56, 56]), _call([56, 0, 112, 56]), _call([10, 10, 100, 90])),
    _call([0, 0, 40, 50], img_idx=1),
    *(_call([50, 0, 10, 50]), _call([0, 0, 5, 5]), _call("here"), _call([0, 0, 9, 9], name="x")),
    _call([0, 0, 56, 56]) * 2,
    "<tool_call>{broken</tool_call>",
    *(_answer("plain"), _answer("vertical"), _answer("A"), _answer("\\boxed{3}")),
    *("<answer>checked</answer></think>", "I do not know.", "", "Again and again. " * 30),
)


class ScriptedScheduler(DeepEyesScheduler):
    async def on_turn_end(
        self, infer_request: Any, response_choice: Any, current_turn: int
    ) -> dict[str, Any]:
        drawn = random.Random(f"{infer_request.uuid}/{current_turn}")
        response_choice.message.content = drawn.choice(TURNS)
        result = await super().on_turn_end(infer_request, response_choice, current_turn)
        return dict(result)


multi_turns["scripted_scheduler"] = ScriptedScheduler
