#!/usr/bin/env bash
# Qwen2.5-VL-32B on 8 nodes, 64 GPUs as in the paper: 1 judges, 3 generate, 4 train; up to 20 turns.
#
#   node 1:       bash scripts/runs/32b_8_nodes.sh judge
#   nodes 2 to 4: bash scripts/runs/32b_8_nodes.sh rollout
#   nodes 5 to 8: export JUDGE_HOST=node1 ROLLOUT_HOST="node2 node3 node4" MASTER_ADDR=node5
#                 NODE_RANK=0 bash scripts/runs/32b_8_nodes.sh train     # and 1, 2, 3 on the others
#
# Hardware: 8 nodes of 8 GPUs of 80 GB (judge, 3 rollout, 4 train), 400 GB of memory each.
# Judge: Qwen2.5-VL-72B-Instruct over all GPUs of its node.
# Update: 256 prompts x 16 generations on 32 GPUs
# Plan: swift-deepeyes plan --model 32b --gpus 56 --rollout-gpus 24 --tensor-parallel 4 --turns 5 --max-turns 20 --offload
# Memory: (arithmetic) training "22.6 GB" on average, "62.8 GB" for the longest trajectory, "31.0 GB" of
#   it logits, and "173.8 GB" of each node's memory; without offload 77 GB, too close to 85. vLLM, on 4
#   GPUs together: "66.9 GB" of weights, "215.9 GB" of KV cache.
# Time: (arithmetic) on A100 a step of "56 min", the run "74.3 h", "4,162 GPU-hours"; on H100 "23 min",
#   "30.2 h", "1,690 GPU-hours".
# Watch: deepeyes/turns/max and deepeyes/stop/context_full (20 turns of 28,672 tokens), deepeyes/crops/share.
# Not as the paper: the optimizer is offloaded, for the longest trajectories (same updates); images over
#   2560 tokens are reduced.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../roles.sh"

set -a
: "${MODEL:=Qwen/Qwen2.5-VL-32B-Instruct}"
: "${MAX_TURNS:=20}"
: "${ROLLOUT_TENSOR_PARALLEL:=4}"
: "${ROLLOUT_DATA_PARALLEL:=2}"
: "${NNODES:=4}"
: "${DEEPSPEED:=zero3_offload}"
: "${JUDGE_TENSOR_PARALLEL:=8}"
set +a

start judge=deploy_judge.sh rollout=rollout.sh train=train_server.sh -- "$@"
