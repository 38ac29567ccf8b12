#!/usr/bin/env bash
# The paper's 7B recipe with `megatron rlhf` on 6 nodes: 1 judges, 1 generates, 4 train.
#
#   node 1:       bash scripts/runs/7b_megatron.sh judge
#   node 2:       bash scripts/runs/7b_megatron.sh rollout
#   nodes 3 to 6: export JUDGE_HOST=node1 ROLLOUT_HOST=node2 MASTER_ADDR=node3
#                 NODE_RANK=0 bash scripts/runs/7b_megatron.sh train     # and 1, 2, 3 on the others
#
# Hardware: 6 nodes of 8 GPUs of 80 GB (judge, rollout, 4 train), 200 GB of memory each. On the
#   training nodes what train_megatron.sh says.
# Judge: Qwen2.5-VL-72B-Instruct over all GPUs of its node.
# Update: 256 prompts x 16 generations on 32 GPUs
# Plan: swift-deepeyes plan --model 7b --gpus 40 --rollout-gpus 8 --waiting 256
# Memory: (arithmetic) the plan knows DeepSpeed only. Here, with TP 2 and 16 replicas: weights 8.3 GB,
#   fp32 gradients 16.6 GB, Adam 3.1 GB, layers' inputs 4.0 GB, logits of the longest trajectory 15.5 GB
#   (half of "31.0 GB", at as many bytes an element), pixels of all of a replica's 256 trajectories 17.0
#   GB (twice "8.5 GB"): in all 66 GB. Fewer nodes hold more pixels each: halve MAX_PIXELS or PROMPTS
#   with NNODES.
# Time: (arithmetic) as DeepSpeed's: on A100 a step of "11 min", the run "15.2 h", "607 GPU-hours"; on
#   H100 "311 s", "6.9 h", "277 GPU-hours".
# Watch: rewards/DeepEyesTool/mean; train_megatron.sh says what is missing there.
# Not as the paper: images over 2560 tokens are reduced (MAX_PIXELS in common.sh says why).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../roles.sh"

set -a
: "${NNODES:=4}"
: "${TENSOR_MODEL_PARALLEL:=2}"
: "${JUDGE_TENSOR_PARALLEL:=8}"
set +a

start judge=deploy_judge.sh rollout=rollout.sh train=train_megatron.sh -- "$@"
