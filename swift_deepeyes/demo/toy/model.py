"""The toy policy: a model of about 1 M parameters of one of the families, made from a seed.

Every class is the real one (the family's `…ForConditionalGeneration`, its processor, Qwen2's
tokenizer class), so ms-swift and vLLM treat it as they treat the real model.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from swift_deepeyes.demo import cpu_support
from swift_deepeyes.demo.toy import tokenizer as toy_tokenizer
from swift_deepeyes.demo.toy.family import ToyFamily
from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL
from swift_deepeyes.errors import DeepEyesError

if TYPE_CHECKING:
    from transformers import Qwen2Tokenizer

CONTEXT_TOKENS = 1024

_HIDDEN = 128
_VISION_HIDDEN = 64
# vLLM's CPU attention has no kernel for heads smaller than this.
_HEAD = 32
# The usual 0.02 is made for thousands of dimensions; with a hundred the signal dies on its way.
_INITIAL_SPREAD = 0.06


class FamilyTooNewError(DeepEyesError):
    """The installed `transformers` is older than the family."""


def check_family(family: ToyFamily) -> None:
    """Raises `FamilyTooNewError`; without `transformers` 5 there are only the older families."""
    cpu_support.install()  # transformers imports torchvision
    import transformers

    if not hasattr(transformers, family.model_class):
        raise FamilyTooNewError(
            f"transformers {transformers.__version__} has no {family.model_class}, which "
            f"--family {family.name} needs; install a newer one (5.19 is tried)"
        )


def build_model(folder: Path, seed: int, family: ToyFamily = QWEN2_5_VL) -> Path:
    """Write the untrained model, its tokenizer and its processor to `folder`.

    Raises `FamilyTooNewError`.
    """
    check_family(family)
    import torch
    import transformers

    library: Any = transformers  # its constructors have no types
    library.logging.disable_progress_bar()  # one for each file of a few kilobytes
    tokenizer = toy_tokenizer.build_tokenizer(family.view)
    torch.manual_seed(seed)
    model = getattr(library, family.model_class)(_config(tokenizer, family))
    model.generation_config = library.GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    processor = getattr(library, family.processor_class)(
        image_processor=library.Qwen2VLImageProcessor(**family.image_processor),
        tokenizer=tokenizer,
        video_processor=getattr(library, family.video_processor_class)(),
        chat_template=_CHAT_TEMPLATE,
    )
    processor.save_pretrained(folder)
    return folder


# ms-swift has its own template; this one is for servers that read the checkpoint alone.
_CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}"
    "{% else %}<|vision_start|><|image_pad|><|vision_end|>{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _config(tokenizer: Qwen2Tokenizer, family: ToyFamily) -> Any:
    import transformers

    def token_id(token: str) -> int:
        number = tokenizer.convert_tokens_to_ids(token)
        assert isinstance(number, int)
        return number

    return getattr(transformers, family.config_class)(
        text_config={**_text(tokenizer), **family.text},
        vision_config={**_VISION, **family.vision},
        image_token_id=token_id(toy_tokenizer.IMAGE_PAD),
        video_token_id=token_id(toy_tokenizer.VIDEO_PAD),
        vision_start_token_id=token_id(toy_tokenizer.VISION_START),
        vision_end_token_id=token_id(toy_tokenizer.VISION_END),
        tie_word_embeddings=True,
    )


def _text(tokenizer: Qwen2Tokenizer) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": _HIDDEN,
        "intermediate_size": 3 * _HIDDEN,
        "num_hidden_layers": 4,
        "num_attention_heads": _HIDDEN // _HEAD,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT_TOKENS,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "tie_word_embeddings": True,
        "initializer_range": _INITIAL_SPREAD,
    }


_VISION = {
    "depth": 2,
    "hidden_size": _VISION_HIDDEN,
    "intermediate_size": 3 * _VISION_HIDDEN,
    "num_heads": _VISION_HIDDEN // _HEAD,
    "out_hidden_size": _HIDDEN,
    "initializer_range": _INITIAL_SPREAD,
}
