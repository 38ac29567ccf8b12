"""Models: what memory and time depend on, read from the fields of a `config.json`.

transformers reads a checkpoint's folder, and builds its model on the meta device (without weights)
to count parameters. The short names need neither, because importing transformers takes seconds:
their fields and counts are below, and a test compares them with the same models read as folders.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.planning.hub import ModelError, fetch_config, is_hub_name

BF16, FP32 = 2, 4  # bytes
# Of the 80 GB of a GPU; the rest is for the KV cache and for what vLLM itself needs.
WEIGHT_BYTES_PER_ENGINE_GPU = 60e9
STATE_SIDES = ("linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim")
NO_FORMULA = {
    "quantization_config": "plan with the unquantised model that it was made from",
    "is_encoder_decoder": "only decoders can be planned with",
    "kv_lora_rank": "the KV cache of latent attention is not planned here",
}


class ModelShape(FrozenModel):
    """What memory and time depend on. The vision part's four are 0 for a model without one."""

    name: str  # a hub id or a folder
    parameters: int
    active: int  # parameters that compute on one token: in a mixture of experts not all
    adapter_sides: int  # inputs and outputs of all linear layers of the language model, summed
    layers: int
    kv_layers: int  # those with a KV cache
    state_bytes: int  # what the others (linear attention) keep of a trajectory, however long
    hidden: int
    intermediate: int  # the MLP's width, over all experts of one token
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    vision_layers: int = 0
    vision_hidden: int = 0
    patch_size: int = 0
    merge: int = 0  # patches that become one token, per side

    @property
    def token_side(self) -> int:
        """Pixels of an image token's side; 0: the model takes no images."""
        return self.patch_size * self.merge

    @property
    def tensor_parallel(self) -> int:
        """GPUs of 80 GB that one engine needs at least: a power of two."""
        gpus = 1
        while self.parameters * BF16 > gpus * WEIGHT_BYTES_PER_ENGINE_GPU:
            gpus *= 2
        return gpus

    @property
    def possible_tensor_parallel(self) -> tuple[int, ...]:
        """Over how many GPUs vLLM can split the model, in ascending order.

        The heads are divided; fewer KV heads than GPUs are copied, in equal numbers. A mixture's
        experts are not cut by their width.
        """
        is_dense = self.active == self.parameters
        return tuple(
            number
            for number in range(1, self.heads + 1)
            if self.heads % number == 0
            and (self.kv_heads % number == 0 or number % self.kv_heads == 0)
            and not (is_dense and self.intermediate % number)
        )


def read_model(name: str) -> ModelShape:
    """The shape of a known model, of the checkpoint in a folder, or of a model of the hub.

    Raises `ModelError`.
    """
    if known := _known(name):
        return known
    if (Path(name) / "config.json").is_file():
        return _read_folder(name, name)
    if not Path(name).exists() and is_hub_name(name):
        with TemporaryDirectory() as folder:
            (Path(folder) / "config.json").write_bytes(fetch_config(name))
            return _read_folder(folder, name)
    raise ModelError(
        f"{name!r} is not known; one of {', '.join(MODELS)}, a model of the hub "
        "(organisation/name), or a folder with a config.json"
    )


def _known(name: str) -> ModelShape | None:
    """The model of a short name or of its name on the hub."""
    for short, shape in MODELS.items():
        if name.lower() in (short, shape.name.lower()):
            return shape
    return None


def _read_folder(folder: str, name: str) -> ModelShape:
    """The shape of the checkpoint in a folder; messages call it `name`."""
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
        fields = config.to_dict()
        for field, why in NO_FORMULA.items():
            if fields.get(field) or (fields.get("text_config") or {}).get(field):
                raise ModelError(f"its config.json has {field}: {why}")
        return shape_of(name, fields, _count(config, fields))
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from None
    except Exception as error:
        # Whatever a library says of a file that it cannot read or build is a fact about the file.
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        version = f"transformers {transformers.__version__}"
        raise ModelError(f"{name}: {version} cannot build this model ({reason})") from error


