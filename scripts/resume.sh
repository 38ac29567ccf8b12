# shellcheck shell=bash
# Sourced by training.sh: going on from a checkpoint, with the same command and settings as before.
#   RESUME=auto bash scripts/runs/7b_1_node.sh train     # also the first time: then it begins anew
#   RESUME=output/7b_1_node/v0-20261128-031500/checkpoint-16 bash scripts/runs/7b_1_node.sh train
# Start the rollout server again too. One that was being sent weights when its trainer ended waits for
# the rest of them, and the next trainer waits for it; in any other moment it can be kept.

: "${RESUME:=}" # a checkpoint to go on from, or auto: the newest whole one in OUTPUT, else begin anew

# Of the checkpoint that is gone on from: itself, its step, its folder, its trajectory log.
RESUMED=()

# find_resumed: sets RESUMED for RESUME and OUTPUT; empty where the run begins anew.
find_resumed() {
    local found
    [ -n "$RESUME" ] || return 0
    # What it skips, it says itself.
    found="$(python3 "$ROOT/scripts/find_checkpoint.py" "$RESUME" "$OUTPUT")" || exit 1
    if [ -z "$found" ]; then
        echo "RESUME=auto: there is no whole checkpoint in $OUTPUT; the run begins anew" >&2
        return
    fi
    mapfile -t RESUMED <<<"$found"
}

# add_resume_arguments swift|megatron: RESUME's arguments, behind the others of TRAINING_ARGUMENTS.
add_resume_arguments() {
    [ ${#RESUMED[@]} != 0 ] || return 0
    local checkpoint="${RESUMED[0]}" step="${RESUMED[1]}" folder="${RESUMED[2]:-}"
    if [ "$RESUME" = auto ] && ((step >= STEPS)) && ! has_other_steps; then
        echo "RESUME=auto: $checkpoint is at step $step of STEPS=$STEPS: the run is finished" >&2
        exit 0
    fi
    echo "RESUME=$RESUME: going on after step $step, from $checkpoint" >&2
    add_checkpoint "$1" "$checkpoint"
    # ms-swift would begin another version folder: the run's own one has its curves and checkpoints.
    if [ -n "$folder" ]; then
        TRAINING_ARGUMENTS+=(--add_version false)
        set_output_argument "$folder"
    else
        echo "Later checkpoints lie beside it, so this run gets a version folder of its own" >&2
    fi
}

# The user's own number of steps is behind ours, where it wins.
has_other_steps() { [[ " ${PASSED[*]-} " =~ \ --(max_steps|train_iters|num_train_epochs)[\ =] ]]; }

# add_checkpoint swift|megatron CHECKPOINT
add_checkpoint() {
    case "$1-$TUNER" in
        swift-*) TRAINING_ARGUMENTS+=(--resume_from_checkpoint "$2") ;;
        # Megatron's own format; with it come optimizer, random generators, step and row.
        megatron-full) TRAINING_ARGUMENTS+=(--mcore_model "$2" --finetune false) ;;
        megatron-lora) TRAINING_ARGUMENTS+=(--mcore_adapter "$2" --finetune false) ;;
    esac
}

# set_output_argument FOLDER: in the place of OUTPUT.
set_output_argument() {
    local at
    for at in "${!TRAINING_ARGUMENTS[@]}"; do
        [ "${TRAINING_ARGUMENTS[at]}" != --output_dir ] || TRAINING_ARGUMENTS[at + 1]="$1"
    done
}
