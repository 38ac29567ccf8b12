"""How fast is the judge? One call at a time against ours, on one local server.

The batch is what GRPO sends: 16 groups of 6 samples, a third of the answers duplicates (64
different ones), none of which rules could settle. The server is a process of its own that answers
after 50 ms. "One call at a time" is what the public plugins do: the openai package, one question
after another.

    python scripts/bench_judge.py                   # no GPU, about 20 seconds
    python scripts/bench_judge.py --concurrency 64

The limit is the latency times the rounds that the concurrency allows: 64 questions, 32 at a time,
are two rounds of 50 ms. Of our repeats the fastest counts, as with `timeit`: what makes the others
slower is the rest of the machine. The slow side needs no repeats, its 96 calls are 96 samples.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Awaitable
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event

from openai import OpenAI

from swift_deepeyes.judge import make_judge
from swift_deepeyes.judge.request import Guidance, request_body
from swift_deepeyes.scoring.verdict import Decider, JudgeQuestion, QuestionKind, Verdict
from swift_deepeyes.settings import JudgeKind, ScoringMode, Settings

GROUPS, SAMPLES, DIFFERENT = 16, 6, 4  # 4 different answers in a group of 6: a third duplicates
WANTED_RATIO, WANTED_OVERHEAD = 40.0, 1.5
COLOURS = ("red", "blue", "green", "yellow")


def questions() -> list[JudgeQuestion]:
    """16 groups of 6 answers that only a judge can decide."""
    batch = []
    for group in range(GROUPS):
        for sample in range(SAMPLES):
            colour = COLOURS[sample % DIFFERENT]
            batch.append(
                JudgeQuestion(
                    kind=QuestionKind.OPEN,
                    question=f"What is the colour of the umbrella that person {group} carries?",
                    reference="The umbrella is red.",
                    answer=f"Person {group} seems to hold a {colour} one, partly hidden by a bag.",
                )
            )
    return batch


def one_at_a_time(url: str, batch: list[JudgeQuestion]) -> float:
    """Seconds for the batch, asked as the public plugins ask."""
    client = OpenAI(base_url=url, api_key="EMPTY", max_retries=0)
    bodies = [request_body(question, "judge", Guidance.PLAIN, attempt=0) for question in batch]
    started = time.perf_counter()
    for body in bodies:
        client.chat.completions.create(**body)
    return time.perf_counter() - started


def ours(url: str, batch: list[JudgeQuestion], concurrency: int) -> float:
    """Seconds for the batch with an empty cache, from the call to the last verdict."""
    judge = make_judge(
        Settings(
            judge=JudgeKind.OPENAI,
            scoring=ScoringMode.STRICT,
            judge_base_url=url,
            judge_model=None,
            judge_concurrency=concurrency,
            judge_cache=0,
        )
    )
    # The first batch of a process also meets the server: once, not once per batch.
    asyncio.run(judge.verdicts(batch[:1]))
    verdicts, seconds = asyncio.run(_timed(judge.verdicts(batch)))
    assert len(verdicts) == len(batch)
    assert all(verdict.decided_by is Decider.SERVER for verdict in verdicts)
    return seconds


async def _timed(verdicts: Awaitable[list[Verdict]]) -> tuple[list[Verdict], float]:
    started = time.perf_counter()
    result = await verdicts
    return result, time.perf_counter() - started


def serve(latency: float, port: Synchronized[int], ready: Event) -> None:
    """A chat server that says "1" after `latency` seconds, to any number of clients at once."""
    message = {"role": "assistant", "content": "1"}
    chat = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "judge",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 500, "completion_tokens": 1, "total_tokens": 501},
    }
    bodies = {False: {"object": "list", "data": [{"id": "judge"}]}, True: chat}
    replies = {post: _response(json.dumps(body).encode()) for post, body in bodies.items()}

    class Connection(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.WriteTransport)
            self.transport = transport
            self.buffer = b""

        def data_received(self, data: bytes) -> None:
            self.buffer += data
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            _, _, length = head.lower().partition(b"content-length:")
            size = int(length.split(b"\r\n")[0]) if length else 0
            if found and len(rest) >= size:
                self.buffer = rest[size:]
                post = head.startswith(b"POST")
                loop = asyncio.get_running_loop()
                loop.call_later(latency if post else 0, self.transport.write, replies[post])

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(
            Connection, "127.0.0.1", 0, backlog=1024
        )
        port.value = server.sockets[0].getsockname()[1]
        ready.set()
        await server.serve_forever()

    asyncio.run(run())


def _response(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def main() -> int:
    """Measure, print, and fail when the judge is slower than it promises to be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--latency", type=float, default=0.05, help="of the server, in seconds")
    parser.add_argument("--concurrency", type=int, default=32, help="calls in flight")
    parser.add_argument("--repeats", type=int, default=15, help="of our batch; the fastest counts")
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
        batch = questions()
        slow = one_at_a_time(url, batch)
        times = [ours(url, batch, options.concurrency) for _ in range(options.repeats)]
    finally:
        server.terminate()
        server.join()
    return report(slow, times, options.latency, options.concurrency, batch)


def report(
    slow: float, times: list[float], latency: float, concurrency: int, batch: list[JudgeQuestion]
) -> int:
    """Print the figures; 0 if both promises are kept."""
    fast = min(times)
    different = len(set(batch))
    rounds = math.ceil(different / concurrency)
    limit = rounds * latency
    ratio, overhead = slow / fast, fast / limit
    print(f"samples              {len(batch)}, {different} of them different")
    print(f"one call at a time   {slow * 1000:8.1f} ms")
    print(
        f"ours                 {fast * 1000:8.1f} ms   (fastest of {len(times)}; "
        f"median {statistics.median(times) * 1000:.1f})"
    )
    print(
        f"limit                {limit * 1000:8.1f} ms   ({rounds} rounds of {latency * 1000:g} "
        f"ms at a concurrency of {concurrency})"
    )
    print(f"ratio                {ratio:8.1f}      (wanted: {WANTED_RATIO:g} or more)")
    print(f"of the limit         {overhead:8.2f}      (wanted: {WANTED_OVERHEAD:g} or less)")
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores:
        print(
            f"The machine is busy (load {load:.1f} on {cores} cores): repeat this on a quiet one."
        )
    return 0 if ratio >= WANTED_RATIO and overhead <= WANTED_OVERHEAD else 1


if __name__ == "__main__":
    sys.exit(main())
