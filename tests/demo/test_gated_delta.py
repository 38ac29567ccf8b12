"""vLLM's gated delta attention on a CPU computes what `transformers`' own layer computes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from swift_deepeyes.demo.cpu_support import patches

pytest.importorskip("transformers.models.qwen3_5")
pytest.importorskip("vllm.v1.attention.backends.gdn_attn")
pytestmark = pytest.mark.skipif(
    patches.has_accelerator(), reason="nothing is patched where an accelerator is"
)

LAYER = "layers.0.linear_attn"
SLOTS = 4


@pytest.fixture(scope="module")
def net() -> Any:
    from transformers.models.qwen3_5.configuration_qwen3_5 import Qwen3_5TextConfig
    from transformers.models.qwen3_5.modeling_qwen3_5 import Qwen3_5GatedDeltaNet

    torch.manual_seed(0)
    config = Qwen3_5TextConfig(
        hidden_size=24,
        num_hidden_layers=1,
        layer_types=["linear_attention"],
        linear_num_key_heads=2,
        linear_num_value_heads=4,
        linear_key_head_dim=8,
        linear_value_head_dim=12,
    )
    return Qwen3_5GatedDeltaNet(config, 0).eval()


class Engine:
    """The layer as vLLM has it, with states that must not be read before they are written."""

    def __init__(self, net: Any) -> None:
        self.net = net
        self.layer = SimpleNamespace(prefix=LAYER, tp_size=1, **vars(net), **net._modules)
        self.layer.A_log, self.layer.dt_bias = net.A_log, net.dt_bias
        width = net.conv_kernel_size - 1
        rule = (SLOTS, net.num_v_heads, net.head_v_dim, net.head_k_dim)
        shapes = ((SLOTS, width, net.conv_dim), rule)
        self.layer.kv_cache = tuple(torch.full(shape, torch.nan) for shape in shapes)

    def step(
        self, going_on: dict[int, torch.Tensor], new: dict[int, tuple[bool, torch.Tensor]]
    ) -> list[torch.Tensor]:
        """Outputs by sequence: one token each of some slots, then prompts; has each a state?"""
        from vllm.forward_context import override_forward_context
        from vllm.v1.attention.backends.gdn_attn import GDNAttentionMetadata

        from swift_deepeyes.demo.cpu_support.gated_delta import gated_delta_core

        parts = [*going_on.values(), *(hidden for _, hidden in new.values())]
        lengths = [len(part) for part in parts]
        known = [True] * len(going_on) + [has_state for has_state, _ in new.values()]
        batch = GDNAttentionMetadata(
            num_prefills=len(new),
            num_prefill_tokens=sum(lengths[len(going_on) :]),
            num_decodes=len(going_on),
            num_decode_tokens=len(going_on),
            num_spec_decodes=0,
            num_spec_decode_tokens=0,
            num_actual_tokens=sum(lengths),
            has_initial_state=torch.tensor(known) if new else None,
            non_spec_query_start_loc=torch.tensor([0, *lengths]).cumsum(0).int(),
            non_spec_state_indices_tensor=torch.tensor([*going_on, *new]).int(),
        )
        context: Any = SimpleNamespace(
            attn_metadata={LAYER: batch}, no_compile_layers={LAYER: self.layer}
        )
        net, hidden = self.net, torch.cat(parts)
        outputs = torch.zeros(len(hidden), net.num_v_heads, net.head_v_dim)
        projected = (net.in_proj_qkv(hidden), net.in_proj_b(hidden), net.in_proj_a(hidden))
        with override_forward_context(context):
            gated_delta_core(*projected, outputs, LAYER)
        gate = net.in_proj_z(hidden).reshape(-1, net.head_v_dim)
        normed = net.norm(outputs.reshape(-1, net.head_v_dim), gate)
        return list(net.out_proj(normed.reshape(len(hidden), -1)).split(lengths))


@torch.no_grad()
def test_prompts_next_tokens_and_resumed_ones_in_one_batch(net: Any) -> None:
    a, b, c = (torch.randn(length, 24) for length in (140, 12, 9))
    whole_a, whole_b, whole_c = (net(hidden[None])[0] for hidden in (a, b, c))
    engine = Engine(net)
    found_a, found_b, found_c = [], [], []

    first = engine.step({}, {2: (False, a[:130]), 0: (False, b[:4])})
    found_a.append(first[0])
    found_b.append(first[1])
    # One goes on by a token, one by a piece of its prompt, and one begins.
    second = engine.step({2: a[130:131]}, {0: (True, b[4:11]), 3: (False, c[:1])})
    found_a.append(second[0])
    found_b.append(second[1])
    found_c.append(second[2])
    third = engine.step({0: b[11:12], 2: a[131:132]}, {3: (True, c[1:])})
    found_b.append(third[0])
    found_a.append(third[1])
    found_c.append(third[2])
    for token in range(132, 140):
        found_a += engine.step({2: a[token : token + 1]}, {})

    for found, whole in ((found_a, whole_a), (found_b, whole_b), (found_c, whole_c)):
        torch.testing.assert_close(torch.cat(found), whole, atol=2e-6, rtol=1e-4)


@torch.no_grad()
def test_a_new_sequence_forgets_who_had_its_slot(net: Any) -> None:
    old, new = torch.randn(20, 24), torch.randn(7, 24)
    engine = Engine(net)
    engine.step({}, {1: (False, old)})
    (found,) = engine.step({}, {1: (False, new)})
    torch.testing.assert_close(found, net(new[None])[0], atol=2e-6, rtol=1e-4)


def test_vllm_makes_its_operator_of_it() -> None:
    import torch.library

    from swift_deepeyes.demo.cpu_support.gated_delta import gated_delta_core

    schema = torch.library.infer_schema(gated_delta_core, mutates_args=["core_attn_out"])
    assert schema.startswith("(Tensor mixed_qkv, Tensor b, Tensor a, Tensor(a3!) core_attn_out, ")
