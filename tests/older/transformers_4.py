"""The toy under transformers 4 (ms-swift before 4.3): its classes take other arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest import mock

from swift_deepeyes.demo.toy import model, tokenizer
from swift_deepeyes.demo.toy.family import ToyFamily
from swift_deepeyes.demo.toy.view import ToyView


def is_installed() -> bool:
    return version("transformers").startswith("4.")


def install() -> None:
    build_tokenizer, config_of = tokenizer.build_tokenizer, model._config

    def build(view: ToyView) -> Any:
        # By its name: the module itself is replaced by others that are imported.
        with mock.patch("transformers.Qwen2Tokenizer", _qwen2_tokenizer):
            return build_tokenizer(view)

    def config(of: Any, family: ToyFamily) -> Any:
        made = config_of(of, family)
        made.text_config.rope_scaling = {**family.text["rope_parameters"], "type": "default"}
        return made

    tokenizer.build_tokenizer, model._config = build, config


def _qwen2_tokenizer(
    vocab: Mapping[str, int] | None = None,
    merges: Sequence[tuple[str, str]] = (),
    extra_special_tokens: Sequence[str] = (),
    **options: Any,
) -> Any:
    from transformers import Qwen2TokenizerFast

    folder = Path(mkdtemp(prefix="toy-tokenizer-"))
    (folder / "vocab.json").write_text(json.dumps(vocab or {"a": 0}))
    (folder / "merges.txt").write_text("\n".join(" ".join(pair) for pair in merges))
    return Qwen2TokenizerFast(
        str(folder / "vocab.json"),
        str(folder / "merges.txt"),
        additional_special_tokens=list(extra_special_tokens),
        **options,
    )
