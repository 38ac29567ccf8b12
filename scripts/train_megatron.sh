#!/usr/bin/env bash
# The trainer with Megatron instead of DeepSpeed: `megatron rlhf` under torchrun.
#
# Hardware: 8 GPUs of 80 GB per node. Needs megatron-core, mcore-bridge and transformer-engine
# (pip install "ms-swift[megatron]", and NVIDIA's instructions for the last), a running judge, and a
# rollout server, or ROLLOUT=colocate for vLLM on the trainer's GPUs.
#   ROLLOUT_HOST="node1 node2" JUDGE_HOST=node3 bash scripts/train_megatron.sh
#
# What is different there, read in ms-swift 4.6.0 and not run:
# - Scheduler, rewards and rows are called as by `swift rlhf`.
# - ms-swift builds other callbacks there, so our curves `deepeyes/...` and alarms are missing. Watch
#   `rewards/DeepEyesTool/mean`, `rewards/DeepEyesAccuracy/mean` and `rewards/DeepEyesFormat/mean`.
# - DEEPEYES_LOG_DIR works without advantages; rows carry no prompt id, so all trajectories appear as
#   one group: leave DEEPEYES_LOG_SAMPLE at 1.
# - RESUME goes on with weights, optimizer, step and row (replacements of long prompts begin anew);
#   what DEEPEYES_LOG_DIR holds of steps that are trained again is there twice.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
: "${DEEPEYES_LOG_SAMPLE:=1}" # share of the prompts that is written: here all, for the reason above
. "$(dirname "${BASH_SOURCE[0]}")/training.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training_megatron.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training_nodes.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training_server.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training_colocate.sh"

: "${ROLLOUT:=server}" # or colocate: vLLM on the trainer's GPUs

read_arguments "$@"
require_command megatron
set_megatron_arguments
case "$ROLLOUT" in
    server) set_server_arguments ;;
    colocate) set_colocate_arguments ;;
    *) die "ROLLOUT=$ROLLOUT is not allowed: server or colocate" ;;
esac
use_torchrun

start_training megatron rlhf \
    "${TRAINING_ARGUMENTS[@]}" \
    "${MEGATRON_ARGUMENTS[@]}" \
    "${ROLLOUT_ARGUMENTS[@]}"
