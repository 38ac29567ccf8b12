"""Which HTTP library asks a chat server? aiohttp, httpx and the openai package, in one run.

Each round opens a client in an event loop of its own, as a batch of the judge does, and asks a
local server that answers after 50 ms, with 64 and with 96 calls at once. Printed are the CPU time
of a call and the seconds of the batch (medians), and both as ratios to aiohttp. openai's
`DefaultAioHttpClient` is a fourth line where its package is there (`pip install httpx-aiohttp`).

    python scripts/bench_chat.py                   # no GPU, about half a minute
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import httpx
import openai
from bench_judge import questions, serve

from swift_deepeyes.chat.address import Address
from swift_deepeyes.chat.client import ChatClient
from swift_deepeyes.judge.request import Guidance, request_body

Batch = Callable[[str, list[dict[str, Any]]], Awaitable[None]]


async def by_chat_client(url: str, bodies: list[dict[str, Any]]) -> None:
    """What the package does: aiohttp, with every reply read and checked."""
    address = Address.of(url)
    async with ChatClient() as client:
        await asyncio.gather(*(client.complete(address, body, 60.0) for body in bodies))


async def by_aiohttp(url: str, bodies: list[dict[str, Any]]) -> None:
    """Bare aiohttp."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one(body: dict[str, Any]) -> Any:
            async with session.post(f"{url}/chat/completions", json=body) as response:
                return json.loads(await response.read())

        await asyncio.gather(*map(one, bodies))


async def by_httpx(url: str, bodies: list[dict[str, Any]]) -> None:
    """Bare httpx."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=60.0, trust_env=False) as client:

        async def one(body: dict[str, Any]) -> Any:
            return (await client.post(f"{url}/chat/completions", json=body)).json()

        await asyncio.gather(*map(one, bodies))


async def by_openai(url: str, bodies: list[dict[str, Any]]) -> None:
    """The openai package as it comes."""
    await _by_openai(url, bodies, {})


async def by_openai_aiohttp(url: str, bodies: list[dict[str, Any]]) -> None:
    """The openai package over aiohttp."""
    await _by_openai(url, bodies, {"http_client": openai.DefaultAioHttpClient()})


async def _by_openai(url: str, bodies: list[dict[str, Any]], options: dict[str, Any]) -> None:
    async with openai.AsyncOpenAI(
        base_url=url, api_key="EMPTY", max_retries=0, **options
    ) as client:
        await asyncio.gather(*(client.chat.completions.create(**body) for body in bodies))


CANDIDATES: dict[str, Batch] = {
    "aiohttp": by_aiohttp,
    "chat/client": by_chat_client,
    "httpx": by_httpx,
    "openai": by_openai,
}
if importlib.util.find_spec("httpx_aiohttp"):
    CANDIDATES["openai + aiohttp"] = by_openai_aiohttp


def measure(batch: Batch, url: str, bodies: list[dict[str, Any]]) -> tuple[float, float]:
    """CPU seconds per call and seconds of the batch; opening and closing the client counts."""
    cpu, clock = time.process_time(), time.perf_counter()
    asyncio.run(batch(url, bodies))  # type: ignore[arg-type]
    seconds = time.perf_counter() - clock
    return (time.process_time() - cpu) / len(bodies), seconds


def main() -> int:
    """Measure in turns, so that a busy machine slows all alike, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--latency", type=float, default=0.05, help="of the server, in seconds")
    parser.add_argument("--repeats", type=int, default=15, help="of each batch")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    port, ready = context.Value("i", 0), context.Event()
    server = context.Process(target=serve, args=(options.latency, port, ready), daemon=True)
    server.start()
    try:
        if not ready.wait(30):
            print("The local server did not start.", file=sys.stderr)
            return 1
        url = f"http://127.0.0.1:{port.value}/v1"
        for calls in (64, 96):
            bodies = [request_body(one, "judge", Guidance.PLAIN, 0) for one in questions()[:calls]]
            for batch in CANDIDATES.values():
                measure(batch, url, bodies[:4])  # imports and caches
            report(calls, url, bodies, options.repeats)
    finally:
        server.terminate()
        server.join()
    return 0


def report(calls: int, url: str, bodies: list[dict[str, Any]], repeats: int) -> None:
    """One table: a line per library."""
    rounds = [
        {name: measure(batch, url, bodies) for name, batch in CANDIDATES.items()}
        for _ in range(repeats)
    ]
    base: tuple[float, float] | None = None
    print(f"{calls} calls at once  CPU per call     batch     ratios to aiohttp (CPU, batch)")
    for name in CANDIDATES:
        cpu = statistics.median(one[name][0] for one in rounds)
        seconds = statistics.median(one[name][1] for one in rounds)
        base = base or (cpu, seconds)
        print(
            f"  {name:<18} {cpu * 1000:7.2f} ms {seconds * 1000:9.1f} ms "
            f"{cpu / base[0]:10.1f} {seconds / base[1]:7.1f}"
        )


if __name__ == "__main__":
    sys.exit(main())
