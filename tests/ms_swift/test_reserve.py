"""What takes the place of prompts that are too long, by ms-swift's own search for it."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from accelerate import Accelerator
from swift.rl_core.resample import resample_encode_failed_inputs
from torch.utils.data import DataLoader
from trl.trainer.grpo_trainer import RepeatSampler

from swift_deepeyes.ms_swift.reserve import ReserveError
from swift_deepeyes.ms_swift.resuming import drawn, follow_rows

GENERATIONS = 4
LONG = range(0, 100, 3)  # ids of rows whose prompt is too long


def row(number: int) -> dict[str, Any]:
    return {"id": number, "messages": [{"role": "user", "content": str(number)}]}


def cyclic_iter(iterable: Any) -> Iterator[Any]:
    """Ms-swift's own, word for word."""
    while True:
        yield from iterable


def encode(given: dict[str, Any]) -> None:
    if given["id"] in LONG:
        raise ValueError("longer than max_length")


def trainer_with(rows: int, per_device: int = 2, per_generation: int = 8) -> Any:
    """With a reserve as ms-swift makes it: its loader has each row once."""
    data = [row(number) for number in range(rows)]
    sampler = RepeatSampler(data, 1, 1, 1, shuffle=True, seed=5)
    spare = DataLoader(
        data, per_device, sampler=sampler, collate_fn=lambda batch: batch, drop_last=True
    )
    return SimpleNamespace(
        args=SimpleNamespace(
            per_device_train_batch_size=per_device,
            steps_per_generation=per_generation,
            gradient_accumulation_steps=1,
            ignore_data_skip=False,
        ),
        num_generations=GENERATIONS,
        truncated_resample_iterator=cyclic_iter(Accelerator(cpu=True).prepare(spare)),
    )


def groups(trainer: Any, prompts: list[int]) -> list[tuple[int, ...]]:
    """Ids of what is trained on in the place of these prompts, group by group."""
    template = SimpleNamespace(encode=encode)
    batch = [row(prompt) for prompt in prompts for _ in range(GENERATIONS)]
    found = resample_encode_failed_inputs(template, trainer.truncated_resample_iterator, batch)
    assert len({id(one) for one in found}) == len(found)  # no row is there twice as one object
    ids = [one["id"] for one in found]
    return [tuple(ids[at : at + GENERATIONS]) for at in range(0, len(ids), GENERATIONS)]


def test_one_prompt_takes_the_place_of_a_group() -> None:
    trainer = trainer_with(40)
    follow_rows(trainer, DataLoader([0]), 0, {})
    for prompts in ([1, 3, 2, 4], [6, 9, 12, 15], [1, 2, 4, 5]):
        found = groups(trainer, prompts)
        assert all(len(set(group)) == 1 for group in found), found
        assert not {group[0] for group in found} & set(LONG)
        kept = [prompt for prompt in prompts if prompt not in LONG]
        assert [group[0] for group in found[: len(kept)]] == kept


def test_without_our_part_different_prompts_are_compared() -> None:
    """What is mended here: where this fails, ms-swift has learnt it."""
    found = groups(trainer_with(40), [1, 3, 2, 4])
    assert any(len(set(group)) > 1 for group in found)


def test_a_resumed_run_draws_the_same() -> None:
    whole, first = trainer_with(40), trainer_with(40)
    for trainer in (whole, first):
        follow_rows(trainer, DataLoader([0]), 0, {})
        groups(trainer, [3, 6, 1, 2])
    resumed = trainer_with(40)
    follow_rows(resumed, DataLoader([0]), 1, drawn(first))
    assert groups(resumed, [3, 1, 2, 4]) == groups(whole, [3, 1, 2, 4])


def test_groups_over_several_ranks_are_told(caplog: pytest.LogCaptureFixture) -> None:
    trainer = trainer_with(40, per_device=2, per_generation=1)
    follow_rows(trainer, DataLoader([0]), 0, {})
    assert "a multiple of --num_generations" in caplog.text


def test_no_row_in_reserve_is_an_error() -> None:
    with pytest.raises(ReserveError, match="lower --per_device_train_batch_size"):
        follow_rows(trainer_with(1), DataLoader([0]), 0, {})
