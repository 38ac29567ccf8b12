# shellcheck shell=bash
# Sourced by rollout.sh and training.sh: how the policy is updated from what was sampled.
#   RECIPE=stable bash scripts/runs/7b_1_node.sh train     # and the same for `rollout`
# `paper` is DeepEyes' own. `stable` is for runs whose tool use falls: DAPO (arXiv 2503.14476) with
# the over-turn masking of Mini-o3 (arXiv 2509.07969). Each value can be set by itself.
# shellcheck disable=SC2034  # used by the scripts that source this file

: "${RECIPE:=paper}" # paper, or stable; the same for rollout server and trainer

# of PAPER STABLE: the recipe's value of the two.
of() {
    case "$RECIPE" in
        paper) echo "$1" ;;
        stable) echo "$2" ;;
        *) die "RECIPE=$RECIPE is not allowed: paper or stable" ;;
    esac
}
of '' '' >/dev/null

# With one update per sample, as here, the policy is still the one that sampled, and nothing is
# clipped: the limits count with --num_iterations 2 or more.
: "${EPSILON:=0.2}"                       # how far updates may lower a token's probability ratio
: "${EPSILON_HIGH:=$(of "$EPSILON" 0.28)}" # ... and raise it

# ms-swift's own trainer does not look at the last of these batches, and where all are not enough it
# trains on the first as it came. Each costs a generation and its verdicts.
: "${DYNAMIC_SAMPLE:=$(of false true)}" # groups with equal rewards are replaced by other prompts'
: "${MAX_RESAMPLE_TIMES:=3}"            # batches that may be sampled for that

# grpo: each trajectory counts alike, so that a token of a direct answer counts several times as much
# as one of a trajectory that zoomed. dapo: each token counts alike.
: "${LOSS_TYPE:=$(of grpo dapo)}" # how tokens are weighed

# Rewards and log stay as they are, and what is masked still counts in its group's mean.
: "${OVERLONG_FILTER:=$(of false true)}"         # truncated trajectories are not trained on
: "${DEEPEYES_MASK_OVER_TURN:=$(of false true)}" # what ran out of turns, context or images counts as truncated
export_settings DEEPEYES_MASK_OVER_TURN

# For vLLM's probabilities, which differ from the trainer's. vLLM reports them after top_p and top_k,
# so neither may be in use (ms-swift #8442).
: "${IMPORTANCE_SAMPLING:=$(of none token_truncate)}" # none, or a --rollout_importance_sampling_mode
: "${IMPORTANCE_SAMPLING_THRESHOLD:=2}"               # the largest weight
: "${TOP_P:=1}"                                       # of sampling
: "${TOP_K:=-1}"                                      # of sampling; -1: all

RECIPE_ARGUMENTS=(
    --epsilon "$EPSILON"
    --epsilon_high "$EPSILON_HIGH"
    --dynamic_sample "$DYNAMIC_SAMPLE"
    --max_resample_times "$MAX_RESAMPLE_TIMES"
    --loss_type "$LOSS_TYPE"
    --overlong_filter "$OVERLONG_FILTER"
    --top_p "$TOP_P"
    --top_k "$TOP_K"
)
if [ "$IMPORTANCE_SAMPLING" != none ]; then
    [[ $TOP_P =~ ^1(\.0*)?$ && $TOP_K == -1 ]] ||
        die "IMPORTANCE_SAMPLING=$IMPORTANCE_SAMPLING needs TOP_P=1 and TOP_K=-1: vLLM's probabilities are those after them"
    RECIPE_ARGUMENTS+=(
        --rollout_importance_sampling_mode "$IMPORTANCE_SAMPLING"
        --rollout_importance_sampling_threshold "$IMPORTANCE_SAMPLING_THRESHOLD"
    )
fi
[ "$DEEPEYES_MASK_OVER_TURN" = false ] || [ "$OVERLONG_FILTER" = true ] ||
    die "DEEPEYES_MASK_OVER_TURN=$DEEPEYES_MASK_OVER_TURN needs OVERLONG_FILTER=true, which leaves out what is marked"
