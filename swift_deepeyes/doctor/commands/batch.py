"""How many trajectories a trainer asks its rollout servers for at once, by its command."""

from __future__ import annotations

from swift_deepeyes.doctor.commands.command import Command
from swift_deepeyes.frozen import FrozenModel

GENERATIONS = 8  # --num_generations
BATCH = 1  # --per_device_train_batch_size; the steps to accumulate are 1 as well, for GRPO


class Batch(FrozenModel):
    """The sizes of an update. `ranks`: training processes; `steps`: micro-steps of an update."""

    ranks: int
    per_rank: int
    steps: int
    steps_per_generation: int
    generations: int

    @property
    def at_once(self) -> int:
        """Trajectories of one request to the servers."""
        return self.ranks * self.per_rank * self.steps_per_generation

    @property
    def requests(self) -> int:
        """Requests of one update, one after the other, all from the same weights."""
        return max(1, self.steps // self.steps_per_generation)

    def smaller(self, share: float) -> int | None:
        """The largest `steps_per_generation` of at most this share of it that ms-swift takes."""
        most = int(self.steps_per_generation * share)
        fitting = (
            steps
            for steps in range(most, 0, -1)
            if self.steps % steps == 0
            and self.ranks * self.per_rank * steps % self.generations == 0
        )
        return next(fitting, None)


def read_batch(command: Command) -> Batch:
    """The batch of a `swift rlhf` command, with ms-swift's defaults for GRPO."""

    def number(flag: str, default: int) -> int:
        return max(1, int(command.number(flag) or default))

    ranks = command.count("NPROC_PER_NODE") * command.count("NNODES")
    ranks = number("global_world_size", ranks)  # what an args.json says
    steps = number("gradient_accumulation_steps", 1)
    per_rank = number("per_device_train_batch_size", BATCH)
    at_once = number("generation_batch_size", ranks * per_rank * steps)
    return Batch(
        ranks=ranks,
        per_rank=per_rank,
        steps=steps,
        steps_per_generation=number("steps_per_generation", at_once // (ranks * per_rank)),
        generations=number("num_generations", GENERATIONS),
    )
