#!/usr/bin/env bash
# The paper's 7B recipe on 4 nodes, 32 GPUs as in the paper: 1 judges, 1 generates, 2 train.
#
#   node 1:  bash scripts/runs/7b_4_nodes.sh judge
#   node 2:  bash scripts/runs/7b_4_nodes.sh rollout
#   node 3:  export JUDGE_HOST=node1 ROLLOUT_HOST=node2 MASTER_ADDR=node3
#            NODE_RANK=0 bash scripts/runs/7b_4_nodes.sh train
#   node 4:  the same exports, and NODE_RANK=1 bash scripts/runs/7b_4_nodes.sh train
#
# Hardware: 4 nodes of 8 GPUs of 80 GB.
# Judge: Qwen2.5-VL-72B-Instruct over all GPUs of its node.
# Update: 256 prompts x 16 generations on 16 GPUs
# Plan: swift-deepeyes plan --model 7b --gpus 24 --rollout-gpus 8
# Memory: training "20.5 GB" on average, "49.7 GB" for the longest trajectory; vLLM: "16.6 GB" of weights,
#   "47.4 GB" of KV cache.
# Time: a step of "349 s" or more, 80 steps in "7.8 h"; the judge adds "95 s" to each.
# Watch: deepeyes/crops/share (falls to zero where tool use collapses), deepeyes/judge/latency_p95.
# Not as the paper: images over 2560 tokens are reduced (MAX_PIXELS in common.sh says why).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../roles.sh"

set -a
: "${NNODES:=2}"
: "${JUDGE_TENSOR_PARALLEL:=8}"
set +a

start judge=deploy_judge.sh rollout=rollout.sh train=train_server.sh -- "$@"
