#!/usr/bin/env bash
# The rollout server: vLLM with our scheduler; the trainer of train_server.sh or train_megatron.sh
# sends it prompts and new weights.
#
# Hardware: 8 GPUs of 80 GB, one engine on each (7B). Starts `swift rollout` on port 18902 and stays
# in the foreground. On fewer: ROLLOUT_DEVICES=0,1 ROLLOUT_DATA_PARALLEL=2 bash scripts/rollout.sh
# Several servers: the same on several nodes, with the same settings.
# It has no authentication (the trainer's client sends no key): HOST=127.0.0.1 on a single machine.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# It marks what the trainer is to leave out.
. "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"
. "$(dirname "${BASH_SOURCE[0]}")/thinking.sh"

: "${HOST:=0.0.0.0}" # address to listen on; 127.0.0.1 on a single machine
: "${ROLLOUT_DATA_PARALLEL:=8}" # engines
: "${ROLLOUT_TENSOR_PARALLEL:=1}" # GPUs of one engine
: "${ROLLOUT_DEVICES:=${CUDA_VISIBLE_DEVICES:-$(first_devices $((ROLLOUT_DATA_PARALLEL * ROLLOUT_TENSOR_PARALLEL)))}}" # its GPUs
: "${ROLLOUT_GPU_MEMORY:=0.85}" # share of each GPU that vLLM may take

read_arguments "$@"
require_command swift
require_free_port "$ROLLOUT_PORT" ROLLOUT_PORT
CUDA_VISIBLE_DEVICES="$ROLLOUT_DEVICES"
export_settings CUDA_VISIBLE_DEVICES

start_command swift rollout \
    --model "$MODEL" \
    --torch_dtype bfloat16 \
    --external_plugins "$PLUGIN" \
    "${THINKING_ARGUMENTS[@]}" \
    --multi_turn_scheduler deepeyes_scheduler \
    --max_turns "$MAX_TURNS" \
    --host "$HOST" \
    --port "$ROLLOUT_PORT" \
    --vllm_use_async_engine true \
    --vllm_data_parallel_size "$ROLLOUT_DATA_PARALLEL" \
    --vllm_tensor_parallel_size "$ROLLOUT_TENSOR_PARALLEL" \
    --vllm_gpu_memory_utilization "$ROLLOUT_GPU_MEMORY" \
    --vllm_max_model_len "$MAX_CONTEXT_TOKENS" \
    --vllm_limit_mm_per_prompt "$IMAGE_LIMIT" \
    --vllm_enable_prefix_caching true
