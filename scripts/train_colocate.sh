#!/usr/bin/env bash
# The trainer with vLLM on the same GPUs: one node and no rollout server.
#
# Hardware: one node of 8 GPUs of 80 GB and some 640 GB of memory for what is moved off the GPUs.
# Needs a running judge elsewhere (deploy_judge.sh). Starts `swift rlhf` under torchrun.
#   JUDGE_HOST=judge-node bash scripts/train_colocate.sh
#   PROMPTS=64 bash scripts/train_colocate.sh     # a quarter of the paper's update, and of its time
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training_swift.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training_validation.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training_nodes.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training_colocate.sh"

read_arguments "$@"
require_command swift
set_batch_arguments
set_colocate_arguments
use_torchrun

start_training swift rlhf \
    "${TRAINING_ARGUMENTS[@]}" \
    "${SWIFT_ARGUMENTS[@]}" \
    "${VALIDATION_ARGUMENTS[@]}" \
    "${BATCH_ARGUMENTS[@]}" \
    "${ROLLOUT_ARGUMENTS[@]}"
