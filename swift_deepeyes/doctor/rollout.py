"""The rollout server: the right kind, our scheduler, and the same pixels as on this side.

ms-swift compares none of this itself. A rollout server with another MAX_PIXELS generates happily;
the trainer then encodes other images than the policy saw.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
from PIL import Image

from swift_deepeyes.doctor.finding import Finding, failed, ok, skipped, warning
from swift_deepeyes.episode.boxes import Size
from swift_deepeyes.episode.trajectory import RECORD_KEY
from swift_deepeyes.episode.view import ViewRecipe

PROBE_SIZE = Size(1920, 1080)
_SECONDS = 120.0
_ROLLOUT = "scripts/rollout.sh starts one"


def check_rollout(url: str, recipe: ViewRecipe | None) -> list[Finding]:
    """All checks of one server. `recipe`: this side's view of images; None: not known."""
    check = "rollout server"
    try:
        with httpx.Client(base_url=url, timeout=_SECONDS) as client:
            kind = client.post("/get_engine_type/")
            if kind.status_code != httpx.codes.OK:
                return [_wrong_server(url, client)]
            findings = _engine(url, kind.json())
            return [*findings, *_probe(client, recipe)]
    except httpx.HTTPError as error:
        return [failed(check, f"{url} does not answer ({type(error).__name__})", _ROLLOUT)]


def _wrong_server(url: str, client: httpx.Client) -> Finding:
    is_chat = client.get("/v1/models").status_code == httpx.codes.OK
    what = "a chat server (the judge?)" if is_chat else "something else"
    fix = f"{_ROLLOUT}; pass its address with --rollout"
    return failed("rollout server", f"{url} is {what}, not `swift rollout`", fix)


def _engine(url: str, engine: Any) -> list[Finding]:
    findings = [ok("rollout server", f"{url} ({engine.get('engine_type')})")]
    if engine.get("engine_type") != "AsyncLLMEngine":
        fix = "start it with --vllm_use_async_engine true"
        findings.append(failed("rollout engine", "multi-turn needs the async engine", fix))
    if not engine.get("enable_multi_turn"):
        fix = "start it with --multi_turn_scheduler deepeyes_scheduler"
        findings.append(failed("rollout scheduler", "no multi-turn scheduler", fix))
    return findings


def _probe(client: httpx.Client, recipe: ViewRecipe | None) -> list[Finding]:
    """Generate one token twice, with and without an image, and look at what came back."""
    plain, pictured = _generate(client, None), _generate(client, _picture())
    if plain is None or pictured is None:
        fix = "look at the rollout server's own log; a request failed there"
        return [failed("rollout probe", "the server could not answer a request", fix)]
    if RECORD_KEY in (pictured.get("rollout_infos") or {}):
        scheduler = ok("rollout scheduler", "deepeyes_scheduler answers")
    else:
        fix = "--external_plugins $(swift-deepeyes plugin-path) --multi_turn_scheduler deepeyes_…"
        scheduler = failed("rollout scheduler", "another scheduler than ours answers", fix)
    tokens = _prompt_tokens(pictured) - _prompt_tokens(plain)
    return [scheduler, _compare(tokens, recipe)]


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


def _generate(client: httpx.Client, image: str | None) -> dict[str, Any] | None:
    content = "?" if image is None else "<image>?"
    request = {
        "messages": [{"role": "user", "content": content}],
        "images": [] if image is None else [image],
        "uuid": f"doctor-{image is None}",
    }
    config = {"max_tokens": 1, "n": 1, "temperature": 1.0}
    reply = client.post("/infer/", json={"infer_requests": [request], "request_config": config})
    if reply.status_code != httpx.codes.OK:
        return None
    outputs = reply.json()
    return outputs[0] if isinstance(outputs, list) and outputs else None


def _prompt_tokens(output: dict[str, Any]) -> int:
    return int(output["response"]["usage"]["prompt_tokens"])


def _picture() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", PROBE_SIZE, "white").save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")
