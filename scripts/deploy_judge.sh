#!/usr/bin/env bash
# The judge: an OpenAI-compatible server that decides whether an answer is right.
#
# Hardware: 4 GPUs of 80 GB. Starts `swift deploy` on port 18901 and stays in the foreground.
#   bash scripts/deploy_judge.sh                  # Qwen2.5-VL-72B-Instruct
#   JUDGE=text bash scripts/deploy_judge.sh       # Qwen2.5-72B-Instruct, the official code's judge
#   ENGINE=sglang bash scripts/deploy_judge.sh    # needs `pip install "sglang[all]"`
# It has no authentication: HOST=127.0.0.1 where training runs on the same machine.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

: "${JUDGE:=vision}" # vision, or text: the official code's judge, which sees no image either way
: "${HOST:=0.0.0.0}" # address to listen on; 127.0.0.1 on a single machine
: "${ENGINE:=vllm}" # vllm or sglang
: "${JUDGE_TENSOR_PARALLEL:=4}" # GPUs
: "${JUDGE_DEVICES:=${CUDA_VISIBLE_DEVICES:-$(first_devices "$JUDGE_TENSOR_PARALLEL")}}" # its GPUs
: "${JUDGE_GPU_MEMORY:=0.9}" # share of each GPU that the engine may take
: "${JUDGE_CONTEXT:=16384}" # tokens: a question, a reference, an answer under 1,000 characters, examples

case "$JUDGE" in
    vision) judge_model=Qwen/Qwen2.5-VL-72B-Instruct ;;
    text) judge_model=Qwen/Qwen2.5-72B-Instruct ;;
    *) die "JUDGE=$JUDGE is not allowed: vision or text" ;;
esac
: "${JUDGE_MODEL:=$judge_model}" # instead of JUDGE: a folder, or a name on the hub

case "$ENGINE" in
    vllm)
        ENGINE_ARGUMENTS=(
            --vllm_tensor_parallel_size "$JUDGE_TENSOR_PARALLEL"
            --vllm_gpu_memory_utilization "$JUDGE_GPU_MEMORY"
            --vllm_max_model_len "$JUDGE_CONTEXT"
            --vllm_enable_prefix_caching true
        )
        ;;
    sglang)
        ENGINE_ARGUMENTS=(
            --sglang_tp_size "$JUDGE_TENSOR_PARALLEL"
            --sglang_mem_fraction_static "$JUDGE_GPU_MEMORY"
            --sglang_context_length "$JUDGE_CONTEXT"
        )
        ;;
    *) die "ENGINE=$ENGINE is not allowed: vllm or sglang" ;;
esac

read_arguments "$@"
require_command swift
require_free_port "$JUDGE_PORT" JUDGE_PORT
CUDA_VISIBLE_DEVICES="$JUDGE_DEVICES"
export_settings CUDA_VISIBLE_DEVICES

start_command swift deploy \
    --model "$JUDGE_MODEL" \
    --served_model_name judge \
    --host "$HOST" \
    --port "$JUDGE_PORT" \
    --infer_backend "$ENGINE" \
    "${ENGINE_ARGUMENTS[@]}" \
    --verbose false
