"""What an alarm says: what was seen, and what has helped others, most likely first."""

from __future__ import annotations

from enum import StrEnum


class Signal(StrEnum):
    """What is watched; the value is its name in messages to machines."""

    TOOL_USE = "tool_use"
    EQUAL_REWARDS = "equal_rewards"
    FORMAT_ERRORS = "format_errors"
    DEGENERATE_TEXT = "degenerate_text"
    TRUNCATION = "truncation"
    JUDGE_FALLBACKS = "judge_fallbacks"
    JUDGE_FAILURES = "judge_failures"


_SEEN = {
    Signal.TOOL_USE: (
        "tool use has collapsed: {now} of the trajectories that have a tool got a crop, "
        "{earlier} did earlier"
    ),
    Signal.EQUAL_REWARDS: "in {now} of the groups all rewards are equal: nothing is learnt there",
    Signal.FORMAT_ERRORS: (
        "format errors are rising: {now} of the trajectories have one, {earlier} had earlier"
    ),
    Signal.DEGENERATE_TEXT: (
        "the text degenerates: {now} of the trajectories repeat themselves or are empty"
    ),
    Signal.TRUNCATION: "{now} of the trajectories are cut off by a length limit",
    Signal.JUDGE_FALLBACKS: (
        "the judge gave no verdict on {now} of the answers, and rules decided instead"
    ),
    Signal.JUDGE_FAILURES: "{now} of the calls to the judge fail and have to be repeated",
}

_ADVICE = {
    Signal.TOOL_USE: (
        "check that the bonus is paid (deepeyes_reward, or deepeyes_tool with a positive weight), "
        "that calls succeed (deepeyes/tool_calls/failed/*) and that crops help "
        "(deepeyes/accuracy/with_crop against without_crop); do not punish what ran out of turns "
        "(deepeyes/stop/max_turns: RECIPE=stable, or DEEPEYES_MASK_OVER_TURN=true with "
        "--overlong_filter true); use a larger judge (72B: small ones pay guesses), a larger batch "
        "(256 prompts x 16 rollouts: PROMPTS, GENERATIONS), a lower learning rate "
        "(--learning_rate 1e-6), and go on from a checkpoint before the fall "
        "(RESUME, or --resume_from_checkpoint)"
    ),
    Signal.EQUAL_REWARDS: (
        "use harder or easier questions (deepeyes/groups/all_right and /all_wrong say which), a "
        "higher --temperature, more rollouts per prompt (--num_generations; GENERATIONS), or "
        "--dynamic_sample true (RECIPE=stable has it); if all rewards are 0, look at the judge and "
        "at the format errors first"
    ),
    Signal.FORMAT_ERRORS: (
        "see deepeyes/format_errors/* for the rule; lower the --learning_rate (1e-6) or the "
        "--temperature (1.0), add a small --beta (0.001), raise --max_completion_length "
        "(MAX_TURN_TOKENS) if turns are cut off, and go on from a checkpoint before the rise "
        "(RESUME, or --resume_from_checkpoint)"
    ),
    Signal.DEGENERATE_TEXT: (
        "lower the --learning_rate (1e-6) or the --temperature (1.0), add a small --beta (0.001), "
        "check that --template fits the model, and go on from a checkpoint before it "
        "(RESUME, or --resume_from_checkpoint)"
    ),
    Signal.TRUNCATION: (
        "raise --max_completion_length (MAX_TURN_TOKENS) or --vllm_max_model_len "
        "(MAX_RESPONSE_TOKENS; deepeyes/stop/* tells which limit), lower MAX_PIXELS, or set "
        "--overlong_filter true (OVERLONG_FILTER) so that cut trajectories are not trained on"
    ),
    Signal.JUDGE_FALLBACKS: (
        "look at the judge's own log; see deepeyes/judge/failed and /unreadable; raise "
        "DEEPEYES_JUDGE_TIMEOUT or lower DEEPEYES_JUDGE_CONCURRENCY, use a larger instruct model "
        "if its replies cannot be read, and DEEPEYES_JUDGE=rule only if the answers are short"
    ),
    Signal.JUDGE_FAILURES: (
        "lower DEEPEYES_JUDGE_CONCURRENCY, raise DEEPEYES_JUDGE_TIMEOUT, give the judge more GPUs "
        "or name several servers in DEEPEYES_JUDGE_BASE_URL (JUDGE_HOST)"
    ),
}


def describe(signal: Signal, now: float, earlier: float | None) -> str:
    """One line: what was seen and what to try."""
    seen = _SEEN[signal].format(now=_percent(now), earlier=_percent(earlier or 0.0))
    return f"{seen}. Try: {_ADVICE[signal]}."


def _percent(share: float) -> str:
    return f"{share:.1%}" if 0 < share < 0.1 else f"{share:.0%}"
