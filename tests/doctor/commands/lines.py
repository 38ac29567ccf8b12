"""Command lines as users have them, and a short way to read one."""

from __future__ import annotations

from swift_deepeyes.doctor.commands.command import Command
from swift_deepeyes.doctor.commands.source import read_source

PLUGIN = "/opt/deepeyes/swift_deepeyes/plugin/deepeyes_plugin.py"

# As a script's --dry-run prints it.
TRAINER = """env -u ROOT_IMAGE_DIR \\
    MAX_PIXELS=2007040 \\
    NNODES=1 \\
    NPROC_PER_NODE=4 \\
    DEEPEYES_JUDGE_API_KEY="$DEEPEYES_JUDGE_API_KEY" \\
    swift rlhf \\
    --rlhf_type grpo \\
    --model Qwen/Qwen2.5-VL-7B-Instruct \\
    --external_plugins /opt/deepeyes/swift_deepeyes/plugin/deepeyes_plugin.py \\
    --reward_weights 1 0 0 0 \\
    --num_generations 16 \\
    --max_length 8192 \\
    --truncation_strategy delete \\
    --ddp_timeout 7200 \\
    --per_device_train_batch_size 1 \\
    --gradient_accumulation_steps 1024 \\
    --steps_per_generation 64 \\
    --use_vllm true \\
    --vllm_mode server \\
    --vllm_server_host 127.0.0.1 \\
    --vllm_server_port 18902
"""

ROLLOUT = """env \\
    CUDA_VISIBLE_DEVICES=0,1,2,3 \\
    MAX_PIXELS=2007040 \\
    swift rollout \\
    --model Qwen/Qwen2.5-VL-7B-Instruct \\
    --multi_turn_scheduler deepeyes_scheduler \\
    --vllm_use_async_engine true \\
    --vllm_data_parallel_size 4 \\
    --vllm_tensor_parallel_size 1 \\
    --vllm_max_model_len 28672 \\
    --vllm_limit_mm_per_prompt '{"image": 32, "video": 0}'
"""

COLOCATE = (
    "MAX_PIXELS=1003520 NPROC_PER_NODE=8 swift rlhf --rlhf_type grpo --model m --use_vllm true "
    "--vllm_mode colocate --max_length 8192 --vllm_max_model_len 28672 "
    f"--external_plugins {PLUGIN} --multi_turn_scheduler deepeyes_scheduler"
)


def command(text: str, more: str = "", **environment: str) -> Command:
    """The only command of a text."""
    (found,) = read_source(f"{text.rstrip()} {more}" if more else text, environment)
    return found
