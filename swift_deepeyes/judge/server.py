"""The judge servers and their health: plain data that outlives batches."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from swift_deepeyes.chat.address import Address
from swift_deepeyes.chat.failures import Cause, FailedCallError, WrongServerError
from swift_deepeyes.judge.errors import NAMES
from swift_deepeyes.judge.request import Guidance

FAILURES_BEFORE_REST = 3  # in a row
FIRST_REST_SECONDS = 0.5
LONGEST_REST_SECONDS = 30.0
ERRORS_BEFORE_PLAIN = 3  # 5xx to a spelling that was never answered: it is the spelling
LATENCIES_KEPT = 256


@dataclass
class Server:
    """One address. Times are `time.monotonic()` seconds."""

    address: Address
    model: str | None = None  # what we ask for; None until the server named one
    is_known: bool = False  # it was identified as a chat server
    guidance: Guidance = Guidance.STRUCTURED
    guidance_proven: bool = False  # a request in this spelling was answered, with a choice
    guidance_errors: int = 0  # 5xx to requests in a spelling that was not proven
    in_flight: int = 0
    answered: int = 0
    failures_in_a_row: int = 0
    rests: int = 0  # taken without an answer in between
    rest_until: float = 0.0
    looked_at: float = 0.0  # when it was last identified after it had denied to be a judge
    complaint: str = ""  # the last that was logged about it

    @property
    def url(self) -> str:
        """The address without user and password, for requests and messages."""
        return self.address.url

    def introduce(self, model: str) -> None:
        """It is a chat server and serves `model`."""
        self.is_known = True
        self.model = model
        self._recover()

    @property
    def is_unidentified(self) -> bool:
        """Not identified yet, and due for another try."""
        return not self.is_known and time.monotonic() >= self.rest_until

    def note_landed(self, _: object) -> None:
        """A call to it is over, in whatever way."""
        self.in_flight -= 1

    def note_success(self) -> None:
        """It answered: whatever it had is over."""
        self.answered += 1
        self._recover()

    def _recover(self) -> None:
        self.failures_in_a_row = 0
        self.rests = 0
        self.rest_until = 0.0

    def note_failure(self, rest_seconds: float | None = None) -> None:
        """It failed; after a few in a row it is rested, and longer each time that does not help.

        `rest_seconds`: the server's own wish (Retry-After), taken at once.
        """
        now = time.monotonic()
        self.failures_in_a_row += 1
        rest = rest_seconds or 0.0
        # Calls that were in flight together fail together: that is one reason to rest, not thirty.
        if self.failures_in_a_row >= FAILURES_BEFORE_REST and now >= self.rest_until:
            rest = max(rest, min(FIRST_REST_SECONDS * 2.0**self.rests, LONGEST_REST_SECONDS))
            self.rests = min(self.rests + 1, 16)
        if rest:
            self.rest_until = max(self.rest_until, now + rest)

    @property
    def is_resting(self) -> bool:
        """Better left alone: its rest is not over, or one call is finding out whether it is."""
        if self.failures_in_a_row < FAILURES_BEFORE_REST:
            return time.monotonic() < self.rest_until
        return time.monotonic() < self.rest_until or self.in_flight > 0

    def first_spelling(self, *, after_error: bool) -> Guidance:
        """How to ask; a question that met a 5xx avoids fields that were never answered."""
        return Guidance.PLAIN if after_error and not self.guidance_proven else self.guidance

    def spelling_after(self, refused: Guidance) -> Guidance | None:
        """How to ask once more after a refusal; None where it is the question that is refused."""
        if self.guidance_proven:
            # A call that started before another one found out is not refused for its question.
            return None if refused is self.guidance else self.guidance
        return refused.next

    def note_guided_failure(self, used: Guidance, failure: FailedCallError) -> None:
        """A 5xx may be the answer to a field that the server does not know."""
        if is_server_error(failure) and used is not Guidance.PLAIN:
            self.guidance_errors += not self.guidance_proven

    def note_guidance(self, used: Guidance, *, obeyed: bool, after_error: bool = False) -> None:
        """What a reply proved about the spelling `used` for guided decoding.

        An obedient reply proves that the spelling is accepted, not that the next one obeys: one
        that does not ends it at any time.
        """
        if used < self.guidance:
            return  # another call knew better in the meantime
        if used > self.guidance:
            is_doubtful = after_error and self.guidance_errors < ERRORS_BEFORE_PLAIN
            if self.guidance_proven or is_doubtful:
                return
        # Accepted and ignored is as good as not having it.
        self.guidance = used if obeyed else used.next or used
        self.guidance_proven = obeyed or used is Guidance.PLAIN


@dataclass
class Pool:
    """All servers of one judge."""

    servers: list[Server]
    last_success: float = 0.0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))

    @classmethod
    def of(cls, urls: tuple[str, ...], model: str | None) -> Pool:
        """A pool of addresses not met yet."""
        return cls([Server(Address.of(url, NAMES.url), model) for url in dict.fromkeys(urls)])

    def pick(self, avoid: Server | None = None) -> Server:
        """The least busy server; only if there is no other, a resting one or the one to `avoid`."""
        return min(self.known, key=lambda server: _reluctance(server, avoid))

    def pick_beside(self, hung: list[Server]) -> Server:
        """The least busy server besides those that hang, even a resting one; if any, else these."""
        others = [server for server in self.known if all(server is not one for one in hung)]
        return min(others or self.known, key=lambda server: _reluctance(server, None))

    @property
    def known(self) -> list[Server]:
        """The servers that were identified as chat servers."""
        return [server for server in self.servers if server.is_known]

    @property
    def was_reached(self) -> bool:
        """Whether any of the servers was ever there."""
        return bool(self.known)

    def has_another(self, server: Server) -> bool:
        """Whether a chat server besides `server` is known."""
        return any(other is not server for other in self.known)

    def failed_throughout(self, calls: int) -> bool:
        """Whether no server answered any of its last `calls` calls or more."""
        return all(server.failures_in_a_row >= calls for server in self.known)

    @property
    def model(self) -> str:
        """The model whose verdicts these are; several names where servers differ."""
        return "+".join(sorted({server.model or "" for server in self.known}))

    def note_success(self, server: Server) -> None:
        """`server` answered a call."""
        server.note_success()
        self.last_success = time.monotonic()

    def start_batch(self) -> None:
        """Nothing is in flight yet: an earlier batch may have been cancelled in the middle."""
        for server in self.servers:
            server.in_flight = 0

    @property
    def addresses(self) -> str:
        """All URLs, for messages."""
        return ", ".join(server.url for server in self.servers)


_NO_CONNECTION = frozenset(
    {Cause.NO_LISTENER, Cause.NO_NAME, Cause.CERTIFICATE, Cause.TLS, Cause.PROXY}
)


def counted_as(failure: FailedCallError) -> str:
    """The word for a failure in the log and in the counters.

    `absent`: 404 and the like, of a server that has judged before or that is one of several.
    """
    if isinstance(failure, WrongServerError):
        return "absent"
    if is_overload(failure):
        return str(Cause.RATE_LIMIT)
    return str(Cause.CONNECTION if failure.cause in _NO_CONNECTION else failure.cause)


def is_overload(failure: FailedCallError) -> bool:
    """Whether the server has too much to do: 429, or a 503 that names a time."""
    return failure.cause is Cause.RATE_LIMIT or (
        failure.status == 503 and failure.retry_after is not None
    )


def is_server_error(failure: FailedCallError) -> bool:
    """Whether the server failed at this request, which may be the request's fault."""
    return failure.cause is Cause.SERVER_ERROR and not is_overload(failure)


def wished_rest(failure: FailedCallError) -> float | None:
    """The seconds for which a server that has too much to do wants to be left alone."""
    return failure.retry_after if is_overload(failure) else None


def _reluctance(server: Server, avoid: Server | None) -> tuple[bool, bool, int, int]:
    return server.is_resting, server is avoid, server.in_flight, server.answered
