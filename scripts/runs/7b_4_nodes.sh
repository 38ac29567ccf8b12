#!/usr/bin/env bash
# The paper's 7B recipe on 4 nodes, 32 GPUs as in the paper: 1 judges, 1 generates, 2 train.
#
#   node 1:  bash scripts/runs/7b_4_nodes.sh judge
#   node 2:  bash scripts/runs/7b_4_nodes.sh rollout
#   node 3:  export JUDGE_HOST=node1 ROLLOUT_HOST=node2 MASTER_ADDR=node3
#            NODE_RANK=0 bash scripts/runs/7b_4_nodes.sh train
#   node 4:  the same exports, and NODE_RANK=1 bash scripts/runs/7b_4_nodes.sh train
#
# Hardware: 4 nodes of 8 GPUs of 80 GB (judge, rollout, 2 train), 200 GB of memory each.
# Judge: Qwen2.5-VL-72B-Instruct over all GPUs of its node.
# Update: 256 prompts x 16 generations on 16 GPUs
# Plan: swift-deepeyes plan --model 7b --gpus 24 --rollout-gpus 8
# Memory: (arithmetic) training "19.7 GB" on average, "53.5 GB" for the longest trajectory, "31.0 GB" of
#   it logits; "40.0 GB" of a node's memory. vLLM: "16.6 GB" of weights, "54.1 GB" of KV cache.
# Time: (arithmetic) on A100 a step of "21 min", the run "27.7 h", "666 GPU-hours", and the judge adds
#   "301 s" to a step; on H100 "577 s", "12.8 h", "308 GPU-hours", and "95 s".
# Watch: deepeyes/crops/share (falls to zero where tool use collapses), deepeyes/judge/latency_p95.
# Not as the paper: images over 2560 tokens are reduced (MAX_PIXELS in common.sh says why).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../roles.sh"

set -a
: "${NNODES:=2}"
: "${JUDGE_TENSOR_PARALLEL:=8}"
set +a

start judge=deploy_judge.sh rollout=rollout.sh train=train_server.sh -- "$@"
