#!/usr/bin/env bash
# Qwen2.5-VL-7B with Megatron under Ray on 2 nodes that generate and train in turns; 1 more judges.
#
#   node 1:  bash scripts/runs/7b_ray.sh judge
#   node 2:  bash scripts/runs/7b_ray.sh node
#   node 3:  RAY_HEAD=node2 bash scripts/runs/7b_ray.sh node
#   node 2:  JUDGE_HOST=node1 bash scripts/runs/7b_ray.sh train     # once both nodes are up
#
# Hardware: 2 nodes of 8 GPUs of 80 GB, the first with 500 GB of memory or more; what train_ray.sh says.
# Judge: Qwen2.5-VL-72B-Instruct over all GPUs of its node; the driver alone asks, so it asks more at once.
# Update: 64 prompts x 16 generations on 16 GPUs
# Plan: swift-deepeyes plan --model 7b --gpus 16 --colocate --rollout-memory 0.5 --prompts 64 --waiting 128
# Memory: the plan knows DeepSpeed only. Here, with TP 2 and 8 replicas: weights 8.3 GB, fp32 gradients
#   16.6 GB, Adam 6.2 GB, activations "4.5 GB", logits of the longest trajectory 9.3 GB, pixels of a
#   replica's 128 trajectories "8.5 GB": 53 GB. The driver holds those of all 1024, 68 GB, and sends them
#   through Ray's object store twice an update.
# Time: a step of "82 s" or more, without that sending.
# Watch: the first node's memory; the driver's CPU, where all images are cut.
# Not as the paper: a quarter of its prompts per update, for the driver's memory.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../roles.sh"

set -a
: "${PROMPTS:=64}"
: "${NNODES:=2}"
: "${TENSOR_MODEL_PARALLEL:=2}"
: "${ROLLOUT_GPU_MEMORY:=0.5}"
: "${JUDGE_TENSOR_PARALLEL:=8}"
: "${DEEPEYES_JUDGE_CONCURRENCY:=256}"
set +a

start judge=deploy_judge.sh node=ray_node.sh train=train_ray.sh -- "$@"
