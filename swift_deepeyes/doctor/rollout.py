"""The rollout server: the right kind, our scheduler, and the same pixels as on this side.

ms-swift compares none of this itself. A rollout server with another MAX_PIXELS generates happily;
the trainer then encodes other images than the policy saw.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
from typing import Any

from PIL import Image

from swift_deepeyes.chat.address import Address, AddressError
from swift_deepeyes.chat.client import ChatClient, ClientSetupError
from swift_deepeyes.chat.failures import Cause, FailedCallError, SettingNames
from swift_deepeyes.chat.identity import ServerKind, identify
from swift_deepeyes.doctor.commands.lora import check_async_engine
from swift_deepeyes.doctor.finding import Finding, failed, ok, skipped, warning
from swift_deepeyes.doctor.tried import ms_swift_version
from swift_deepeyes.episode.boxes import Size
from swift_deepeyes.episode.trajectory import RECORD_KEY
from swift_deepeyes.episode.view import ViewRecipe

PROBE_SIZE = Size(1920, 1080)
NAMES = SettingNames(
    url="--rollout",
    key="a key that it accepts",
    model="--model",
    timeout="its number of GPUs",
    concurrency="its load",
    server="rollout server",
    start="scripts/rollout.sh starts one",
)
_SECONDS = 120.0
_CHECK = "rollout server"


def check_rollout(url: str, recipe: ViewRecipe | None) -> list[Finding]:
    """All checks of one server. `recipe`: this side's view of images; None: not known."""
    try:
        address = Address.of(url, NAMES.url)
        return asyncio.run(_check(address, recipe))
    except AddressError as error:
        return [failed(_CHECK, str(error), f"pass {NAMES.url} as swift rollout printed it")]
    except ClientSetupError as error:
        return [
            failed(_CHECK, str(error), "set that variable to a file that is there, or unset it")
        ]


async def _check(address: Address, recipe: ViewRecipe | None) -> list[Finding]:
    async with ChatClient() as client:
        try:
            engine = await _post(client, address, "/get_engine_type/")
            if not isinstance(engine, dict):
                return [await _wrong_server(client, address)]
            return [*_engine(address.url, engine), *await _probe(client, address, recipe)]
        except FailedCallError as failure:
            text = f"{address.url} does not answer ({failure.explained(address, NAMES)})"
            return [failed(_CHECK, text, _fix_of(failure))]


def _fix_of(failure: FailedCallError) -> str:
    if failure.cause is Cause.NO_LISTENER:
        return NAMES.start
    if failure.cause in (Cause.TIMEOUT, Cause.CONNECTION):
        return "look at the rollout server's own log"
    return f"mend {NAMES.url}, or the variables that are named; {NAMES.start}"


async def _wrong_server(client: ChatClient, address: Address) -> Finding:
    identity = await identify(client, Address(f"{address.root}/v1", address.authorization))
    if identity.kind is ServerKind.UNAUTHORISED:
        fix = "start swift rollout without --api_key: ms-swift's trainer sends none"
        return failed(_CHECK, f"{address.url} wants a key ({identity.detail})", fix)
    what = "a chat server (the judge?)" if identity.kind is ServerKind.CHAT else "something else"
    fix = f"{NAMES.start}; pass its address with {NAMES.url}"
    return failed(_CHECK, f"{address.url} is {what}, not `swift rollout`", fix)


def _engine(url: str, engine: dict[str, Any]) -> list[Finding]:
    findings = [ok(_CHECK, f"{url} ({engine.get('engine_type')})")]
    if engine.get("engine_type") != "AsyncLLMEngine":
        fix = "start it with --vllm_use_async_engine true"
        findings.append(failed("rollout engine", "multi-turn needs the async engine", fix))
    if not engine.get("enable_multi_turn"):
        fix = "start it with --multi_turn_scheduler deepeyes_scheduler"
        findings.append(failed("rollout scheduler", "no multi-turn scheduler", fix))
    if engine.get("enable_lora"):
        findings += check_async_engine(url, ms_swift_version())
    return findings


async def _probe(client: ChatClient, address: Address, recipe: ViewRecipe | None) -> list[Finding]:
    """Generate one token twice, with and without an image, and look at what came back."""
    plain = await _generate(client, address, None)
    with_image = await _generate(client, address, _image())
    tokens = [_prompt_tokens(output) for output in (plain, with_image)]
    if None in tokens or with_image is None:
        fix = "look at the rollout server's own log; a request failed there"
        return [failed("rollout probe", "the server could not answer a request", fix)]
    if RECORD_KEY in (with_image.get("rollout_infos") or {}):
        scheduler = ok("rollout scheduler", "deepeyes_scheduler answers")
    else:
        fix = (
            "start it with --external_plugins $(swift-deepeyes plugin-path) "
            "--multi_turn_scheduler deepeyes_scheduler"
        )
        scheduler = failed("rollout scheduler", "another scheduler than ours answers", fix)
    return [scheduler, _compare((tokens[1] or 0) - (tokens[0] or 0), recipe)]


def _compare(tokens: int, recipe: ViewRecipe | None) -> Finding:
    check = "pixel limits"
    if recipe is None:
        return skipped(check, "pass --model to compare the server's image tokens with this side's")
    ours = recipe.tokens(PROBE_SIZE)
    if tokens == ours:
        return ok(check, f"{PROBE_SIZE} costs {tokens} tokens on both sides")
    text = f"{PROBE_SIZE} costs {tokens} tokens on the server and {ours} here"
    fix = "set the same MAX_PIXELS (or --max_pixels) for `swift rollout` and `swift rlhf`"
    if abs(tokens - ours) <= 2:
        return warning(check, text, "another template? compare the two sides' --template")
    return failed(check, text, fix)


async def _generate(
    client: ChatClient, address: Address, image: str | None
) -> dict[str, Any] | None:
    content = "?" if image is None else "<image>?"
    request = {
        "messages": [{"role": "user", "content": content}],
        "images": [] if image is None else [image],
        "uuid": f"doctor-{image is None}",
    }
    config = {"max_tokens": 1, "n": 1, "temperature": 1.0}
    body = {"infer_requests": [request], "request_config": config}
    outputs = await _post(client, address, "/infer/", body)
    first = outputs[0] if isinstance(outputs, list) and outputs else None
    return first if isinstance(first, dict) else None


async def _post(
    client: ChatClient, address: Address, path: str, body: dict[str, Any] | None = None
) -> Any:
    """The JSON of a 200; None for any other reply. Raises `FailedCallError`."""
    answer = await client.send("POST", address, path, _SECONDS, body)
    try:
        return json.loads(answer.data) if answer.status == 200 else None
    except ValueError:
        return None


def _prompt_tokens(output: dict[str, Any] | None) -> int | None:
    try:
        return int((output or {})["response"]["usage"]["prompt_tokens"])
    except (KeyError, TypeError, ValueError):
        return None


def _image() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", PROBE_SIZE, "white").save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")
