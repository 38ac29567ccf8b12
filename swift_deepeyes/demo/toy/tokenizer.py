"""The toy's tokenizer: Qwen2's class and splitting rules with a vocabulary of a few hundred tokens.

Qwen's own 151,643 tokens would make the embedding 99 % of a toy model. The price: the special
tokens have other ids, which ms-swift's template must be told (see `toy_plugin`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from swift_deepeyes.demo.toy import wording
from swift_deepeyes.demo.toy.scenes import ROOMS, Pattern
from swift_deepeyes.demo.toy.view import ToyView

if TYPE_CHECKING:
    from transformers import Qwen2Tokenizer

END_OF_TEXT = "<|endoftext|>"
TURN_START, TURN_END = "<|im_start|>", "<|im_end|>"
VISION_START, VISION_END = "<|vision_start|>", "<|vision_end|>"
IMAGE_PAD, VIDEO_PAD = "<|image_pad|>", "<|video_pad|>"

_SPECIAL = (TURN_START, TURN_END, VISION_START, VISION_END, IMAGE_PAD, VIDEO_PAD)
# Qwen2.5 has <tool_call> as a token of its own; the toy has the other tags too: shorter turns.
_TAGS = ("tool_call", "tool_response", "think", "answer")
_MAX_MERGES = 600


def build_tokenizer(view: ToyView) -> Qwen2Tokenizer:
    """Learn the merges from the toy's own texts; the result is the same every time."""
    from tokenizers import AddedToken
    from transformers import Qwen2Tokenizer

    vocabulary, merges = _learn_merges(view)
    tokenizer = Qwen2Tokenizer(
        vocab=vocabulary,
        merges=merges,  # type: ignore[arg-type]  # pairs, as BPE takes them
        unk_token=END_OF_TEXT,
        eos_token=TURN_END,
        pad_token=END_OF_TEXT,
        extra_special_tokens=list(_SPECIAL),
        model_max_length=4096,
    )
    tags = [part for tag in _TAGS for part in (f"<{tag}>", f"</{tag}>")]
    tokenizer.add_tokens([AddedToken(tag, normalized=False, special=False) for tag in tags])
    return tokenizer


def _learn_merges(view: ToyView) -> tuple[dict[str, int], list[tuple[str, str]]]:
    import json

    from tokenizers import Tokenizer, pre_tokenizers, trainers
    from tokenizers.models import BPE
    from transformers import Qwen2Tokenizer

    learner = Tokenizer(BPE())
    # The splitting rule of the class that will use the merges, not a copy of it.
    learner.pre_tokenizer = Qwen2Tokenizer().backend_tokenizer.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=256 + _MAX_MERGES,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    learner.train_from_iterator(_texts(view), trainer)
    model = json.loads(learner.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def _texts(view: ToyView) -> Iterator[str]:
    """Everything the toy reads or writes; repeated, because rare pairs are not merged."""
    texts = [wording.zoom_system(view), wording.THINKLITE_SYSTEM, wording.observation()]
    texts += ["system\n", "user\n", "assistant\n", wording.COUNT_QUESTION, "\\boxed{3}"]
    texts += [wording.with_turn_instruction(wording.option_question(list(Pattern)))]
    for pattern in Pattern:
        texts += [wording.direct_turn(pattern), wording.zoomed_turn(pattern)]
    texts += [wording.zoom_turn(view.room_box(room)) for room in range(ROOMS)]
    for text in texts:
        # A tag is a token of its own, so the words around it meet in no merge.
        for tag in _TAGS:
            text = text.replace(f"</{tag}>", "\n").replace(f"<{tag}>", "\n")
        yield from [text] * 4
