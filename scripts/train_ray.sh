#!/usr/bin/env bash
# Megatron under Ray, vLLM on the trainer's GPUs: `megatron rlhf --use_ray true --config FILE`. Run it
# on the head node once ray_node.sh runs on every node.
#
# Hardware: NNODES nodes of 8 GPUs of 80 GB; the driver's node holds the pixels of a whole update in
# memory. Needs ray and what train_megatron.sh needs. It writes the configuration to OUTPUT.
#   JUDGE_HOST=node3 bash scripts/train_ray.sh
#
# What is different there, in ms-swift 4.6.0; its driver was run with a toy, the rest only read:
# - Scheduler and rewards run in the driver: one process does the image work and asks the judge.
# - The scheduler sees no columns of the row: the prompt decides which tools there are, so toolboxes
#   of your own (`env_name`) are out of reach.
# - `--max_length` bounds whole conversations: the engines are in processes without plugins and check
#   every turn against it. So it is the context, and prompts have no limit of their own.
# - RESUME goes on with weights, optimizer and step; the driver draws its rows from the first again.
# - There is no evaluation, no `deepeyes/...` curves, no alarms, and DEEPEYES_LOG_DIR writes every
#   trajectory as step 0 and one group. Watch `DeepEyesTool` and `DeepEyesAccuracy` in the log.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
MAX_LENGTH="$MAX_CONTEXT_TOKENS"
: "${DEEPEYES_LOG_SAMPLE:=1}" # share of the prompts that is written: here all are one group
. "$(dirname "${BASH_SOURCE[0]}")/training.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training_megatron.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training_nodes.sh"
. "$(dirname "${BASH_SOURCE[0]}")/training_colocate.sh"

read_arguments "$@"
require_command megatron
set_megatron_arguments
# vllm_max_model_len is for all, since the driver's scheduler must know it; vLLM's limit of images
# goes through its own arguments, as ms-swift's Ray pipeline drops the flag.
CONFIGURATION=(
    "${TRAINING_ARGUMENTS[@]}"
    "${MEGATRON_ARGUMENTS[@]}"
    --multi_turn_scheduler deepeyes_scheduler
    --max_turns "$MAX_TURNS"
    --vllm_max_model_len "$MAX_CONTEXT_TOKENS"
    --offload_model true
    --offload_optimizer true
    --sleep_level 1
    --nnodes "$NNODES"
    --train.gpus "$GPUS"
    --rollout.gpus "$GPUS"
    --rollout.vllm_tensor_parallel_size "$ROLLOUT_TENSOR_PARALLEL"
    --rollout.vllm_gpu_memory_utilization "$ROLLOUT_GPU_MEMORY"
    --rollout.vllm_enable_prefix_caching true
    --rollout.vllm_engine_kwargs "{\"limit_mm_per_prompt\": $IMAGE_LIMIT}"
)
run_step mkdir -p "$OUTPUT"
# The user's arguments are the file's: the command reads nothing else.
run_step python "$SCRIPTS/ray_config.py" "$OUTPUT/ray.yaml" "${CONFIGURATION[@]}" "${PASSED[@]}"
PASSED=()

# With these ms-swift would start torchrun.
unset_settings NPROC_PER_NODE NNODES
start_training megatron rlhf --use_ray true --config "$OUTPUT/ray.yaml"
