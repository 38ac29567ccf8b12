"""The order of rows in a run that goes on from a checkpoint: what ms-swift would begin anew.

transformers loads weights, optimizer and random generators, and skips the batches that the current
epoch has had. Three things it does not know (read and run in ms-swift 4.6.0, transformers 5.19):

- trl's sampler shuffles each epoch with one generator of its own, without `set_epoch`: resumed in a
  later epoch, it would give the first epoch's order again.
- The trainer counts micro-steps from 0 to know when to generate: resumed within a generation (its
  size is no divisor of an update's, or `--num_iterations` is over 1), all later ones would be late.
  The generation itself is lost: its rows are generated again, by the policy of now.
- Rows in reserve, for prompts that are too long (`--truncation_strategy delete`) and for dynamic
  sampling, would be drawn from the first one again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from accelerate.data_loader import get_sampler, skip_first_batches

from swift_deepeyes.ms_swift.reserve import Reserve, copies_of_a_row, loader_of

_RESERVES = ("truncated_resample_iterator", "dynamic_resample_iterator")  # of the trainer


def drawn(trainer: Any) -> dict[str, int]:
    """How many batches this rank has drawn from each reserve, as `follow_rows` is given it."""
    reserves = {name: getattr(trainer, name, None) for name in _RESERVES}
    return {name: one.drawn for name, one in reserves.items() if isinstance(one, Reserve)}


def follow_rows(trainer: Any, rows: Any, step: int, drawn_before: Mapping[str, int]) -> None:
    """Bring sampler, micro-steps and reserves to where they are after `step` steps.

    `rows`: the trainer's loader of training data, not begun. In a new run, at step 0, all are there
    already; but its reserves are counted from now on, and give whole groups. Raises `ReserveError`.
    """
    if step and not trainer.args.ignore_data_skip:
        _advance(trainer, rows, step)
    for name in _RESERVES:
        reserve = getattr(trainer, name, None)
        if reserve is not None and not isinstance(reserve, Reserve):
            before = drawn_before.get(name, 0)
            loader = loader_of(reserve)
            rows_in_reserve = _round(loader, before) if before else reserve
            copies = copies_of_a_row(trainer, loader)
            setattr(trainer, name, Reserve(rows_in_reserve, before, copies))


def _advance(trainer: Any, rows: Any, step: int) -> None:
    per_update = trainer.args.gradient_accumulation_steps
    updates = max(-(-len(rows) // per_update), 1)  # an epoch's last one may be smaller
    epochs, updates_of_epoch = divmod(step, updates)
    _shuffle(rows, epochs)
    if hasattr(trainer, "_step"):
        trainer._step = epochs * len(rows) + updates_of_epoch * per_update


def _round(loader: Any, batches: int) -> Iterator[Any]:
    rounds, of_round = divmod(batches, len(loader))
    _shuffle(loader, rounds)
    yield from skip_first_batches(loader, of_round)
    while True:
        yield from loader


def _shuffle(loader: Any, times: int) -> None:
    """Have the loader's sampler as after so many epochs."""
    sampler = get_sampler(loader)
    generator = getattr(sampler, "generator", None)
    if generator is None:  # rows are not shuffled
        return
    for _ in range(times):
        torch.randperm(sampler.num_samples, generator=generator)
