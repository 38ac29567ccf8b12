"""`swift rollout` servers for the end-to-end cases, and the trainer's side of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from swift_deepeyes.demo import commands
from swift_deepeyes.demo.processes import SwiftProcess, free_port
from tests.e2e.toy import Toy, with_values, without

COLOCATE_ONLY = (
    *("multi_turn_scheduler", "vllm_mode", "vllm_max_model_len", "vllm_enforce_eager"),
    *("vllm_gpu_memory_utilization", "vllm_engine_kwargs", "vllm_limit_mm_per_prompt"),
)


@dataclass(frozen=True)
class RolloutServer:
    port: int
    process: SwiftProcess

    def read_log(self) -> str:
        return self.process.read_log()

    def log_probabilities(self, text: str, tokens: int = 8) -> list[float]:
        """Of the likeliest next tokens: a fingerprint of the weights that the server has."""
        message = {"role": "user", "content": text}
        config = {"max_tokens": tokens, "temperature": 0, "logprobs": True}
        body = {"infer_requests": [{"messages": [message]}], "request_config": config}
        request = Request(
            f"http://127.0.0.1:{self.port}/infer/",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=60) as response:
            (output,) = json.load(response)
        (choice,) = output["response"]["choices"]
        found: list[dict[str, Any]] = choice["logprobs"]["content"]
        return [token["logprob"] for token in found]


@contextmanager
def rollout_servers(
    toy: Toy, folder: Path, count: int, environment: Mapping[str, str], *plugins: Path
) -> Iterator[list[RolloutServer]]:
    """Started together; stopped also where one of them does not come up."""
    with ExitStack() as stack:
        # At once: each takes ten seconds to give up its engine.
        stopping = stack.enter_context(ThreadPoolExecutor(count))
        servers: list[RolloutServer] = []
        for number in range(count):
            port, log = free_port(), folder / f"rollout_{number}.log"
            process = SwiftProcess(_rollout_arguments(toy, port, plugins), log, environment)
            servers.append(RolloutServer(port, process))
            stack.callback(stopping.submit, process.stop)
        for server in servers:
            server.process.wait_for_line("Application startup complete", 300)
        yield servers


def _rollout_arguments(toy: Toy, port: int, plugins: Sequence[Path]) -> list[str]:
    return [
        "rollout",
        *commands.toy_arguments(toy.checkpoint, toy.options.toy),
        "--external_plugins",
        *map(str, (commands.PLUGIN, commands.TOY_PLUGIN, *plugins)),
        *("--multi_turn_scheduler", "deepeyes_scheduler"),
        *("--max_turns", str(commands.MAX_TURNS)),
        *("--vllm_use_async_engine", "true"),
        *commands.toy_vllm_arguments(),
        *("--host", "127.0.0.1"),
        *("--port", str(port)),
    ]


def server_mode(toy: Toy, output: Path, servers: list[RolloutServer], **values: str) -> list[str]:
    """`swift rlhf` with rollout servers; the scheduler and vLLM live there."""
    arguments = without(toy.grpo(output), *COLOCATE_ONLY)
    server = {"vllm_mode": "server", "vllm_server_pass_dataset": "true"}
    arguments = with_values(arguments, **server, num_generations="4", loss_scale="default")
    return [
        *with_values(arguments, **values),
        *("--vllm_server_host", *["127.0.0.1"] * len(servers)),
        *("--vllm_server_port", *(str(server.port) for server in servers)),
        # The usual ones, from 51216 on, may be another run's.
        *("--vllm_server_group_port", *(str(free_port()) for _ in servers)),
    ]
