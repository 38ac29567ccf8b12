#!/usr/bin/env bash
# The paper's 7B recipe on as many nodes as there are: N train, several rollout servers, several judges.
#
#   judge nodes:     bash scripts/runs/7b_n_nodes.sh judge
#   rollout nodes:   bash scripts/runs/7b_n_nodes.sh rollout
#   training nodes:  export NNODES=4 MASTER_ADDR=node5 ROLLOUT_HOST="node3 node4" JUDGE_HOST="node1 node2"
#                    NODE_RANK=0 bash scripts/runs/7b_n_nodes.sh train     # and 1, 2, 3 on the others
#
# Hardware: nodes of 8 GPUs of 80 GB: as here 2 for judges, 2 for rollouts, 4 for training. NNODES: 1, 2, 4,
#   8 …, as 4096 trajectories must divide evenly. All rollout servers must be alike.
# Judge: Qwen2.5-VL-72B-Instruct over all GPUs of each of its nodes; the least busy one is asked.
# Update: 256 prompts x 16 generations on 32 GPUs
# Plan: swift-deepeyes plan --model 7b --gpus 48 --rollout-gpus 16
# Memory: training "16.4 GB" on average, "45.5 GB" for the longest trajectory; vLLM: "16.6 GB" of weights,
#   "47.4 GB" of KV cache. More GPUs save little: activations and logits are one trajectory's.
# Time: a step of "175 s" or more, 80 steps in "3.9 h"; a single judge would add "95 s" to each.
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
