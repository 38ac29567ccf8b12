"""A chat server on a local socket that misbehaves on demand: raw asyncio, one thread, no framework.

It writes bytes itself, because half a body, a reset connection and a wrong length are what a
framework would never send.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    NONE = "none"
    TIMEOUT = "timeout"
    RESET = "reset"
    CLOSE = "close"
    RATE_LIMIT = "429"
    ERROR_500 = "500"
    ERROR_502 = "502"
    ERROR_503 = "503"
    TRUNCATED = "truncated"
    SHORT_BODY = "short_body"
    NO_CHOICES = "no_choices"
    HTML = "html"
    SLOW = "slow"


FAULTS = tuple(fault for fault in Fault if fault not in (Fault.NONE, Fault.SLOW))
HTML = b"<html><body><h1>It works!</h1></body></html>"
Request = dict[str, Any]


@dataclass
class Script:
    """What the server does; change it while it runs."""

    reply: Callable[[Request], str] = lambda request: "1"
    fault: Callable[[Request], Fault] = lambda request: Fault.NONE
    refuse: Callable[[Request], str | None] = lambda request: None  # an error with this message
    refuse_status: int = 400
    refuse_delay: Callable[[Request], float] = lambda request: 0.0  # seconds
    words_are_tokens: bool = False  # cut a reply at `max_tokens` words, as a model's would be
    choice: Callable[[Request], dict[str, Any]] | None = None  # the whole choice, instead of reply
    latency: float = 0.0
    hang: float = 5.0  # seconds that a TIMEOUT lasts
    slow: float = 0.2
    retry_after: str | None = "0.05"
    models: tuple[str, ...] = ("judge-model",)
    models_status: int = 200
    chat_status: int = 200
    routes: tuple[str, ...] = ("/v1/models", "/v1/chat/completions")
    prefix: str = "/v1"
    key: str | None = None
    authorization: str | None = None  # the whole header, where `key` is not meant
    tunnel_status: int = 200  # what it says as a proxy that is asked for a tunnel
    tls: ssl.SSLContext | None = None


@dataclass
class Log:
    """What happened; `requests` are chat requests in order of arrival."""

    requests: list[Request] = field(default_factory=list)
    served: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    model_lists: int = 0
    in_flight: int = 0
    most_in_flight: int = 0


def random_faults(share: float, seed: int = 0) -> Callable[[Request], Fault]:
    dice = random.Random(seed)
    return lambda request: dice.choice(FAULTS) if dice.random() < share else Fault.NONE


class ChatServer:
    """Runs in a thread of its own; `stop` and `start` keep the port."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.log = Log()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> ChatServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    def stop(self) -> None:
        """Die at once: listening socket and connections go, nothing is answered any more."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)
        if self._thread is not None:
            self._thread.join(10)

    def _run(self, ready: threading.Event) -> None:
        loop = asyncio.new_event_loop()
        self._loop = loop
        self.log.in_flight = 0
        server = loop.run_until_complete(
            asyncio.start_server(
                self._serve, "127.0.0.1", self.port, backlog=512, ssl=self.script.tls
            )
        )
        loop.call_soon(ready.set)
        loop.run_forever()
        server.close()
        loop.run_until_complete(_cancel_all())
        loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first = await reader.readexactly(1)
        if first == b"\x16":  # a TLS handshake: a bad request to plain HTTP
            await _send(writer, 400, {"error": "Invalid HTTP request received."})
            return False
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, *_ = head.split(" ")
        if method == "CONNECT":
            return await _send(writer, self.script.tunnel_status, {"error": "no tunnel"})
        script = self.script
        wanted = f"Bearer {script.key}" if script.key else script.authorization
        if wanted and headers.get("authorization") != wanted:
            return await _send(writer, 401, {"error": "invalid key"})
        if path == "/openapi.json":
            return await _send(writer, 200, {"paths": {route: {} for route in self.script.routes}})
        if path not in self.script.routes:
            return await _send(writer, 404, {"detail": "Not Found"})
        if path.endswith("/models"):
            return await self._list_models(writer)
        return await self._chat(json.loads(body), writer)

    async def _list_models(self, writer: asyncio.StreamWriter) -> bool:
        self.log.model_lists += 1
        listed = [{"id": name, "object": "model"} for name in self.script.models]
        return await _send(writer, self.script.models_status, {"object": "list", "data": listed})

    async def _chat(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        log, script = self.log, self.script
        log.requests.append(request)
        log.in_flight += 1
        log.most_in_flight = max(log.most_in_flight, log.in_flight)
        try:
            refusal = script.refuse(request)
            if refusal is not None:
                await asyncio.sleep(script.refuse_delay(request))
                body = {"object": "error", "message": refusal}
                return await _send(writer, script.refuse_status, body)
            if script.chat_status != 200:
                return await _send(writer, script.chat_status, {"message": "scripted"})
            fault = script.fault(request)
            if fault is not Fault.NONE:
                log.faults.append(fault)
            await asyncio.sleep(script.slow if fault is Fault.SLOW else script.latency)
            if fault not in (Fault.NONE, Fault.SLOW):
                return await self._misbehave(fault, writer)
            body = self._completion(request)
            log.served.append(request)
            return await _send(writer, 200, body)
        finally:
            log.in_flight -= 1

    def _completion(self, request: Request) -> dict[str, Any]:
        if self.script.choice is not None:
            return completion("") | {"choices": [self.script.choice(request)]}
        text, limit = self.script.reply(request), request["max_tokens"]
        words = text.split()
        if self.script.words_are_tokens and len(words) > limit:
            return completion(" ".join(words[:limit]), "length")
        return completion(text)

    async def _misbehave(self, fault: Fault, writer: asyncio.StreamWriter) -> bool:
        whole = json.dumps(completion("1")).encode()
        match fault:
            case Fault.TIMEOUT:
                await asyncio.sleep(self.script.hang)
                return False
            case Fault.RESET:
                linger = struct.pack("ii", 1, 0)  # close with RST, not FIN
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
                writer.transport.abort()
                return False
            case Fault.CLOSE:
                return False
            case Fault.RATE_LIMIT:
                extra = f"retry-after: {self.script.retry_after}\r\n"
                return await _send_bytes(
                    writer, 429, b"{}", extra if self.script.retry_after else ""
                )
            case Fault.ERROR_500 | Fault.ERROR_502 | Fault.ERROR_503:
                return await _send_bytes(writer, int(fault), HTML)
            case Fault.TRUNCATED:
                return await _send_bytes(writer, 200, whole[: len(whole) // 2])
            case Fault.SHORT_BODY:
                await _send_bytes(writer, 200, whole[:20], length=len(whole))
                return False
            case Fault.NO_CHOICES:
                return await _send(writer, 200, completion("1") | {"choices": []})
            case _:
                return await _send_bytes(writer, 200, HTML)


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)


def completion(text: str, finish_reason: str = "stop") -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "judge-model",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 500, "completion_tokens": 1, "total_tokens": 501},
    }


async def _send(writer: asyncio.StreamWriter, status: int, body: dict[str, Any]) -> bool:
    return await _send_bytes(writer, status, json.dumps(body).encode())


async def _send_bytes(
    writer: asyncio.StreamWriter,
    status: int,
    body: bytes,
    extra: str = "",
    length: int | None = None,
) -> bool:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n"
    writer.write((head + extra + "\r\n").encode() + body)
    await writer.drain()
    return True