def _count(config: Any, fields: Mapping[str, Any]) -> dict[str, int]:
    """What only a built model tells: its parameters, counted on the meta device."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    build: Any = (
        AutoModelForImageTextToText if fields.get("vision_config") else AutoModelForCausalLM
    )
    with torch.device("meta"):
        model = build.from_config(config)
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    total, idle = sum(sizes.values()), 0
    if routed := sum(size for name, size in sizes.items() if ".experts." in name):
        text = fields.get("text_config") or fields
        experts = _field(text, "num_experts", "num_local_experts", "n_routed_experts")
        idle = routed - routed * _field(text, "num_experts_per_tok") // experts
    linears = [m for m in model.get_decoder().modules() if isinstance(m, torch.nn.Linear)]
    sides = sum(linear.in_features + linear.out_features for linear in linears)
    return {"parameters": total, "active": total - idle, "adapter_sides": sides}


def shape_of(name: str, fields: Mapping[str, Any], counts: Mapping[str, int]) -> ModelShape:
    """The shape that a `config.json` describes. Raises `ModelError` for a field that is missing."""
    text, vision = fields.get("text_config") or fields, fields.get("vision_config")
    layers, heads = _field(text, "num_hidden_layers"), _field(text, "num_attention_heads")
    kinds = text.get("layer_types") or ["full_attention"] * layers
    linear = kinds.count("linear_attention")
    shape = {
        "layers": layers,
        # A sliding window's cache is counted in full: an upper bound.
        "kv_layers": sum("attention" in kind for kind in kinds) - linear,
        # Without the short convolution's, some percent of it.
        "state_bytes": linear and linear * FP32 * prod(_field(text, name) for name in STATE_SIDES),
        "hidden": _field(text, "hidden_size"),
        "intermediate": _mlp_width(text, is_mixture=counts["active"] < counts["parameters"]),
        "heads": heads,
        "kv_heads": text.get("num_key_value_heads") or heads,
        "head_dim": text.get("head_dim") or _field(text, "hidden_size") // heads,
        "vocabulary": _field(text, "vocab_size"),
    }
    if vision:
        shape |= {
            "vision_layers": _field(vision, "depth"),
            # Qwen2-VL calls its own width `embed_dim`, and the language model's `hidden_size`.
            "vision_hidden": _field(vision, "embed_dim", "hidden_size"),
            "patch_size": _field(vision, "patch_size"),
            "merge": _field(vision, "spatial_merge_size"),
        }
    return ModelShape.model_validate({"name": name, **counts, **shape})


def _mlp_width(text: Mapping[str, Any], is_mixture: bool) -> Any:
    if not is_mixture:
        return _field(text, "intermediate_size")
    expert = _field(text, "moe_intermediate_size", "intermediate_size")
    shared = text.get("shared_expert_intermediate_size") or 0
    return expert * _field(text, "num_experts_per_tok") + shared


def _field(fields: Mapping[str, Any], *names: str) -> Any:
    """The first of these fields that is there; they are one field's names in several families."""
    for name in names:
        if fields.get(name) is not None:
            return fields[name]
    raise ModelError(f"its config.json has no {' or '.join(names)}, which the formulae need")


VISION = {
    "qwen2_5_vl": {"depth": 32, "hidden_size": 1280, "patch_size": 14, "spatial_merge_size": 2},
    "qwen3_vl": {"depth": 27, "hidden_size": 1152, "patch_size": 16, "spatial_merge_size": 2},
}
TEXT = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "vocab_size",
)  # fmt: skip


def _config(size: str, vision_mlp: int, *text: int) -> dict[str, Any]:
    family = "qwen3_vl" if "Qwen3" in size else "qwen2_5_vl"
    vision = {"intermediate_size": vision_mlp, "out_hidden_size": text[0]}
    return {
        "_name_or_path": f"Qwen/{size}-Instruct",
        "model_type": family,
        "tie_word_embeddings": size.endswith("3B"),
        "text_config": dict(zip(TEXT, text, strict=True)) | {"head_dim": 128},
        "vision_config": VISION[family] | vision,
    }


def _hybrid_config(size: str, linear: tuple[int, int, int, int], *text: int) -> dict[str, Any]:
    """Of Qwen3.5: three layers of linear attention, then one of full."""
    sides = ("num_value_heads", "num_key_heads", "value_head_dim", "key_head_dim")
    kinds = ["linear_attention"] * 3 + ["full_attention"]
    hybrid: dict[str, Any] = {
        f"linear_{name}": value for name, value in zip(sides, linear, strict=True)
    }
    hybrid |= {"head_dim": 256, "layer_types": kinds * (text[2] // 4)}
    return {
        "_name_or_path": f"Qwen/{size}",
        "model_type": "qwen3_5",
        "tie_word_embeddings": False,
        "text_config": dict(zip(TEXT, text, strict=True)) | hybrid,
        "vision_config": VISION["qwen3_vl"]
        | {"intermediate_size": 4304, "out_hidden_size": text[0]},
    }


CONFIGS = {  # as published on the Hugging Face hub
    "3b": _config("Qwen2.5-VL-3B", 3420, 2048, 11008, 36, 16, 2, 151_936),
    "7b": _config("Qwen2.5-VL-7B", 3420, 3584, 18944, 28, 28, 4, 152_064),
    "32b": _config("Qwen2.5-VL-32B", 3456, 5120, 27648, 64, 40, 8, 152_064),
    "72b": _config("Qwen2.5-VL-72B", 3456, 8192, 29568, 80, 64, 8, 152_064),
    "qwen3-8b": _config("Qwen3-VL-8B", 4304, 4096, 12288, 36, 32, 8, 151_936),
    # Its 8.95 billion parameters of text, untied, are what others count too; without the layer
    # that predicts a token more, which is not trained.
    "qwen3.5-9b": _hybrid_config("Qwen3.5-9B", (32, 16, 128, 128), 4096, 12288, 32, 16, 4, 248_320),
}
COUNTS = {  # parameters, and adapter sides
    "3b": (3_754_622_976, 1_870_848),
    "7b": (8_292_166_656, 2_523_136),
    "32b": (33_452_718_336, 8_388_608),
    "72b": (73_410_777_344, 13_158_400),
    "qwen3-8b": (8_767_123_696, 2_727_936),
    "qwen3.5-9b": (9_409_813_744, 2_704_896),
}
MODELS = {
    name: shape_of(
        CONFIGS[name]["_name_or_path"],
        CONFIGS[name],
        {"parameters": parameters, "active": parameters, "adapter_sides": sides},
    )
    for name, (parameters, sides) in COUNTS.items()
}
