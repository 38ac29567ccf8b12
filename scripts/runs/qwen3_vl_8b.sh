#!/usr/bin/env bash
# Qwen3-VL-8B by the paper's 7B recipe on 4 nodes: 1 judges, 1 generates, 2 train.
#
#   node 1:  bash scripts/runs/qwen3_vl_8b.sh judge
#   node 2:  bash scripts/runs/qwen3_vl_8b.sh rollout
#   node 3:  export JUDGE_HOST=node1 ROLLOUT_HOST=node2 MASTER_ADDR=node3
#            NODE_RANK=0 bash scripts/runs/qwen3_vl_8b.sh train
#   node 4:  the same exports, and NODE_RANK=1 bash scripts/runs/qwen3_vl_8b.sh train
#
# Hardware: 4 nodes of 8 GPUs of 80 GB (judge, rollout, 2 train), 200 GB of memory each.
# Judge: Qwen2.5-VL-72B-Instruct over all GPUs of its node.
# Update: 256 prompts x 16 generations on 16 GPUs
# Plan: swift-deepeyes plan --model qwen3-8b --gpus 24 --rollout-gpus 8 --max-pixels 2621440
# Memory: (arithmetic) training "21.7 GB" on average, "57.7 GB" for the longest trajectory, "31.0 GB" of
#   it logits; "40.0 GB" of a node's memory. vLLM: "17.5 GB" of weights, "53.2 GB" of KV cache.
# Time: (arithmetic) on A100 a step of "24 min", the run "32.1 h", "770 GPU-hours", and the judge adds
#   "301 s" to a step; on H100 "12 min", "15.5 h", "371 GPU-hours", and "95 s".
# Watch: deepeyes/tool_calls/success_rate from the first step: boxes are read as 0 to 1000 here, as this
#   family writes them, and the prompts are rewritten to say so (DEEPEYES_PROMPT).
# Not as the paper: another model, and that rewriting. Its image tokens are of 32x32 pixels instead of
#   28x28, so the same 2560 tokens are 2,621,440 pixels. A Thinking model begins its turns inside a thought,
#   which ms-swift's template leaves out unless it is told, for both roles:
#   MODEL=Qwen/Qwen3-VL-8B-Thinking ENABLE_THINKING=true
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../roles.sh"

set -a
: "${MODEL:=Qwen/Qwen3-VL-8B-Instruct}"
: "${DEEPEYES_PROMPT:=family}"
: "${MAX_PIXELS:=2621440}"
: "${NNODES:=2}"
: "${JUDGE_TENSOR_PARALLEL:=8}"
set +a

start judge=deploy_judge.sh rollout=rollout.sh train=train_server.sh -- "$@"
