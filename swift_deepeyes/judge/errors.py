"""What can go wrong between us and a judge server, named by what has to happen next.

Only `JudgeError` leaves this room. The other three are how one call ends without a reply; the batch
decides whether that means another try, a fallback, or the end of the run.
"""

from __future__ import annotations

from enum import StrEnum

from swift_deepeyes.errors import DeepEyesError


class JudgeError(DeepEyesError):
    """The judge cannot be used and the run must stop: the message names the URL and the fix."""


class FailureKind(StrEnum):
    """How a call failed; the words appear in the log and in the counters."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    BAD_BODY = "bad_body"
    NO_CHOICES = "no_choices"
    REFUSED = "refused"
    ABSENT = "absent"  # 404 and the like, of a server that is known or one of several


class CallFailedError(Exception):
    """One call got no reply, for a reason that may pass.

    `retry_after` is the server's own wish in seconds (None: it named none).
    """

    def __init__(self, kind: FailureKind, detail: str, retry_after: float | None = None) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.retry_after = retry_after


class RequestRefusedError(Exception):
    """The server understood the request and refuses it (400, 413, 422): asking again is no use."""


class WrongServerError(Exception):
    """What listens there is no judge (404, 405, a redirect) or none for us (401, 403, the model).

    `is_final`: it knows us and says no. The others are also what a gateway says for a judge that is
    just being restarted.
    """

    def __init__(self, detail: str, *, is_final: bool) -> None:
        super().__init__(detail)
        self.is_final = is_final
