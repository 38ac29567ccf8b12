"""All `DEEPEYES_*` settings, typed, read from the environment in one place.

A wrong value, or a name that nobody reads, stops the command at start with a message that says what
is allowed: a run that trains for hours on a misspelt setting is worse than one that does not start.
"""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.prompt_style import PromptStyle
from swift_deepeyes.secret import HIDDEN, hide_secrets

PREFIX = "DEEPEYES_"
DEFAULT_JUDGE_URL = "http://127.0.0.1:18901/v1"
SCRIPT_NAMES = frozenset({"DEEPEYES_VENV"})
"""What our scripts alone read; a test compares it with them."""
_OTHERS = {
    PREFIX + "MAX_PIXELS": "MAX_PIXELS",
    PREFIX + "MIN_PIXELS": "MIN_PIXELS",
    PREFIX + "MAX_TURNS": "ms-swift's --max_turns",
}

# Kubernetes tells every pod of every service in its namespace, also of one named `deepeyes-judge`.
_OF_KUBERNETES = re.compile(
    r"DEEPEYES(_\w+)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_PORT_OF_KUBERNETES = re.compile(r"(tcp|udp|sctp)://")


class SettingsError(DeepEyesError, ValueError):
    """A setting has a value that is not allowed; the message names it and the fix."""


class JudgeKind(StrEnum):
    """Who decides whether an answer is right."""

    OPENAI = "openai"
    RULE = "rule"


class ScoringMode(StrEnum):
    """`strict` closes the official rules' loopholes; `official` keeps them to the letter."""

    STRICT = "strict"
    OFFICIAL = "official"


class BoxFormat(StrEnum):
    """In which frame the model writes boxes; `auto` takes the template's word."""

    AUTO = "auto"
    PIXEL = "pixel"
    NORM1000 = "norm1000"


class CropSource(StrEnum):
    """What a crop is cut from: the image as the model saw it, or the full-resolution source."""

    PREPROCESSED = "preprocessed"
    ORIGINAL = "original"


class IndexedImages(StrEnum):
    """What `img_idx` counts: all images of the conversation, or only those of the question."""

    ALL = "all"
    QUESTION = "question"


class SmallBoxes(StrEnum):
    """What happens to a box under the smallest allowed side."""

    REFUSE = "refuse"
    ENLARGE = "enlarge"


class Settings(BaseSettings):
    """One value per `DEEPEYES_*` variable; units are in the names or the comments."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,  # an address may hold a password
    )

    judge: JudgeKind = JudgeKind.OPENAI
    judge_base_url: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(DEFAULT_JUDGE_URL,),
        repr=False,  # `http://user:password@host/v1` is allowed
        validation_alias=AliasChoices("DEEPEYES_JUDGE_BASE_URL", "LLM_AS_A_JUDGE_BASE"),
    )
    judge_model: str | None = None
    judge_api_key: str = Field(default="EMPTY", repr=False)
    judge_concurrency: int = Field(default=64, ge=1)  # calls in flight, per process
    judge_timeout: float = Field(default=120.0, gt=0)  # seconds, per call
    judge_retries: int = Field(default=3, ge=0)  # per call
    judge_wait: float = Field(default=600.0, ge=0)  # seconds, for a judge that went away
    judge_start_wait: float = Field(default=10.0, ge=0)  # seconds, for one never reached
    judge_cache: int = Field(default=65536, ge=0)  # verdicts kept across batches; 0: none

    scoring: ScoringMode = ScoringMode.STRICT

    bbox_format: BoxFormat = BoxFormat.AUTO
    # Not the family's by itself: what was trained on the published words is asked with them.
    prompt: PromptStyle = PromptStyle.PUBLISHED
    crop_source: CropSource = CropSource.PREPROCESSED
    image_index: IndexedImages = IndexedImages.ALL
    small_boxes: SmallBoxes = SmallBoxes.REFUSE
    min_crop_side: int = Field(default=30, ge=1)  # pixels of the model's view; must be exceeded
    max_crop_pixels: int = Field(default=2_097_152, ge=1024)  # a larger crop is shrunk to this
    min_crop_pixels: int = Field(default=0, ge=0)  # a smaller one is enlarged; 0: model's minimum
    max_crop_scale: float = Field(default=4.0, ge=1)  # ... but never by more, per side
    max_calls_per_turn: int = Field(default=1, ge=1)
    max_images: int = Field(default=32, ge=1)  # per trajectory, sources and crops
    max_context: int | None = Field(default=None, ge=1)  # tokens; None: what the engine says
    mask_over_turn: bool = False  # mark what ran out of turns, context or images as truncated
    # Decoding, resizing and PNG compression release the GIL: more than cores only cost memory.
    image_threads: int = Field(default_factory=lambda: min(8, os.cpu_count() or 1), ge=1)
    picture_cache_gb: float = Field(default=4.0, gt=0)  # decoded views kept in memory, per process

    log_dir: Path | None = None  # `none` too: nowhere
    log_sample: float = Field(default=1.0, ge=0, le=1)  # share of the groups that is written
    log_max_gb: float = Field(default=20.0, gt=0)  # 10^9 bytes; then the oldest go

    @field_validator("judge_base_url", mode="before")
    @classmethod
    def _split_urls(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        urls = tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
        if not urls or not all(url.startswith(("http://", "https://")) for url in urls):
            raise ValueError("one or several http:// or https:// addresses, separated by commas")
        return urls

    @field_validator("log_dir", mode="before")
    @classmethod
    def _no_log(cls, value: object) -> object:
        """`none`, where a script would choose a directory; an empty one would be the current."""
        return None if value in ("", "none") else value

    @field_validator("judge_api_key")
    @classmethod
    def _strip_key(cls, value: str) -> str:
        key = value.strip()  # a key read from a file ends in a newline
        if not key.isascii() or not key.isprintable():
            raise ValueError("a key of printable ASCII characters, as HTTP headers carry them")
        return key


def read_settings() -> Settings:
    """Read the environment. Raises `SettingsError` that names each wrong variable and its value."""
    check_names()
    return read_values()


def read_values() -> Settings:
    """The same, whatever other names the environment has."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [_describe(problem) for problem in error.errors()]
        raise SettingsError("; ".join(lines)) from None


def check_names() -> None:
    """Raise `SettingsError` for a name with our prefix that nobody reads, with the nearest ones."""
    unknown = [name for name, value in os.environ.items() if _is_unknown(name, value)]
    if unknown:
        raise SettingsError(" ".join(map(_unknown, sorted(unknown))))


def known_names() -> frozenset[str]:
    """Every variable with our prefix that something reads."""
    return SCRIPT_NAMES | {PREFIX + field.upper() for field in Settings.model_fields}


def _is_unknown(name: str, value: str) -> bool:
    upper = name.upper()
    if not upper.startswith(PREFIX) or upper in known_names() or _OF_KUBERNETES.fullmatch(upper):
        return False
    return not (upper.endswith("_PORT") and _PORT_OF_KUBERNETES.match(value))


def _unknown(name: str) -> str:
    if name.upper() in _OTHERS:
        return f"{name} is not a setting: it is {_OTHERS[name.upper()]}, without our prefix."
    known = sorted(known_names())
    near = get_close_matches(name.upper(), known, n=1, cutoff=0.9)
    near = near or get_close_matches(name.upper(), known, n=2, cutoff=0.75)
    meant = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(_bare_names())}."
    return f"{name} is not a setting. {meant} Correct it or unset it."


def _bare_names() -> list[str]:
    """Names without the prefix, which all have."""
    return sorted(name.removeprefix(PREFIX) for name in known_names())


def _variable(name: str) -> str:
    """The environment variable behind a field or an alias: of several, the one that is set."""
    for field in Settings.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices):
            choices = [str(choice) for choice in field.validation_alias.choices]
            if name in choices:
                return next((choice for choice in choices if choice in os.environ), name)
    return name if name.isupper() else PREFIX + name.upper()


def _describe(problem: object) -> str:
    assert isinstance(problem, dict)
    name = str(problem["loc"][0]) if problem["loc"] else ""
    variable = _variable(name)
    value = str(os.environ.get(variable, problem.get("input")))
    shown = HIDDEN if name.lower().endswith("api_key") else hide_secrets(value)
    return f"{variable}={shown!r} is not allowed: {problem['msg']}"
