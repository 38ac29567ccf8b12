"""What the one measured run says, and what is assumed where it says nothing.

The run: `scripts/runs/3b_lora_1_gpu.sh` (Qwen2.5-VL-3B, LoRA, colocate, no DeepSpeed) on one H200
and 16 cores, ms-swift 4.6.0, vLLM 0.26.0; means of steps 2 and 3 of 32 trajectories each. The test
`tests/planning/test_measured_run.py` holds its figures and plans it. Two later runs, of turns four
times as long and of 7B, are planned beside it; only a machine's memory was set by them. Bytes and
seconds.
"""

from __future__ import annotations

GB = 10**9

# --- Time. A micro-step took 0.354 s + 54 us a token (forward, its repetition, backward; 96 of
# them). The first part is launching kernels: each of the 36 layers, twice from Python (backward's
# are launched by autograd). It is the host's work, so it does not scale with the card. The forward
# pass of the old log-probabilities, not used for this, comes out at 0.98 of what it took.
LAUNCH_SECONDS = 0.354 / 2 / 36  # of a layer, each time it runs forward
# The second part, as a share of the data sheet: 6 operations x 3.75e9 weights / 54.1 us / 989e12.
TRAINING_EFFICIENCY = 0.42
# ms-swift encodes a conversation (decoding and resizing its images) in 0.2 s of one thread: 6.3 s
# for 32 on the trainer's main thread, 17.8 s in all threads for the 79 turns of generating. The
# source's size decides (1920x1080 and 3000x2000 here); twice the MAX_PIXELS is a quarter more.
ENCODE_SECONDS = 0.2
# Before each turn of generating it is done in threads: on 16 cores 0.3 s a thread's second, over
# 10 calls of the engine.
ENCODE_THREADS = 3.3
# A decoding step took 4.3 ms for 2 to 32 trajectories; the weights' reading takes 2.2 of them.
DECODE_OVERHEAD = 2.1e-3
# The rollout phase less its engine calls: waking and weights 0.4 s, the trainer out of the way and
# back 0.3, sleep 0.2, hooks of this package 0.6; the rest is emptying caches and was not divided.
SWITCH_SECONDS = 5.6

# --- Memory. Adapters, their gradients and Adam's moments were all bf16 without DeepSpeed.
PLAIN_TRAINED_BYTES = 2 + 2 + 2 + 2
# accelerate returns fp32 outputs without DeepSpeed: 16.7 bytes an element measured over 96
# micro-steps, of which 0.7 are the layers' inputs. With bf16 outputs (DeepSpeed) 8 by a profile of
# the same operations on a CPU, not measured.
PLAIN_LOGIT_BYTES, LOGIT_BYTES = 16, 8
CUDA_CONTEXT = 1.0 * GB
# What the card holds after vLLM's first sleep, the context left out. Later 4.5 GB with it, 1.0 of
# them the last pixels and the rest PyTorch's cache, which it gives back.
SLEEPING_ENGINE = 0.6 * GB
# vLLM filled its share with weights and KV cache (14.9 GB of 14.4) and held this beyond.
ENGINE_BEYOND_SHARE = 0.34 * GB
# Of the machine's memory, what is asleep or moved off the GPU took twice its bytes: 7B's weights,
# 16.6 GB, took 33 as the trainer's and 34 as vLLM's, 3B's 7.5 GB 12 and 14. The rest of 35.6 GB
# (3B) and 76.0 (7B) was 3.5 to 7. What DeepSpeed offloads was not measured, and counts once.
MOVED_COPIES = 2
HOST_PROCESS = 5 * GB

# --- Not measured.
DECODE_EFFICIENCY = 0.7  # of the memory's bandwidth
PREFILL_EFFICIENCY = 0.4  # of the arithmetic
LINK_EFFICIENCY = 0.8  # of NVLink or PCIe; between nodes taken to be as fast (a NIC for each GPU)
HOST_LINK = 25e9  # a GPU and the node's memory: PCIe 4.0, in practice
SYNC_BANDWIDTH = 10e9  # weights from the trainer to the rollout servers
TAIL = 3  # the longest of a batch, by the mean
# Activations of vLLM's profiling run, NCCL's buffers: taken from the share of an engine that is a
# process of its own or runs on several GPUs. In the measured run they cost the KV cache nothing.
ENGINE_MARGIN = 2 * GB
