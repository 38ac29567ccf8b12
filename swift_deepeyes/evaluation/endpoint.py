"""The server under evaluation: one chat call with retries. A failure is never an answer.

Three errors leave it: a server that may answer another time (`ServerFailedError`), one that
understood and refuses (`ServerRefusedError`), and a reply that is not the model's text
(`UnusableReplyError`). Every failed try is counted for the report.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, TypeVar

from swift_deepeyes.chat.address import Address, AddressError
from swift_deepeyes.chat.client import ChatClient, ClientSetupError
from swift_deepeyes.chat.failures import (
    Cause,
    FailedCallError,
    SettingNames,
    failure_of_status,
)
from swift_deepeyes.chat.identity import Listing, ServerKind, identify, read_listings
from swift_deepeyes.chat.reply import Finish, Loss, Reply, parse_json
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.evaluation.config import Sampling
from swift_deepeyes.evaluation.served_model import UnknownModelError
from swift_deepeyes.proxy import ProxySettingError, proxy_for

__all__ = [
    "Endpoint",
    "Messages",
    "Reply",
    "ServerFailedError",
    "ServerRefusedError",
    "UnusableReplyError",
]

T = TypeVar("T")
Messages = list[dict[str, Any]]
Say = Callable[[str], object]

NAMES = SettingNames(
    url="--base-url",
    key="--api-key, or OPENAI_API_KEY",
    model="--model",
    timeout="--timeout",
    concurrency="--concurrency",
    context="--max-context",
)
_LONGEST_PAUSE_SECONDS = 30.0
_CONTEXT = re.compile(
    r"(?:maximum (?:context|model) length|context length|max_model_len)\D{0,24}(\d+)", re.IGNORECASE
)
_IMAGES = re.compile(r"at most (\d+) image", re.IGNORECASE)


class ServerFailedError(DeepEyesError):
    """No usable reply after all tries; another time it may work."""


class ServerRefusedError(DeepEyesError):
    """The server understood and refuses: asking the same again is no use.

    `max_context` (tokens) and `max_images` (per prompt) are set where it names such a limit.
    """

    def __init__(
        self, message: str, *, max_context: int | None = None, max_images: int | None = None
    ) -> None:
        super().__init__(message)
        self.max_context = max_context
        self.max_images = max_images


class UnusableReplyError(DeepEyesError):
    """A reply that does not hold what the model wrote; the message says what took it."""


class Endpoint:
    """An OpenAI-compatible server. Open it with `async with`; `failed_tries` counts by kind.

    `restored_thoughts`: turns whose thought a reasoning parser had taken out of the text. Raises
    `ServerFailedError` for an address, a key or a proxy that cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str = "EMPTY",
        timeout_seconds: float = 600.0,
        retries: int = 5,
        first_pause_seconds: float = 1.0,
    ) -> None:
        self._timeout = timeout_seconds
        self._retries = retries
        self._first_pause = first_pause_seconds
        self.failed_tries: Counter[str] = Counter()
        self.restored_thoughts = 0
        if not (api_key.isascii() and api_key.isprintable()):
            raise ServerFailedError("--api-key (OPENAI_API_KEY) holds characters that no key has.")
        try:
            self._address = Address.of(base_url, NAMES.url)
            proxy_for(self._address.url)
        except (AddressError, ProxySettingError) as error:
            raise ServerFailedError(str(error)) from None
        self._client = ChatClient(api_key)

    async def __aenter__(self) -> Endpoint:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, traceback)

    @property
    def url(self) -> str:
        """The address, without a password."""
        return self._address.url

    async def find_model(self, name: str | None, say: Say = lambda text: None) -> Listing:
        """The model `name`, or the only one; `say` hears what is waited for.

        Raises `ServerFailedError`, `UnknownModelError`.
        """
        try:
            known = await self._retrying(self._list_models, say)
        except (ServerFailedError, ServerRefusedError) as error:
            message = f"{self._address.url} does not list its models: {error}"
            raise ServerFailedError(await self._who() or message) from error
        if name is None and len(known) == 1:
            return next(iter(known.values()))
        if name is None or name not in known:
            other = f"{self.url} does not serve {name!r}. " if name else ""
            raise UnknownModelError(
                f"{other}Say with --model which one: {', '.join(known) or 'none listed'}."
            )
        return known[name]

    async def _who(self) -> str:
        """Which server of another kind listens there, with the fix; empty where that is open."""
        identity = await identify(self._client, self._address, min(self._timeout, 5.0))
        is_plain = identity.kind in (ServerKind.ROLLOUT, ServerKind.WRONG_PATH)
        return identity.problem(NAMES) if is_plain else ""

    async def complete(
        self, model: str, messages: Messages, sampling: Sampling, *, seed: int
    ) -> Reply:
        """The next turn. Raises `ServerFailedError` after the last try, or one of the others."""
        body = {
            "model": model,
            "messages": messages,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "seed": seed,
            **sampling.fields,
        }
        reply = await self._retrying(lambda: self._ask(body))
        if reply.loss is not None:
            raise UnusableReplyError(reply.loss)
        self.restored_thoughts += reply.thought_restored
        return reply

    async def _retrying(self, call: Callable[[], Awaitable[T]], say: Say = lambda text: None) -> T:
        """Call until it succeeds, with growing pauses."""
        pause = self._first_pause
        for tries_left in range(self._retries, -1, -1):
            try:
                return await call()
            except ClientSetupError as error:
                raise ServerFailedError(str(error)) from error
            except FailedCallError as failure:
                if failure.is_final:
                    raise self._refusal(failure) from failure
                self.failed_tries[failure.kind] += 1
                if tries_left == 0:
                    raise ServerFailedError(
                        f"no reply after {self._retries + 1} tries, the last: "
                        f"{failure.explained(self._address, NAMES)}"
                    ) from failure
                wait = min(failure.retry_after or pause, _LONGEST_PAUSE_SECONDS)
                say(
                    f"Waiting for the server: {failure.explained(self._address, NAMES)} Again in "
                    f"{wait:.0f} s; tries left: {tries_left}."
                )
                await asyncio.sleep(wait)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        raise AssertionError("the last try returns or raises")

    def _refusal(self, failure: FailedCallError) -> ServerRefusedError:
        """The failure as the error that ends a trial, with the limits that it names."""
        return ServerRefusedError(
            failure.explained(self._address, NAMES),
            max_context=_number(_CONTEXT, failure.detail),
            max_images=_number(_IMAGES, failure.detail),
        )

    async def _list_models(self) -> dict[str, Listing]:
        answer = await self._client.send("GET", self._address, "/models", self._timeout)
        if answer.status != 200:
            raise failure_of_status(answer.status, answer.data, answer.headers, answer.proxy)
        listings = read_listings(answer.data)
        if listings is None:
            try:
                parse_json(answer.data)
            except FailedCallError as failure:
                raise FailedCallError(Cause.NO_MODELS, failure.detail) from failure
            raise FailedCallError(Cause.NO_MODELS, "HTTP 200, without `data`")
        return {listing.id: listing for listing in listings}

    async def _ask(self, body: dict[str, Any]) -> Reply:
        """One try. What a server broke off or garbled is worth another one."""
        reply = await self._client.complete(self._address, body, self._timeout)
        if reply.finish is Finish.ABORTED:
            raise FailedCallError(Cause.ABORTED, "finish_reason abort")
        if reply.loss is Loss.OTHER_TYPE:
            raise FailedCallError(Cause.BAD_BODY, reply.loss)
        return reply


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    return int(match[1]) if match else None
