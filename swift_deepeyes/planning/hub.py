"""A model's `config.json` from the hub that ms-swift would take it from, and nothing else of it.

The hubs' own packages retry for a minute where there is no network, and take seconds to import. One
request says as much.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.proxy import proxy_for

if TYPE_CHECKING:
    import httpx

SECONDS = 15.0
CONNECT_SECONDS = 5.0
MOST_REDIRECTS = 5
_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_YES = frozenset({"1", "true", "yes", "y", "t", "on"})
_ELSE = "give the folder of its files instead"


class ModelError(DeepEyesError):
    """A model that cannot be planned with; the message says which and why."""


def is_hub_name(name: str) -> bool:
    """Whether this may be `organisation/name`."""
    return bool(_NAME.fullmatch(name)) and not name.startswith(".")


def fetch_config(name: str) -> bytes:
    """The file's content. Raises `ModelError` without network, and where there is no such model."""
    import httpx  # late: known models need no network

    address, token = _address(name)
    try:
        response = _get(address, {"Authorization": f"Bearer {token}"} if token else {})
    except (httpx.HTTPError, DeepEyesError) as error:
        raise ModelError(
            f"{name}: {httpx.URL(address).host} is not reached ({error or type(error).__name__}); "
            f"{_ELSE}"
        ) from error
    if response.status_code != 200:
        raise ModelError(f"{name}: {_refusal(response.status_code, httpx.URL(address).host)}")
    return response.content


def _address(name: str) -> tuple[str, str]:
    """Where the file is, and the token for that hub; empty without one."""
    if os.environ.get("USE_HF", "").lower() in _YES:
        hub = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        token = os.environ.get("HF_TOKEN", "")
        return f"{hub.rstrip('/')}/{name}/resolve/main/config.json", token
    hub = os.environ.get("MODELSCOPE_DOMAIN") or "www.modelscope.cn"
    hub = hub if "://" in hub else f"https://{hub}"
    token = os.environ.get("MODELSCOPE_API_TOKEN", "")
    path = f"api/v1/models/{name}/repo?Revision=master&FilePath=config.json"
    return f"{hub.rstrip('/')}/{path}", token


def _get(address: str, headers: dict[str, str]) -> httpx.Response:
    """The last answer, redirects followed; a token goes to the hub alone."""
    import httpx

    timeout = httpx.Timeout(SECONDS, connect=CONNECT_SECONDS)
    transport = httpx.HTTPTransport(proxy=proxy_for(address, "socksio"))
    with httpx.Client(
        transport=transport, timeout=timeout, follow_redirects=True, max_redirects=MOST_REDIRECTS
    ) as client:
        return client.get(address, headers=headers)


def _refusal(status: int, host: str) -> str:
    """What a status other than 200 says about a model."""
    other = "HF_TOKEN, or leave out USE_HF" if "USE_HF" in os.environ else "MODELSCOPE_API_TOKEN"
    if status == 404:
        return f"{host} has no such model (HTTP 404). Mend the name, or {_ELSE}"
    if status in (401, 403):
        return f"{host} refuses it (HTTP {status}): no such model, or a private one: set {other}"
    return f"{host} answers HTTP {status}; {_ELSE}"
