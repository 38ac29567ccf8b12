"""What the metrics of a run are about: names in the file, by subject."""

from __future__ import annotations

from swift_deepeyes.metrics.counts import PREFIX

EVALUATION = "Evaluation during training"
OTHER = "Other"

_GROUPS: dict[str, tuple[str, ...]] = {
    EVALUATION: ("eval_",),
    "Reward": (
        "reward",
        "frac_reward",
        "advantages",
        PREFIX + "terms",
        PREFIX + "accuracy",
        PREFIX + "outcome",
        PREFIX + "groups",
        PREFIX + "masked",
    ),
    "Tool use": (
        "num_turns",
        *(PREFIX + name for name in ("tool_calls", "crops", "images", "turns")),
    ),
    "Episode ends": (PREFIX + "stop",),
    "Format": (PREFIX + "format_errors",),
    "Text health": ("completions", *(PREFIX + name for name in ("text", "tokens", "characters"))),
    "Judge": (PREFIX + "judge",),
    "By source": (PREFIX + "source",),
    "Optimisation": ("loss", "grad_norm", "learning_rate", "kl", "entropy", "clip", "epoch"),
    "Time and memory": ("memory", "train_speed", "step_time", "num_tokens", "rollout", "elapsed"),
}
"""The beginnings of the names in each group. What an evaluation logs has the same names behind
`eval_`, and stands last on the page."""

_GROUPS_IN_ORDER = (*list(_GROUPS)[1:], EVALUATION, OTHER)


def group_of(name: str) -> str:
    """The group of a metric; `OTHER` for names that nobody has planned for."""
    return _GROUPS_IN_ORDER[place_of(name)[0]]


def place_of(name: str) -> tuple[int, int, str]:
    """Where a metric stands on the page: by group, then as the group lists its beginnings."""
    for group, beginnings in _GROUPS.items():
        for number, beginning in enumerate(beginnings):
            if name.startswith(beginning):
                return _GROUPS_IN_ORDER.index(group), number, name
    return _GROUPS_IN_ORDER.index(OTHER), 0, name
