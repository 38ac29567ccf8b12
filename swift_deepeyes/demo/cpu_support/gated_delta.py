"""Gated delta attention of vLLM's CPU build, in the precision that the layer has.

vLLM's CPU kernels compute it in bfloat16 only, with heads larger than a toy's, and read a
convolution whose weight was packed when the model was loaded, which the trainer's next weights are
not. Here the same steps are `transformers`' own functions, so that sampling and training compute
alike. Speculative decoding is not supported.

Shapes: `mixed` (sequences, tokens, queries + keys + values), `decay` and `beta` (sequences, tokens,
value heads); a state of the convolution (channels, width - 1), of the delta rule (value heads,
value dimension, key dimension), both in vLLM's cache by slot.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.nn import functional
from vllm.utils.torch_utils import LayerNameType, _resolve_layer_name


def gated_delta_core(
    mixed_qkv: torch.Tensor,
    b: torch.Tensor,
    a: torch.Tensor,
    core_attn_out: torch.Tensor,
    layer_name: LayerNameType,
) -> None:
    """Fill `core_attn_out` (tokens, value heads, value dimension) for a batch of sequences.

    vLLM makes its operator's schema of these names and annotations. The tokens of all sequences
    stand one after the other: first those of sequences that go on by one token, then new ones.
    """
    from vllm.forward_context import get_forward_context

    context = get_forward_context()
    if context.attn_metadata is None:  # vLLM measures its memory, with no sequence
        return
    layer = context.no_compile_layers[_resolve_layer_name(layer_name)]
    batch = context.attn_metadata[layer.prefix]
    assert batch.spec_sequence_masks is None, "speculative decoding"
    forget_old_states(layer, batch)
    decay = -layer.A_log.float().exp() * functional.softplus(a.float() + layer.dt_bias)
    beta = b.sigmoid()
    for tokens, slots in _parts(batch):
        # Sequences of one token are a batch; a longer one stands alone.
        mixed, g, update = (
            part[tokens].unflatten(0, (len(slots), -1)) for part in (mixed_qkv, decay, beta)
        )
        core_attn_out[tokens] = attend(layer, slots, mixed, g, update).flatten(0, 1)


def _parts(batch: Any) -> Iterator[tuple[slice, torch.Tensor]]:
    """Which tokens are computed together, and the slots of their sequences' states."""
    slots = batch.non_spec_state_indices_tensor.long()
    starts = batch.non_spec_query_start_loc.tolist()
    if batch.num_decodes:
        yield slice(0, batch.num_decodes), slots[: batch.num_decodes]
    for one in range(batch.num_decodes, batch.num_decodes + batch.num_prefills):
        if starts[one] < starts[one + 1]:
            yield slice(starts[one], starts[one + 1]), slots[one : one + 1]


def forget_old_states(layer: Any, batch: Any) -> None:
    """A new sequence begins with zeros, and not with what another one left in its slot."""
    if not batch.num_prefills:
        return
    prefills = slice(batch.num_decodes, batch.num_decodes + batch.num_prefills)
    begins = ~batch.has_initial_state[prefills]
    fresh = batch.non_spec_state_indices_tensor[prefills][begins].long()
    for states in layer.kv_cache:
        states[fresh] = 0


def attend(
    layer: Any,
    slots: torch.Tensor,
    mixed: torch.Tensor,
    decay: torch.Tensor,
    beta: torch.Tensor,
) -> torch.Tensor:
    """The outputs (sequences, tokens, value heads, value dimension); moves the states on."""
    from transformers.models.qwen3_5.modeling_qwen3_5 import (
        torch_chunk_gated_delta_rule,
        torch_recurrent_gated_delta_rule,
    )

    query, key, value = _heads(layer, convolve(layer, slots, mixed))
    is_one_token = mixed.shape[1] == 1
    rule = torch_recurrent_gated_delta_rule if is_one_token else torch_chunk_gated_delta_rule
    states = layer.kv_cache[1]
    outputs, last = rule(
        query,
        key,
        value,
        g=decay,
        beta=beta,
        initial_state=states[slots].transpose(-1, -2).float(),
        output_final_state=True,
        use_qk_l2norm_in_kernel=True,
    )
    states[slots] = last.transpose(-1, -2).to(states.dtype)
    attended: torch.Tensor = outputs
    return attended


def convolve(layer: Any, slots: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
    """The causal convolution over each channel, which goes on where the last tokens ended."""
    from vllm.model_executor.layers.mamba.mamba_utils import is_conv_state_dim_first

    states = layer.kv_cache[0]
    if not is_conv_state_dim_first():
        states = states.transpose(1, 2)
    weight = layer.conv1d.weight  # channels, 1, width
    inputs = torch.cat([states[slots].to(mixed.dtype), mixed.transpose(1, 2)], dim=-1)
    states[slots] = inputs[..., 1 - weight.shape[-1] :].to(states.dtype)
    outputs = functional.conv1d(inputs, weight, layer.conv1d.bias, groups=weight.shape[0])
    return functional.silu(outputs).transpose(1, 2)


def _heads(layer: Any, mixed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Queries, keys and values (sequences, tokens, value heads, dimension)."""
    keys, values = layer.key_dim // layer.tp_size, layer.value_dim // layer.tp_size
    query, key, value = torch.split(mixed, [keys, keys, values], dim=-1)
    repeats = layer.num_v_heads // layer.num_k_heads
    sequences, tokens, _ = mixed.shape
    query, key = (
        part.reshape(sequences, tokens, -1, layer.head_k_dim).repeat_interleave(repeats, dim=2)
        for part in (query, key)
    )
    return query, key, value.reshape(sequences, tokens, -1, layer.head_v_dim)
