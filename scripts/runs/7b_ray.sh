#!/usr/bin/env bash
# Qwen2.5-VL-7B with Megatron under Ray on 2 nodes that generate and train in turns; 1 more judges.
#
#   node 1:  bash scripts/runs/7b_ray.sh judge
#   node 2:  bash scripts/runs/7b_ray.sh node
#   node 3:  RAY_HEAD=node2 bash scripts/runs/7b_ray.sh node
#   node 2:  JUDGE_HOST=node1 bash scripts/runs/7b_ray.sh train     # once both nodes are up
#
# Hardware: 3 nodes of 8 GPUs of 80 GB (judge, 2 generate and train), 640 GB of memory each. And what
#   train_ray.sh says.
# Judge: Qwen2.5-VL-72B-Instruct over all GPUs of its node; the driver alone asks, so it asks more at once.
# Update: 64 prompts x 16 generations on 16 GPUs
# Plan: swift-deepeyes plan --model 7b --gpus 16 --colocate --rollout-memory 0.5 --prompts 64 --waiting 128
# Memory: (arithmetic) the plan knows DeepSpeed only. Here, with TP 2 and 8 replicas: weights 8.3 GB,
#   fp32 gradients 16.6 GB, Adam 6.2 GB, layers' inputs 4.0 GB, logits of the longest trajectory 15.5 GB
#   (half of "31.0 GB", at as many bytes an element), pixels of a replica's 128 trajectories 8.5 GB
#   (twice "4.2 GB"): in all 61 GB. The driver's node holds the pixels of all 1024 trajectories, 68 GB,
#   beside "438.0 GB", and sends them through Ray's object store twice an update.
# Time: (arithmetic) as DeepSpeed's, without that sending: on A100 a step of "336 s", the run "7.5 h",
#   "119 GPU-hours"; on H100 "169 s", "3.8 h", "60 GPU-hours".
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
