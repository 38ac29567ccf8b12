"""Failures of a call: named by their cause, with the fix in the words of who calls."""

from __future__ import annotations

import ssl
import time
from email.utils import formatdate

import pytest

from swift_deepeyes.chat.address import Address
from swift_deepeyes.chat.failures import (
    LONGEST_RETRY_AFTER,
    Cause,
    FailedCallError,
    RequestRefusedError,
    WrongServerError,
    failure_of_status,
    failure_of_transport,
    read_retry_after,
)
from swift_deepeyes.evaluation.endpoint import NAMES as EVALUATION
from swift_deepeyes.judge.errors import NAMES as JUDGE

ADDRESS = Address("http://127.0.0.1:1/v1")


def of_status(status: int, text: str = "", **headers: str) -> FailedCallError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return failure_of_status(status, text.encode(), named, None)


@pytest.mark.parametrize(
    ("status", "text", "cause", "kind", "is_final"),
    [
        (401, "", Cause.KEY, WrongServerError, True),
        (400, "API key error", Cause.KEY, WrongServerError, True),
        (400, "`x` is not in the model_list: `['y']`.", Cause.MODEL, WrongServerError, True),
        (404, "The model `x` does not exist.", Cause.MODEL, WrongServerError, True),
        (404, "Not Found", Cause.PATH, WrongServerError, True),
        (405, "", Cause.PATH, WrongServerError, True),
        (302, "", Cause.REDIRECT, WrongServerError, True),
        (407, "", Cause.PROXY, WrongServerError, True),
        (400, "max_tokens is too large", Cause.TOO_LONG, RequestRefusedError, True),
        (422, "no", Cause.REFUSED, RequestRefusedError, True),
        (429, "", Cause.RATE_LIMIT, FailedCallError, False),
        (408, "", Cause.SERVER_ERROR, FailedCallError, False),
        (503, "", Cause.SERVER_ERROR, FailedCallError, False),
    ],
)
def test_a_status_is_named(
    status: int, text: str, cause: Cause, kind: type[FailedCallError], is_final: bool
) -> None:
    failure = of_status(status, text)
    assert (failure.cause, type(failure), failure.is_final) == (cause, kind, is_final)
    assert failure.kind == f"http_{status}"


def test_a_404_is_also_what_a_gateway_says_for_a_server_that_restarts() -> None:
    gone, unknown = of_status(404, "model not found"), of_status(401)
    assert isinstance(gone, WrongServerError) and not gone.knows_us
    assert isinstance(unknown, WrongServerError) and unknown.knows_us


def test_the_fix_names_the_callers_own_settings() -> None:
    failure = of_status(401, "Unauthorized")
    assert "state --api-key, or OPENAI_API_KEY" in failure.explained(ADDRESS, EVALUATION)
    assert "state DEEPEYES_JUDGE_API_KEY" in failure.explained(ADDRESS, JUDGE)


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_a_hint_that_can_be_written(cause: Cause) -> None:
    for names in (EVALUATION, JUDGE):
        text = FailedCallError(cause, "what was said").explained(ADDRESS, names)
        assert text.startswith("what was said.") and "{" not in text


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        ("-2", 0.0),
        ("1e9", LONGEST_RETRY_AFTER),
        ("nan", None),
        ("x", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value) == seconds


def test_retry_after_may_be_a_date() -> None:
    seconds = read_retry_after(formatdate(time.time() + 20, usegmt=True))
    assert seconds is not None and 15 < seconds <= 20


def test_the_reason_of_a_failed_connection_is_found_at_any_depth() -> None:
    reasons = ExceptionGroup("all failed", [OSError(1, "x"), ssl.SSLCertVerificationError("y")])
    error = OSError("")
    error.__cause__ = reasons
    assert failure_of_transport(error, None).cause is Cause.CERTIFICATE


def test_a_proxys_password_is_not_repeated() -> None:
    failure = failure_of_transport(OSError("to http://me:secret@p:1"), "http://me:secret@p:1")
    assert "secret" not in failure.detail and "through the proxy http://p:1" in failure.detail
