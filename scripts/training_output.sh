# shellcheck shell=bash
# Sourced by training.sh: what a run leaves behind.
# shellcheck disable=SC2034  # used by the scripts that source this file

: "${OUTPUT:=$ROOT/output/$(basename "$0" .sh)}" # folder of checkpoints, curves and log
find_resumed

# To go back before a fall of tool use, as the alarm advises, a checkpoint from before it must still
# be there: it falls for some 10 steps, the alarm takes 5 to 36 (metrics/alarm_triggers.py), and
# nobody looks at once. So 6 saves of 8 updates, 48 updates, are kept: the first one to go was made
# 48 updates ago. With full tuning a save is 14 bytes for each parameter (7B: 116 GB, 32B: 470 GB):
# 12 of Adam's states, and 2 of weights, which are all that evaluation needs.
: "${SAVE_STEPS:=8}" # updates from one checkpoint to the next
: "${SAVE_LIMIT:=6}" # checkpoints that are kept; with full tuning of 7B each is 116 GB
: "${SAVE_ONLY_MODEL:=false}" # true: an eighth of that (7B: 17 GB), but no run goes on from it as it was

# A run that begins anew has a log of its own, log-2 beside an earlier run's log; one that goes on
# has that run's, or the latest where none is named as its own.
log_folder() {
    local number=1 folder="$OUTPUT/log" latest=""
    while [ -d "$folder" ]; do
        latest="$folder"
        number=$((number + 1))
        folder="$OUTPUT/log-$number"
    done
    [ ${#RESUMED[@]} = 0 ] || folder="${RESUMED[3]:-${latest:-$folder}}"
    echo "$folder"
}

log_share() {
    local percent=$((PROMPTS > 64 ? 6400 / PROMPTS : 100))
    printf '%d.%02d' $((percent / 100)) $((percent % 100))
}

# Of a whole run of the paper's size all trajectories would be some 45 GB, 11 GB a quarter of them:
# for 20,480 prompts of 100 kB, 327,680 trajectories of 6 kB and one crop of 100 kB each. Beyond
# DEEPEYES_LOG_MAX_GB (20) the oldest would go, so of large updates only 64 groups are written.
: "${DEEPEYES_LOG_DIR:=$(log_folder)}" # trajectories and curves, for swift-deepeyes watch and view; none: nowhere
: "${DEEPEYES_LOG_SAMPLE:=$(log_share)}" # share of the prompts that is written: 64 of an update, or all
export_settings DEEPEYES_LOG_DIR DEEPEYES_LOG_SAMPLE

: "${REPORT_TO:=tensorboard}" # one or several of tensorboard, wandb, swanlab, or none
: "${REPORT_PROJECT:=${WANDB_PROJECT:-swift-deepeyes}}" # project in wandb and swanlab
: "${REPORT_NAME:=$(basename "$OUTPUT")}" # name of the run there

read -ra REPORTS <<<"$REPORT_TO"
OUTPUT_ARGUMENTS=(
    --save_strategy steps
    --save_steps "$SAVE_STEPS"
    --save_total_limit "$SAVE_LIMIT"
    --logging_steps 1
    --log_completions true
    --report_to "${REPORTS[@]}"
    --output_dir "$OUTPUT"
)
if [[ " $REPORT_TO " == *" swanlab "* ]]; then
    OUTPUT_ARGUMENTS+=(--swanlab_project "$REPORT_PROJECT" --swanlab_exp_name "$REPORT_NAME")
fi
if [[ " $REPORT_TO " == *" wandb "* ]]; then
    WANDB_PROJECT="$REPORT_PROJECT"
    export_settings WANDB_PROJECT
fi

# start_training WORD...: start_command; the first node leaves a copy of the command in OUTPUT, from
# which evaluate.sh reads the pixels that the model was trained with.
start_training() {
    if ! "$IS_DRY_RUN" && [ "${NODE_RANK:-0}" = 0 ]; then
        mkdir -p "$OUTPUT"
        print_command "$@" "${PASSED[@]}" >"$OUTPUT/command.sh"
    fi
    start_command "$@"
}
