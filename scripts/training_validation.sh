# shellcheck shell=bash
# Sourced by train_server.sh and train_colocate.sh after training.sh: validation during training.
#
# Off unless asked for: ms-swift generates a trajectory for each GPU, waits for all of them, and goes
# on to the next, so 128 prompts on 8 GPUs are 16 rounds of up to MAX_TURNS turns, about as long as an
# update of the paper's size. The log then has eval_reward and eval_deepeyes/*; the checkpoint with
# the best eval_reward is kept whatever SAVE_LIMIT says, and named in the last lines of the run
# (best_model_checkpoint). Trajectories are sampled as in training, one for each prompt.
# shellcheck disable=SC2034  # used by the scripts that source this file

: "${VAL_DATASET:=}" # prompts to validate on: names or files as in DATASETS; NAME#128 takes 128 of them
: "${VAL_SHARE:=0}"  # or this share of DATASETS, kept out of training: 0.003 of the paper's are 141 prompts
: "${EVAL_STEPS:=$SAVE_STEPS}" # updates from one validation to the next, a multiple of SAVE_STEPS

read -ra VAL_LIST <<<"$VAL_DATASET"
VALIDATION_ARGUMENTS=()
if [ -n "$VAL_DATASET" ] || [[ ! $VAL_SHARE =~ ^0*(\.0*)?$ ]]; then
    [ -z "$VAL_DATASET" ] || VALIDATION_ARGUMENTS+=(--val_dataset "${VAL_LIST[@]}")
    ((EVAL_STEPS % SAVE_STEPS == 0)) ||
        die "EVAL_STEPS ($EVAL_STEPS) must be a multiple of SAVE_STEPS ($SAVE_STEPS): the best is a checkpoint"
    VALIDATION_ARGUMENTS+=(
        --split_dataset_ratio "$VAL_SHARE"
        --eval_strategy steps
        --eval_steps "$EVAL_STEPS"
        --per_device_eval_batch_size 1
        --num_generations_eval 1
        --metric_for_best_model reward
        --greater_is_better true
    )
fi
