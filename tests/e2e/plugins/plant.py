"""A callback for the tests: for one step an engine that computes otherwise than the trainer, or a
policy that writes media tokens from then on.
"""

import json
import os

import torch
from swift.callbacks import TrainerCallback, callbacks_map


def lose_deepstack(trainer):
    """The first layer of the text gets nothing of what the first block of the vision tower sees."""
    model = trainer.engine.inner_model
    whole = model._get_deepstack_input_embeds
    model._get_deepstack_input_embeds = lambda num_tokens: None
    return lambda: setattr(model, "_get_deepstack_input_embeds", whole)


def lose_convolution(trainer):
    """Of the three tokens that a convolution remembers the oldest is forgotten."""
    from swift_deepeyes.demo.cpu_support import gated_delta

    convolve = gated_delta.convolve

    def forget(layer, slots, mixed):
        layer.kv_cache[0][slots, 0] = 0  # slot, token, channel
        return convolve(layer, slots, mixed)

    gated_delta.convolve = forget
    return lambda: setattr(gated_delta, "convolve", convolve)


def write_media_tokens(trainer):
    """What stands at the head of a thought becomes a media token in half of the cases."""
    tokenizer = trainer.template.tokenizer
    media, usual = (tokenizer.convert_tokens_to_ids(token) for token in ("<|image_pad|>", "I"))
    weight = trainer.accelerator.unwrap_model(trainer.model).get_input_embeddings().weight
    with torch.no_grad():
        weight[media] = weight[usual]  # the output's weight is the same one
    return lambda: None


_PLANTS = {
    "deepstack": lose_deepstack,
    "convolution": lose_convolution,
    "media": write_media_tokens,
}


class Plant(TrainerCallback):
    """`PLANT`: what is planted, by the number of the step."""

    _undo = staticmethod(lambda: None)

    def on_step_begin(self, args, state, control, **kwargs):
        self._undo()
        what = json.loads(os.environ["PLANT"]).get(str(state.global_step))
        self._undo = _PLANTS[what](self.trainer) if what else lambda: None


callbacks_map["plant"] = Plant
