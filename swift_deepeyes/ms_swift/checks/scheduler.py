"""A forgotten scheduler, found at the first batch: else training would unlearn the tool in silence.

What decides: ms-swift handed its arguments to the rewards (a training run; rewards that are called
by hand have none), a row of the batch has a toolbox by its `env_name` or its prompt, and no row
brings our record of an episode. Then nothing ran the model's calls. Where another scheduler drove
the rollouts, which is the user's choice, there is a warning instead: `--multi_turn_scheduler` names
it, or `rollout_infos` holds what schedulers leave there (server mode).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.scoring.row import read_record, turns_of
from swift_deepeyes.scoring.transcript import prompt_of, text_of
from swift_deepeyes.tools import toolbox_of_row

Columns = Mapping[str, object]
_FLAG = "--multi_turn_scheduler"
OURS = "deepeyes_scheduler"
_SERVER = "server"


class MissingSchedulerError(DeepEyesError):
    """Rows have tools and nothing runs them; the message names the flag."""


class SchedulerCheck:
    """Looks at the batches of one reward function until one shows that all is well.

    `args` are the run's, or None where there is no run.
    """

    def __init__(self, args: Any) -> None:
        self._args = args
        self.has_run = hasattr(args, "multi_turn_scheduler")
        """Whether this is part of a training run, whose arguments these are."""
        self._is_settled = not self.has_run

    def observe(self, rows: Sequence[Columns]) -> None:
        """Take in the rows of a batch, by column. Raises `MissingSchedulerError`."""
        if self._is_settled:
            return
        with_tools = [row for row in rows if _has_toolbox(row)]
        if not with_tools:
            return
        if not any(read_record(row.get("rollout_infos")) for row in with_tools):
            self._refuse(with_tools)
        elif self._forgets_columns() and any(row.get("env_name") for row in with_tools):
            warn_of_missing_columns()
        self._is_settled = True

    def _refuse(self, with_tools: Sequence[Columns]) -> None:
        """Raise, unless another scheduler ran."""
        chosen = self._args.multi_turn_scheduler
        if chosen or any(row.get("rollout_infos") for row in with_tools):
            _warn(
                f"Rows have a toolbox, but {chosen or 'the scheduler of the rollout server'} left "
                "no record of an episode: crops and turns are read from messages and images alone. "
                f"DeepEyes' own is {_FLAG} {OURS}"
            )
            return
        raise MissingSchedulerError(
            f"Rows have tools, and nothing runs the model's calls: {_FLAG} is not set, and "
            f"training would unlearn tool use. The fix: {self._fix()}. (To train without tools on "
            "purpose: an empty env_name in every row.)"
        )

    def _fix(self) -> str:
        flag = f"{_FLAG} {OURS} --max_turns 6"
        mode = getattr(self._args, "vllm_mode", None)
        if mode == _SERVER:
            return f"swift rollout {flag}, on the rollout server"
        return flag if mode else f"{flag} with --use_vllm true --vllm_mode colocate (or server)"

    def _forgets_columns(self) -> bool:
        args = self._args
        return (
            getattr(args, "vllm_mode", None) == _SERVER
            and not getattr(args, "vllm_server_pass_dataset", False)
            and not args.multi_turn_scheduler  # with it, ms-swift passes them anyway
        )


def _has_toolbox(row: Columns) -> bool:
    prompt = prompt_of(row.get("messages"), turns_of(row, read_record(row.get("rollout_infos"))))
    texts = [text_of(message.get("content")) or "" for message in prompt]
    announced = "\n".join([*texts, str(row.get("tools") or "")])
    return toolbox_of_row(row.get("env_name"), announced) is not None


def warn_of_missing_columns() -> None:
    """Say that the rollout server knows no columns of the rows: at the trainer, and there."""
    _warn(
        "The rollout server is not told the rows' env_name, so only their prompts say which tools "
        "they have. The fix: --vllm_server_pass_dataset true for swift rlhf"
    )


def _warn(message: str) -> None:
    """Once per process: every reward function looks at every batch."""
    process.warn_once(message, message)
