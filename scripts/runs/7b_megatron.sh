#!/usr/bin/env bash
# The paper's 7B recipe with `megatron rlhf` on 6 nodes: 1 judges, 1 generates, 4 train.
#
#   node 1:       bash scripts/runs/7b_megatron.sh judge
#   node 2:       bash scripts/runs/7b_megatron.sh rollout
#   nodes 3 to 6: export JUDGE_HOST=node1 ROLLOUT_HOST=node2 MASTER_ADDR=node3
#                 NODE_RANK=0 bash scripts/runs/7b_megatron.sh train     # and 1, 2, 3 on the others
#
# Hardware: 6 nodes of 8 GPUs of 80 GB; on the training nodes what train_megatron.sh says.
# Judge: Qwen2.5-VL-72B-Instruct over all GPUs of its node.
# Update: 256 prompts x 16 generations on 32 GPUs
# Plan: swift-deepeyes plan --model 7b --gpus 40 --rollout-gpus 8 --waiting 256
# Memory: the plan knows DeepSpeed only. Here, with TP 2 and 16 replicas: weights 8.3 GB, fp32 gradients
#   16.6 GB, Adam 3.1 GB, activations "4.5 GB", logits of the longest trajectory 9.3 GB, and the pixels of
#   all of a replica's 256 trajectories at once, "17.0 GB": 59 GB. Fewer nodes hold more pixels each:
#   halve MAX_PIXELS or PROMPTS with NNODES.
# Time: a step of "211 s" or more.
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
