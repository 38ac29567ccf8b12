"""What is known of the server's model: its box frame, its pixel limits, its context. Never guessed.

A wrong frame or limit is silent (boxes land elsewhere, DeepEyes #141), so each fact is stated by
the user or read from the model's own files, and otherwise the evaluation refuses to start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swift_deepeyes.chat.identity import Listing
from swift_deepeyes.episode.boxes import Frame, family_frame
from swift_deepeyes.episode.family import Family
from swift_deepeyes.episode.view import ViewRecipe
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.settings import BoxFormat

MIN_TOKENS = 4
"""qwen-vl-utils shows no image with fewer tokens; a probe checks that the server agrees."""


SWIFT = "swift"
"""What `swift deploy` calls itself in its model list."""


class UnknownModelError(DeepEyesError, ValueError):
    """The server's model cannot be identified; the message says what to state."""


class Stated(FrozenModel):
    """What the user says about the model; None: find it out."""

    family: Family | None = None
    checkpoint: Path | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    max_context: int | None = None


class ServedModel(FrozenModel):
    """The model as the evaluation treats it.

    `weights` is where they are, as far as that is known: names are given again after training.
    """

    name: str
    family: Family
    frame: Frame
    min_pixels: int
    max_pixels: int
    max_context: int | None
    weights: str | None = None
    tokenizer: Path | None = None
    how: str
    owner: str | None = None  # the software that serves it, as it says itself

    @property
    def recipe(self) -> ViewRecipe:
        """How the model sees an image."""
        limits = {"min_pixels": self.min_pixels, "max_pixels": self.max_pixels}
        return ViewRecipe(self.family.patch_size, fetch_options=limits)


def identify(listing: Listing, stated: Stated, box_format: BoxFormat) -> ServedModel:
    """Put stated and found facts together. Raises `UnknownModelError`."""
    folder = _folder(listing, stated)
    found, how = _family(listing, folder)
    family = stated.family or found
    if family is None:
        raise UnknownModelError(
            f"The server calls its model {listing.id!r}, which says nothing about how it reads "
            "images and writes boxes. State --family "
            f"({', '.join(Family)}), or --checkpoint with the folder of the model's files."
        )
    if stated.family is not None:
        how = "stated"
    resizes = listing.owned_by != SWIFT
    least, most, limits_how = _pixel_limits(stated, folder, (2 * family.patch_size) ** 2, resizes)
    tokenizer = None if folder is None else folder / "tokenizer.json"
    return ServedModel(
        name=listing.id,
        family=family,
        frame=family_frame(family, box_format),
        min_pixels=least,
        max_pixels=most,
        max_context=stated.max_context or listing.max_model_len,
        weights=str(stated.checkpoint) if stated.checkpoint else listing.root,
        tokenizer=tokenizer if tokenizer is not None and tokenizer.is_file() else None,
        how=f"family {how}, pixel limits {limits_how}",
        owner=listing.owned_by,
    )


def _folder(listing: Listing, stated: Stated) -> Path | None:
    """Where the model's files are, if they are on this machine."""
    if stated.checkpoint is not None:
        if not (stated.checkpoint / "config.json").is_file():
            raise UnknownModelError(f"--checkpoint {stated.checkpoint}: there is no config.json.")
        return stated.checkpoint
    for name in (listing.root, listing.id):
        if name and Path(name).is_absolute() and (Path(name) / "config.json").is_file():
            return Path(name)
    return None


def _family(listing: Listing, folder: Path | None) -> tuple[Family | None, str]:
    if folder is not None:
        kind = str(_read(folder / "config.json").get("model_type", ""))
        # "qwen3_vl_moe" is read like "qwen3_vl".
        family = next((family for family in Family if kind.startswith(family)), None)
        return family, "from the model's config.json"
    for name in (listing.root or "", listing.id):
        plain = "".join(character for character in name.lower() if character.isalnum())
        for family in Family:
            if family.replace("_", "") in plain:
                return family, f"from the name {name!r}"
    return None, ""


def _pixel_limits(
    stated: Stated, folder: Path | None, token_pixels: int, resizes: bool
) -> tuple[int, int, str]:
    """Least pixels, most pixels, and how they are known.

    `resizes`: whether the server brings images into its processor's limits. ms-swift does not, in
    `swift deploy` as in training: it shows a small image with the tokens that qwen-vl-utils gives
    it. Qwen3-VL's processor would make 64 tokens of it.
    """
    found = {} if folder is None else _limits_of_processor(folder)
    most = stated.max_pixels or found.get("max_pixels")
    if most is None:
        raise UnknownModelError(
            "How many pixels the server's model looks at is not known: state --max-pixels (what "
            "it was trained with, e.g. MAX_PIXELS of the run), or --checkpoint with the folder of "
            "the model's files."
        )
    of_processor = found.get("min_pixels") if resizes else None
    least = stated.min_pixels or of_processor or MIN_TOKENS * token_pixels
    least = min(least, most)
    if most < MIN_TOKENS * token_pixels:
        raise UnknownModelError(f"--max-pixels {most} is less than {MIN_TOKENS} image tokens.")
    return least, most, "stated" if stated.max_pixels else "from the model's processor"


def _limits_of_processor(folder: Path) -> dict[str, int]:
    """The limits in the processor's files, in either of the two ways they are written."""
    for name in ("preprocessor_config.json", "processor_config.json"):
        content = _read(folder / name)
        content = content.get("image_processor", content)
        content = content if isinstance(content, dict) else {}
        size = content.get("size")
        size = size if isinstance(size, dict) else {}
        limits = {
            "min_pixels": content.get("min_pixels") or size.get("shortest_edge"),
            "max_pixels": content.get("max_pixels") or size.get("longest_edge"),
        }
        known = {key: value for key, value in limits.items() if isinstance(value, int)}
        if known:
            return known
    return {}


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise UnknownModelError(f"{path} is not JSON: {error}") from None
    return content if isinstance(content, dict) else {}
