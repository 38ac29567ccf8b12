# shellcheck shell=bash
# Sourced by common.sh: how the policy is updated from what was sampled.
#   RECIPE=stable bash scripts/runs/7b_1_node.sh train     # and the same for `rollout`
# `paper` is DeepEyes' own. `stable` is for runs in which tool use falls (the alarm says so): DAPO
# (arXiv 2503.14476) and the over-turn masking of Mini-o3 (arXiv 2509.07969). Each value can be set
# from outside; an argument of yours after the role wins over it.
# shellcheck disable=SC2034  # used by the scripts that source this file

: "${RECIPE:=paper}" # or stable

# of PAPER STABLE: the recipe's value of the two.
of() {
    case "$RECIPE" in
        paper) echo "$1" ;;
        stable) echo "$2" ;;
        *) die "RECIPE=$RECIPE is not allowed: paper or stable" ;;
    esac
}
of '' '' >/dev/null

# How far updates may move a token's probability, down and up, from what it was when sampled. With one
# update per sample, as here, nothing has moved yet and nothing is clipped: for --num_iterations 2.
: "${EPSILON:=0.2}"
: "${EPSILON_HIGH:=$(of "$EPSILON" 0.28)}"

# Groups whose rewards are all equal teach nothing: other prompts are sampled in their place, up to
# MAX_RESAMPLE_TIMES batches, of which ms-swift's own trainer does not look at the last. Where that is
# not enough it trains on the first batch as it came. Each costs another generation and its verdicts.
: "${DYNAMIC_SAMPLE:=$(of false true)}"
: "${MAX_RESAMPLE_TIMES:=3}"

# grpo: each trajectory counts alike, so a token of a short one counts more: of a direct answer five
# times as much as of one that zoomed. dapo: each token counts alike.
: "${LOSS_TYPE:=$(of grpo dapo)}"

# Trajectories that a limit ended are not trained on: neither those whose turn was cut, nor, with the
# mask, those that ran out of turns, context or images (our rewards and log stay as they are; they
# still count in their group's mean). The rollout server marks them: start it with the same RECIPE.
: "${OVERLONG_FILTER:=$(of false true)}"
: "${DEEPEYES_MASK_OVER_TURN:=$(of false true)}"
export DEEPEYES_MASK_OVER_TURN

# Corrects for vLLM's probabilities differing from the trainer's: token_truncate, token_mask,
# sequence_truncate, sequence_mask, or none. Weights are cut at the threshold. vLLM reports
# probabilities after top_p and top_k, so neither may be in use (ms-swift #8442).
: "${IMPORTANCE_SAMPLING:=$(of none token_truncate)}"
: "${IMPORTANCE_SAMPLING_THRESHOLD:=2}"
: "${TOP_P:=1}"
: "${TOP_K:=-1}"

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
    [[ "$TOP_P" =~ ^1(\.0*)?$ && "$TOP_K" == -1 ]] ||
        die "IMPORTANCE_SAMPLING=$IMPORTANCE_SAMPLING needs TOP_P=1 and TOP_K=-1: vLLM's probabilities" \
            "are those after top_p and top_k"
    RECIPE_ARGUMENTS+=(
        --rollout_importance_sampling_mode "$IMPORTANCE_SAMPLING"
        --rollout_importance_sampling_threshold "$IMPORTANCE_SAMPLING_THRESHOLD"
    )
fi
[ "$DEEPEYES_MASK_OVER_TURN" = false ] || [ "$OVERLONG_FILTER" = true ] ||
    die "DEEPEYES_MASK_OVER_TURN=$DEEPEYES_MASK_OVER_TURN needs OVERLONG_FILTER=true: that is what leaves" \
        "marked trajectories out"
