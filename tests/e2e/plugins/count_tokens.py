"""A callback for the tests: the tokens of each trajectory that is trained on, and of its images."""

import json
import os

from swift.callbacks import TrainerCallback, callbacks_map


class CountTokens(TrainerCallback):
    """Writes a line per trajectory of each forward pass with images."""

    def on_train_begin(self, args, state, control, **kwargs):
        path = os.environ["COUNT_TOKENS_FILE"]
        image = self.trainer.template.image_token_id

        def count(module, positional, inputs):
            if inputs.get("attention_mask") is None or inputs.get("pixel_values") is None:
                return
            with open(path, "a") as file:
                for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True):
                    images = int(((ids == image) & (mask == 1)).sum())
                    line = {"step": state.global_step, "tokens": int(mask.sum()), "images": images}
                    file.write(json.dumps(line) + "\n")

        self.trainer.model.register_forward_pre_hook(count, with_kwargs=True, prepend=True)


callbacks_map["count_tokens"] = CountTokens
