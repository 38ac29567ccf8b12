#!/usr/bin/env bash
# Qwen3.5-9B, thinking, by the paper's 7B recipe on 4 nodes: 1 judges, 1 generates, 2 train.
#
#   node 1:  bash scripts/runs/qwen3_5_9b.sh judge
#   node 2:  bash scripts/runs/qwen3_5_9b.sh rollout
#   node 3:  export JUDGE_HOST=node1 ROLLOUT_HOST=node2 MASTER_ADDR=node3
#            NODE_RANK=0 bash scripts/runs/qwen3_5_9b.sh train
#   node 4:  the same exports, and NODE_RANK=1 bash scripts/runs/qwen3_5_9b.sh train
#
# Needs transformers 5.2 and a vLLM that knows the model, and for its linear attention
# `pip install flash-linear-attention causal-conv1d`: without them transformers computes it in plain
# PyTorch, many times as slowly as planned here.
#
# Hardware: 4 nodes of 8 GPUs of 80 GB (judge, rollout, 2 train), 200 GB of memory each.
# Judge: Qwen2.5-VL-72B-Instruct over all GPUs of its node.
# Update: 256 prompts x 16 generations on 16 GPUs
# Plan: swift-deepeyes plan --model qwen3.5-9b --gpus 24 --rollout-gpus 8 --max-pixels 2621440
#   --max-response 12288 --max-turn-tokens 6144
# Memory: (arithmetic) training "23.4 GB" on average, "58.6 GB" for the longest trajectory, "34.4 GB" of
#   it logits over 248,320 tokens; "40.0 GB" of a node's memory. vLLM: "18.8 GB" of weights, "51.9 GB" of
#   KV cache and states.
# Time: (arithmetic) on A100 a step of "23 min", the run "30.9 h", "742 GPU-hours", and the judge adds
#   "301 s" to a step; on H100 "11 min", "14.1 h", "339 GPU-hours", and "95 s".
# Watch: num_turns and completions/mean_length from the first step: one short turn each says that no thought
#   was opened (ENABLE_THINKING); deepeyes/tool_calls/success_rate: boxes are read as 0 to 1000, and calls
#   in the form that this family's template teaches.
# Not as the paper: another model, which thinks in tags of its own template, is told of the tool by that
#   template (DEEPEYES_PROMPT), and writes less: 12,288 tokens after the prompt instead of 20,480, 6,144 a
#   turn, as the logits of its large vocabulary would not fit. Its image tokens are of 32x32 pixels instead
#   of 28x28, so the same 2560 tokens are 2,621,440 pixels.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../roles.sh"

set -a
: "${MODEL:=Qwen/Qwen3.5-9B}"
: "${ENABLE_THINKING:=true}"
: "${DEEPEYES_PROMPT:=family}"
: "${MAX_PIXELS:=2621440}"
: "${MAX_RESPONSE_TOKENS:=12288}"
: "${MAX_TURN_TOKENS:=6144}"
: "${NNODES:=2}"
: "${JUDGE_TENSOR_PARALLEL:=8}"
set +a

start judge=deploy_judge.sh rollout=rollout.sh train=train_server.sh -- "$@"
