#!/usr/bin/env bash
# The paper's 7B recipe on as many nodes as there are: N train, several rollout servers, several judges.
#
#   judge nodes:     bash scripts/runs/7b_n_nodes.sh judge
#   rollout nodes:   bash scripts/runs/7b_n_nodes.sh rollout
#   training nodes:  export NNODES=4 MASTER_ADDR=node5 ROLLOUT_HOST="node3 node4" JUDGE_HOST="node1 node2"
#                    NODE_RANK=0 bash scripts/runs/7b_n_nodes.sh train     # and 1, 2, 3 on the others
#
# Hardware: 8 nodes of 8 GPUs of 80 GB (2 judge, 2 rollout, 4 train), 200 GB of memory each. Or others:
#   NNODES may be 1, 2, 4, 8 …, as 4096 trajectories must divide evenly; all rollout servers are alike.
# Judge: Qwen2.5-VL-72B-Instruct over all GPUs of each of its nodes; the least busy one is asked.
# Update: 256 prompts x 16 generations on 32 GPUs
# Plan: swift-deepeyes plan --model 7b --gpus 48 --rollout-gpus 16
# Memory: (arithmetic) training "15.6 GB" on average, "49.3 GB" for the longest trajectory, "31.0 GB" of
#   it logits; "40.0 GB" of a node's memory. vLLM: "16.6 GB" of weights, "54.1 GB" of KV cache. More
#   GPUs save little: logits and layers' inputs are one trajectory's.
# Time: (arithmetic) on A100 a step of "10 min", the run "13.9 h", "668 GPU-hours", and a single judge
#   would add "301 s" to each step; on H100 "290 s", "6.4 h", "309 GPU-hours", and "95 s".
# Watch: deepeyes/crops/share (falls to zero where tool use collapses), step_time against
#   deepeyes/judge/latency_p95: beyond this size the judge is what all wait for.
# Not as the paper: images over 2560 tokens are reduced (MAX_PIXELS in common.sh says why).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../roles.sh"

set -a
: "${NNODES:=4}"
: "${JUDGE_TENSOR_PARALLEL:=8}"
set +a

start judge=deploy_judge.sh rollout=rollout.sh train=train_server.sh -- "$@"
