"""A small chat server that looks at its images: what the evaluation is tested against.

It is deterministic: what it says depends on the request alone. It counts prompt tokens as a Qwen2.5
model's server does, after a resize of its own.
"""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zlib import crc32

from PIL import Image

COLORS = {"red": (220, 0, 0), "green": (0, 160, 0), "blue": (0, 0, 220), "yellow": (230, 220, 0)}
OPTION = re.compile(r"^([A-J])\. (.+)$", re.MULTILINE)
SIDE = 28
CUT = "and so on and"
"""A text that ends with this was cut off by the length limit."""

Messages = list[dict[str, Any]]
Policy = Callable[[Messages, int], str]
Failure = Callable[[bytes, int], str | None]


class PolicyServer:
    """Serves `policy` on a free port. `fail` may name how the n-th try of a request fails."""

    def __init__(
        self,
        policy: Policy,
        *,
        name: str = "toy-qwen2.5-vl",
        root: str | None = None,
        max_model_len: int | None = 32768,
        max_pixels: int = 12_845_056,
        min_pixels: int = 3136,
        fail: Failure = lambda body, tries: None,
        seconds: float = 0.0,
    ) -> None:
        self.policy = policy
        self.model = {"id": name, "object": "model", "root": root, "max_model_len": max_model_len}
        self.limits = min_pixels, max_pixels
        self.fail = fail
        self.seconds = seconds
        self.refusal = "longer than the model's context"
        self.tries: Counter[bytes] = Counter()
        self.requests: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> PolicyServer:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def turns(self) -> list[dict[str, Any]]:
        """The requests that were not probes."""
        return [request for request in self.requests if request["max_tokens"] > 1]

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        text = self.policy(request["messages"], request["seed"])
        prompt_tokens = self.prompt_tokens(request["messages"])
        return {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": request["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "length" if text.endswith(CUT) else "stop",
                }
            ],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": len(text.split()),
                "total_tokens": 0,
            },
        }

    def prompt_tokens(self, messages: Messages) -> int:
        words = sum(len(text_of(message).split()) for message in messages)
        return words + sum(self.tokens(image) for image in images_of(messages))

    def fits(self, request: dict[str, Any]) -> bool:
        """vLLM refuses a request whose prompt and `max_tokens` do not fit together."""
        limit = self.model["max_model_len"]
        needed = self.prompt_tokens(request["messages"]) + request["max_tokens"]
        return not isinstance(limit, int) or needed <= limit

    def tokens(self, image: Image.Image) -> int:
        """The grid after this server's own resize, and two marks."""
        least, most = self.limits
        width, height = image.size
        scale = 1.0
        if width * height > most:
            scale = (most / (width * height)) ** 0.5
        elif width * height < least:
            scale = (least / (width * height)) ** 0.5 + 1e-9
        across, down = (max(1, int(side * scale / SIDE + 1e-6)) for side in (width, height))
        return across * down + 2

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                self.reply(200, {"object": "list", "data": [outer.model]})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = json.loads(body)
                with outer.lock:
                    tries = outer.tries[body]
                    outer.tries[body] += 1
                    outer.requests.append(request)
                time.sleep(outer.seconds)
                failure = outer.fail(body, tries)
                if not outer.fits(request):
                    self.reply(400, {"error": {"message": outer.refusal}})
                elif failure == "drop":
                    self.close_connection = True
                elif failure == "garbage":
                    self.raw(200, b'{"choices": [{"mess')
                elif failure == "empty":
                    self.reply(200, {"choices": []})
                elif failure is not None:
                    self.reply(int(failure), {"error": {"message": "no"}}, {"Retry-After": "0.01"})
                else:
                    self.reply(200, outer.answer(request))

            def reply(self, status: int, content: object, headers: dict[str, str] = {}) -> None:  # noqa: B006
                self.raw(status, json.dumps(content).encode(), headers)

            def raw(self, status: int, data: bytes, headers: dict[str, str] = {}) -> None:  # noqa: B006
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

        return Handler


def one_in_ten(body: bytes, tries: int) -> str | None:
    """A tenth of all calls fail, in one way or another; each try draws again."""
    draw = crc32(body + bytes([tries]))
    kinds = ("500", "429", "503", "drop", "garbage", "empty")
    return kinds[draw // 10 % len(kinds)] if draw % 10 == 0 else None


def text_of(message: dict[str, Any]) -> str:
    content = message["content"]
    if isinstance(content, str):
        return content
    return "".join(part["text"] if part["type"] == "text" else "<image>" for part in content)


def images_of(messages: Messages) -> list[Image.Image]:
    parts = [part for m in messages if isinstance(m["content"], list) for part in m["content"]]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]


def options_of(messages: Messages) -> dict[str, str]:
    question = next(text_of(m) for m in messages if m["role"] == "user")
    return dict(OPTION.findall(question))


def say_a(messages: Messages, seed: int) -> str:
    """A policy that knows one answer."""
    return "<think>It is A.</think><answer>A</answer>"


def look(messages: Messages, seed: int) -> str:
    """A policy that finds the coloured square, zooms in on it and answers what it sees.

    One in five answers is wrong (by the seed), and one in four is given without a zoom.
    """
    images = images_of(messages)
    question = next(text_of(m) for m in messages if m["role"] == "user")
    if question.replace("<image>", "") == "?":
        return "a probe"
    can_zoom = any("image_zoom_in_tool" in text_of(m) for m in messages)
    if can_zoom and len(images) == 1 and crc32(question.encode()) % 4:
        left, top, right, bottom = find_square(images[0])
        call = {"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [left, top, right, bottom]}}
        return f"<think>look</think><tool_call>{json.dumps(call)}</tool_call>"
    color = color_of(images[-1] if len(images) > 1 else images[0].crop(find_square(images[0])))
    options = options_of(messages)
    if not options:
        asked = next(name for name in COLORS if name in question)
        return f"<think>I see.</think><answer>{'yes' if asked == color else 'no'}</answer>"
    letter = next((key for key, text in options.items() if color in text), "Z")
    if seed % 5 == 0:
        letter = next(key for key in options if key != letter)
    return f"<think>I see.</think><answer>{letter}</answer>"


def find_square(image: Image.Image) -> tuple[int, int, int, int]:
    """The box of everything that is not grey."""
    hue = image.convert("HSV").getchannel("S").point(lambda value: 255 if value > 100 else 0)
    box = hue.getbbox()
    assert box is not None
    return box


def color_of(image: Image.Image) -> str:
    """The name of the colour in the middle."""
    pixel = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
    assert isinstance(pixel, tuple)
    return min(COLORS, key=lambda name: sum(abs(a - b) for a, b in zip(COLORS[name], pixel)))  # noqa: B905
