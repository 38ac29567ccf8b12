"""A callback for the tests: from a step on, an engine that computes otherwise than the trainer; and
from another on, a policy that writes media tokens.
"""

import json
import os

import torch
from swift.callbacks import TrainerCallback, callbacks_map


def lose_deepstack(engine):
    """The first layer of the text gets nothing of what the first block of the vision tower sees."""
    engine.inner_model._get_deepstack_input_embeds = lambda num_tokens: None


def lose_convolution(engine):
    """Each token's convolution begins anew, as if the tokens before it had not been."""
    from swift_deepeyes.demo.cpu_support import gated_delta

    convolve = gated_delta.convolve

    def forget(layer, slots, mixed):
        layer.kv_cache[0][slots] = 0
        return convolve(layer, slots, mixed)

    gated_delta.convolve = forget


def write_media_tokens(trainer):
    """What stands at the head of a thought becomes a media token in half of the cases."""
    tokenizer = trainer.template.tokenizer
    media, usual = (tokenizer.convert_tokens_to_ids(token) for token in ("<|image_pad|>", "I"))
    weight = trainer.accelerator.unwrap_model(trainer.model).get_input_embeddings().weight
    with torch.no_grad():
        weight[media] = weight[usual]  # the output's weight is the same one


class Plant(TrainerCallback):
    def on_step_begin(self, args, state, control, **kwargs):
        what = json.loads(os.environ["PLANT"]).get(str(state.global_step))
        if what == "media":
            write_media_tokens(self.trainer)
        elif what is not None:
            {"deepstack": lose_deepstack, "convolution": lose_convolution}[what](
                self.trainer.engine
            )


callbacks_map["plant"] = Plant
