#!/usr/bin/env bash
# The trainer, with rollouts from scripts/rollout.sh on other GPUs.
#
# Hardware: 8 GPUs of 80 GB per node; the paper uses 32 or more for 7B. Needs a running judge
# (deploy_judge.sh) and rollout server (rollout.sh). Starts `swift rlhf` under torchrun.
#   bash scripts/train_server.sh
#   ROLLOUT_HOST="node1 node2" JUDGE_HOST=node3 bash scripts/train_server.sh
# Several nodes: run it on each with NNODES, NODE_RANK and MASTER_ADDR set.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training_swift.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training_validation.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training_nodes.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training_server.sh"

: "${PYTORCH_CUDA_ALLOC_CONF:=expandable_segments:True}" # of PyTorch's memory: less fragments

read_arguments "$@"
require_command swift
set_batch_arguments
set_server_arguments
use_torchrun
export_settings PYTORCH_CUDA_ALLOC_CONF

start_training swift rlhf \
    "${TRAINING_ARGUMENTS[@]}" \
    "${SWIFT_ARGUMENTS[@]}" \
    "${VALIDATION_ARGUMENTS[@]}" \
    "${BATCH_ARGUMENTS[@]}" \
    "${ROLLOUT_ARGUMENTS[@]}"
