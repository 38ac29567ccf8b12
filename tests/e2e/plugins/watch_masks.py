"""A callback for the tests: which tokens of each trajectory are in the loss."""

import json
import os

from swift.callbacks import TrainerCallback, callbacks_map


class WatchMasks(TrainerCallback):
    """Writes a line per trajectory: its id, its own tokens, and those that the loss counts."""

    def on_train_begin(self, args, state, control, **kwargs):
        trainer, ids = self.trainer, []
        prepare, loss = trainer._prepare_batch_inputs, trainer._compute_loss_and_metrics

        def prepare_and_remember(samples):
            ids[:] = [sample.request_id for sample in samples]
            return prepare(samples)

        def loss_and_masks(model, inputs, batch):
            result, metrics = loss(model, inputs, batch)
            masks = (batch.completion_mask, metrics["completion_mask"])
            own, counted = (mask.sum(1).tolist() for mask in masks)
            with open(os.environ["WATCH_MASKS_FILE"], "a") as file:
                for row in zip(ids, own, counted, strict=True):
                    file.write(json.dumps(row) + "\n")
            return result, metrics

        trainer._prepare_batch_inputs = prepare_and_remember
        trainer._compute_loss_and_metrics = loss_and_masks


callbacks_map["watch_masks"] = WatchMasks
