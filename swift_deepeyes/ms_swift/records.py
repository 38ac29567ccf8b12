"""What a reward function is given about a trajectory, as the record that metrics and logs share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from swift_deepeyes.dataset.image_content import image_size
from swift_deepeyes.episode.trajectory import StopReason, Trajectory, TurnRecord
from swift_deepeyes.record.record import LoggedTrajectory, PromptMessage
from swift_deepeyes.scoring.row import ScoredRow, read_record, turns_of
from swift_deepeyes.scoring.score import SampleScore
from swift_deepeyes.scoring.transcript import prompt_of, text_of

TRAIN, EVAL = "train", "eval"


@dataclass(frozen=True, slots=True)
class BatchPlace:
    """What is scored at once on one rank, and its place in the run.

    `number` counts batches and is the same on all ranks; `run` tells a restart from the run before
    it. `group_size` is the number of rollouts of a prompt, which lie next to each other over all
    ranks; None where that does not hold and only the trainer's prompt ids tell groups.
    """

    run: str = ""
    number: int = 0
    step: int = 0
    rank: int = 0
    split: str = TRAIN
    group_size: int | None = None
    masks_truncated: bool = False
    """Whether the trainer leaves truncated trajectories out of its loss."""

    def group(self, index: int, size: int, prompt_id: object) -> str:
        """The advantage group of sample `index` of the `size` that this rank has."""
        if self.group_size is None:
            return f"{self.run}-{self.number}-{prompt_id}"
        return f"{self.run}-{self.number}-{(self.rank * size + index) // self.group_size}"


def images_of(columns: Mapping[str, object]) -> list[object]:
    """The images of one row, sources and crops, whatever ms-swift calls an image."""
    images = columns.get("images")
    return list(images) if isinstance(images, list | tuple) else []


def record_of(
    row: ScoredRow,
    score: SampleScore,
    columns: Mapping[str, object],
    batch: BatchPlace,
    place: tuple[int, int],
) -> LoggedTrajectory:
    """One row's record, as far as it is known when it is scored; `place`: which of how many."""
    index, size = place
    group = batch.group(index, size, _text(columns.get("prompt_id")))
    record = read_record(columns.get("rollout_infos"))
    prompt = prompt_of(columns.get("messages"), turns_of(columns, record))
    trajectory = record or _without_record(row, columns)
    return LoggedTrajectory(
        id=_text(columns.get("request_id")) or f"{group}-{batch.rank}-{index}",
        group=group,
        step=batch.step,
        rank=batch.rank,
        split=batch.split,
        source=row.source,
        index=row.index,
        prompt=tuple(
            PromptMessage(role=str(m.get("role")), text=text_of(m.get("content")) or "")
            for m in prompt
        ),
        question=row.question,
        reference=row.reference,
        image_sizes=tuple(image_size(image) for image in images_of(columns)),
        turn_tokens=_turn_tokens(columns.get("response_token_ids"), len(trajectory.turns)),
        trajectory=trajectory,
        score=score,
    )


def _without_record(row: ScoredRow, columns: Mapping[str, object]) -> Trajectory:
    """What is known of an episode that another scheduler drove: its texts, not its calls."""
    transcript = row.transcript
    images = len(images_of(columns))
    if transcript is None:
        return Trajectory(source_images=images)
    turns = [TurnRecord(text=t.text or "", observation=t.observation) for t in transcript.exchanges]
    return Trajectory(
        turns=tuple(turns),
        source_images=max(images - transcript.crops, 0),
        crops=transcript.crops,
        toolbox=_text(columns.get("env_name")),
        stop_reason=StopReason.LENGTH if transcript.is_truncated else None,
    )


def _text(value: object) -> str | None:
    return value or None if isinstance(value, str) else None


def _turn_tokens(response_ids: object, turns: int) -> tuple[int, ...]:
    """Tokens of each turn; empty where ms-swift's lists do not fit the turns."""
    if not isinstance(response_ids, list | tuple) or not response_ids:
        return ()
    if all(isinstance(ids, list | tuple) for ids in response_ids):
        return tuple(map(len, response_ids)) if len(response_ids) == turns else ()
    return (len(response_ids),) if turns == 1 else ()
