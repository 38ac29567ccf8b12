"""Does image work stall the rollout? Our scheduler against a plain one, in one run.

64 trajectories at once, each with its own 3840x2160 JPEG and four crops of about 1400x800, under
ms-swift's own driver, with a stub engine that answers after 20 ms. The plain scheduler does what
the ms-swift example does: decode, `fetch_image` and crop inside `step`, PIL images in the reply.
Each side runs in a process of its own. Usage: python scripts/bench_scheduler.py
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import resource
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

from swift_deepeyes.demo import cpu_support

cpu_support.install()

BOXES = [[100, 100, 1500, 900], [2000, 200, 3400, 1000], [300, 1200, 1700, 2000],
         [2200, 1250, 3600, 2050]]  # fmt: skip
ENGINE_SECONDS = 0.02


def sources(count: int) -> list[str]:
    """Photograph-like 4K JPEGs, all different, as base64."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 255, (68, 120, 3), dtype=np.uint8))
    photo = np.asarray(coarse.resize((3840, 2160), Image.Resampling.BICUBIC), dtype=np.int16)
    photo = photo + rng.integers(-6, 7, photo.shape, dtype=np.int16)
    images = []
    for number in range(count):
        buffer = io.BytesIO()
        shifted = np.roll(photo, 37 * number, axis=1).clip(0, 255).astype(np.uint8)
        Image.fromarray(shifted).save(buffer, format="JPEG", quality=90)
        images.append(base64.b64encode(buffer.getvalue()).decode())
    return images


class ByteTokenizer:
    """A token is a byte: ms-swift keeps older turns as ids and decodes them for the hooks."""

    def encode(self, text: str, add_special_tokens: bool = False) -> list[int]:
        """The text's bytes."""
        return list(text.encode())

    def decode(self, ids: list[int], skip_special_tokens: bool = False) -> str:
        """The text again."""
        return bytes(ids).decode()

    def get_vocab(self) -> dict[str, int]:
        """No special tokens."""
        return {}


class Engine:
    """Answers after 20 ms: a tool call for each box, then an answer."""

    max_model_len = None
    engine = SimpleNamespace()
    tokenizer = ByteTokenizer()
    template = SimpleNamespace(
        version="v2_5", norm_bbox="none", max_pixels=None, _get_response_prefix=lambda inputs: ""
    )

    async def infer_async(self, request: Any, config: Any, **kwargs: Any) -> Any:
        """The next turn of the script."""
        from swift.infer_engine.protocol import (
            ChatCompletionResponse,
            ChatCompletionResponseChoice,
            ChatMessage,
            UsageInfo,
        )

        await asyncio.sleep(ENGINE_SECONDS)
        turn = sum(message["role"] == "assistant" for message in request.messages)
        text = "<think>seen</think><answer>red</answer>"
        if turn < len(BOXES):
            arguments = {"bbox_2d": BOXES[turn]}
            call = json.dumps({"name": "image_zoom_in_tool", "arguments": arguments})
            text = f"<think>look</think><tool_call>{call}</tool_call>"
        ids = self.tokenizer.encode(text)
        message = ChatMessage(role="assistant", content=text)
        choice = ChatCompletionResponseChoice(0, message, "stop", token_ids=ids)
        return ChatCompletionResponse("stub", [choice], UsageInfo(1, 1, 2))


def plain_scheduler() -> Any:
    """The usual way, written down plainly."""
    from qwen_vl_utils import fetch_image
    from swift.rollout import MultiTurnScheduler
    from swift.template.vision_utils import load_image

    class PlainScheduler(MultiTurnScheduler):  # type: ignore[misc]
        def check_finished(self, request: Any, choice: Any, turn: int) -> bool:
            return "<answer>" in choice.message.content

        def step(self, request: Any, choice: Any, turn: int) -> dict[str, Any]:
            body = choice.message.content.split("<tool_call>")[1].split("</tool_call>")[0]
            view = fetch_image({"image": load_image(request.images[0])})
            crop = view.crop(tuple(json.loads(body)["arguments"]["bbox_2d"]))
            text = "<tool_response><image></tool_response>"
            request.messages.append({"role": "user", "content": text})
            request.images.append(crop)
            return {"infer_request": request, "rollout_infos": {"images": list(request.images)}}

    return PlainScheduler


def watch_event_loop(blocked: list[float]) -> None:
    """Record how long each callback holds the event loop, in seconds."""
    original = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        started = time.perf_counter()
        original(handle)
        blocked.append(time.perf_counter() - started)

    asyncio.Handle._run = timed  # type: ignore[method-assign]


async def rollout(scheduler: Any, requests: list[Any]) -> int:
    """All trajectories at once; returns how many images came back."""

    async def one(request: Any) -> int:
        output = await scheduler.run(request, None)
        return len(output.rollout_infos["images"])

    return sum(await asyncio.gather(*map(one, requests)))


def measure(kind: str, trajectories: int) -> dict[str, float]:
    """Run one side in this process."""
    from swift.infer_engine.protocol import RolloutInferRequest

    if kind == "ours":
        from swift_deepeyes.ms_swift.scheduler import DeepEyesScheduler

        scheduler_class = DeepEyesScheduler
    else:
        scheduler_class = plain_scheduler()
    requests = [
        RolloutInferRequest(
            messages=[{"role": "user", "content": "<image>\nWhat color?"}],
            images=[image],
            data_dict={"env_name": "visual_toolbox_v2"},
            uuid=str(number),
        )
        for number, image in enumerate(sources(trajectories))
    ]
    scheduler = scheduler_class(infer_engine=Engine(), max_turns=6)
    import qwen_vl_utils  # noqa: F401  (its import is nobody's work here)

    base_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    blocked: list[float] = []
    watch_event_loop(blocked)
    wall, cpu = time.perf_counter(), time.process_time()
    images = asyncio.run(rollout(scheduler, requests))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert images == trajectories * (1 + len(BOXES)), images
    blocked.sort()
    return {
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "blocked_total_seconds": sum(blocked),
        "blocked_longest_seconds": blocked[-1],
        "blocked_p99_seconds": blocked[int(len(blocked) * 0.99)],
        "peak_memory_growth_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base_memory)
        / 1024,
    }


def main() -> None:
    """Run both sides, each in a fresh process, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trajectories", type=int, default=64)
    parser.add_argument("--side", choices=["ours", "plain"])
    options = parser.parse_args()
    if options.side:
        print("RESULT " + json.dumps(measure(options.side, options.trajectories)))
        return
    results = {}
    for side in ("plain", "ours"):
        command = [sys.executable, __file__, "--side", side]
        command += ["--trajectories", str(options.trajectories)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        line = next(row for row in output.splitlines() if row.startswith("RESULT "))
        results[side] = json.loads(line.removeprefix("RESULT "))
    print(f"{'':26}{'plain':>12}{'ours':>12}{'plain/ours':>12}")
    for name, plain in results["plain"].items():
        ours = results["ours"][name]
        print(f"{name:26}{plain:12.4f}{ours:12.4f}{plain / max(ours, 1e-9):12.1f}")


if __name__ == "__main__":
    main()
