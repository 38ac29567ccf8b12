#!/usr/bin/env bash
# The judge: an OpenAI-compatible server that decides whether an answer is right.
#
# Hardware: 4 GPUs of 80 GB. Starts `swift deploy` with vLLM on port 18901 and stays in the foreground.
#   bash scripts/deploy_judge.sh                  # Qwen2.5-VL-72B-Instruct
#   JUDGE=text bash scripts/deploy_judge.sh       # Qwen2.5-72B-Instruct, the official code's judge
# It has no authentication: HOST=127.0.0.1 where training runs on the same machine.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

: "${JUDGE:=vision}" # or text
: "${HOST:=0.0.0.0}"
: "${JUDGE_TENSOR_PARALLEL:=4}"
: "${JUDGE_DEVICES:=${CUDA_VISIBLE_DEVICES:-$(first_devices "$JUDGE_TENSOR_PARALLEL")}}"
: "${JUDGE_GPU_MEMORY:=0.9}"
: "${JUDGE_CONTEXT:=16384}" # tokens; a question, a reference, an answer under 1,000 characters, examples

case "$JUDGE" in
    vision) : "${JUDGE_MODEL:=Qwen/Qwen2.5-VL-72B-Instruct}" ;;
    text) : "${JUDGE_MODEL:=Qwen/Qwen2.5-72B-Instruct}" ;;
    *) die "JUDGE=$JUDGE is not allowed: vision or text" ;;
esac

require_command swift
require_free_port "$JUDGE_PORT" JUDGE_PORT
export CUDA_VISIBLE_DEVICES="$JUDGE_DEVICES"

exec swift deploy \
    --model "$JUDGE_MODEL" \
    --served_model_name judge \
    --host "$HOST" \
    --port "$JUDGE_PORT" \
    --infer_backend vllm \
    --vllm_tensor_parallel_size "$JUDGE_TENSOR_PARALLEL" \
    --vllm_gpu_memory_utilization "$JUDGE_GPU_MEMORY" \
    --vllm_max_model_len "$JUDGE_CONTEXT" \
    --vllm_enable_prefix_caching true \
    --verbose false
