"""The two `swift` commands of the demo. What a 7B run on GPUs has, and what only a toy needs."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from swift_deepeyes.dataset.published import DATASET_INFO
from swift_deepeyes.demo.options import DemoOptions
from swift_deepeyes.demo.toy.family import ToyFamily
from swift_deepeyes.demo.toy.model import CONTEXT_TOKENS
from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL

PLUGIN = Path(str(files("swift_deepeyes"))) / "plugin" / "deepeyes_plugin.py"
TOY_PLUGIN = Path(__file__).resolve().parent / "toy_plugin" / "toy_plugin.py"
DATASET = "toy_vstar"

WARM_START_BATCH = 16
GENERATIONS = 8  # per prompt
ROLLOUTS = 16  # per step
MAX_TURNS = 3
KV_CACHE_BYTES = 256 * 2**20  # of 2 kB a token: 128 times the toy's context


def toy_arguments(model: Path, family: ToyFamily = QWEN2_5_VL) -> list[str]:
    """What every `swift` command needs to load the toy."""
    return [
        *("--model", str(model.resolve())),
        # A local checkpoint without a known name fits several models and templates.
        *("--model_type", family.name),
        *("--template", family.template),
        *("--torch_dtype", "float32"),
        *family.flags,
    ]


def toy_vllm_arguments() -> list[str]:
    """VLLM at the size of the toy."""
    return [
        *("--vllm_max_model_len", str(CONTEXT_TOKENS)),
        *("--vllm_enforce_eager", "true"),
        # What must be free. What is taken is stated in bytes: a share of a large card, or of a
        # large machine's memory, is tens of gigabytes.
        *("--vllm_gpu_memory_utilization", "0.2"),
        *("--vllm_engine_kwargs", json.dumps({"kv_cache_memory_bytes": KV_CACHE_BYTES})),
        *("--vllm_limit_mm_per_prompt", '{"image": 8, "video": 0}'),
    ]


def _training_arguments(seed: int, output: Path, steps: int) -> list[str]:
    return [
        *("--tuner_type", "full"),
        # The whole toy is untrained, its eyes too; with a real model they stay frozen.
        *("--freeze_vit", "false"),
        *("--freeze_aligner", "false"),
        *("--attn_impl", "sdpa"),
        *("--gradient_checkpointing", "false"),
        *("--vit_gradient_checkpointing", "false"),
        *("--max_steps", str(steps)),
        *("--seed", str(seed)),
        *("--data_seed", str(seed)),
        *("--split_dataset_ratio", "0"),
        *("--eval_strategy", "no"),
        *("--report_to", "none"),
        # Asks the hub whether the model is the latest: half a minute of retries without network.
        *("--check_model", "false"),
        *("--add_version", "false"),
        *("--output_dir", str(output.resolve())),
    ]


def warm_start_arguments(options: DemoOptions, dataset: Path) -> list[str]:
    """`swift sft` on the made-up trajectories."""
    return [
        "sft",
        *toy_arguments(options.model, options.toy),
        *("--external_plugins", str(TOY_PLUGIN)),
        *("--dataset", str(dataset.resolve())),
        *_training_arguments(options.seed, options.warm_start, options.toy.warm_start_steps),
        *("--max_length", str(CONTEXT_TOKENS)),
        *("--per_device_train_batch_size", str(WARM_START_BATCH)),
        *("--gradient_accumulation_steps", "1"),
        *("--learning_rate", "2e-3"),
        *("--warmup_ratio", "0.05"),
        *("--dataloader_num_workers", "1"),
        *("--logging_steps", "10"),
        *("--save_steps", str(options.toy.warm_start_steps)),
        *("--save_only_model", "true"),
    ]


def warm_start_checkpoint(options: DemoOptions) -> Path:
    """Where `swift sft` leaves the model."""
    return options.warm_start / f"checkpoint-{options.toy.warm_start_steps}"


def grpo_checkpoint(options: DemoOptions) -> Path:
    """Where `swift rlhf` leaves the model."""
    return options.grpo / f"checkpoint-{options.grpo_steps}"


def deploy_arguments(checkpoint: Path, port: int, family: ToyFamily = QWEN2_5_VL) -> list[str]:
    """`swift deploy` of a checkpoint, as scripts/deploy_judge.sh deploys a judge."""
    return [
        "deploy",
        *toy_arguments(checkpoint, family),
        *("--external_plugins", str(TOY_PLUGIN)),
        *("--infer_backend", "vllm"),
        *toy_vllm_arguments(),
        *("--served_model_name", "toy"),
        *("--host", "127.0.0.1"),
        *("--port", str(port)),
    ]


def grpo_arguments(options: DemoOptions) -> list[str]:
    """`swift rlhf` with the plugin, as in scripts/train_colocate.sh but for the sizes."""
    return [
        "rlhf",
        *("--rlhf_type", "grpo"),
        *toy_arguments(warm_start_checkpoint(options), options.toy),
        *("--external_plugins", str(PLUGIN), str(TOY_PLUGIN)),
        *("--multi_turn_scheduler", "deepeyes_scheduler"),
        *("--max_turns", str(MAX_TURNS)),
        "--reward_funcs",
        *("deepeyes_reward", "deepeyes_accuracy", "deepeyes_format", "deepeyes_tool"),
        *("--reward_weights", "1", "0", "0", "0"),
        *("--custom_dataset_info", str((options.data / DATASET_INFO).resolve())),
        *("--dataset", DATASET),
        *("--use_vllm", "true"),
        *("--vllm_mode", "colocate"),
        *toy_vllm_arguments(),
        *_training_arguments(options.seed, options.grpo, options.grpo_steps),
        *("--per_device_train_batch_size", str(ROLLOUTS)),
        *("--gradient_accumulation_steps", "1"),
        *("--num_generations", str(GENERATIONS)),
        *("--max_completion_length", "96"),
        # A toy's improbable tokens are many: at 1 they spoil every tenth good trajectory.
        *("--temperature", "0.9"),
        *("--beta", "0"),
        *("--learning_rate", "1e-4"),
        *("--lr_scheduler_type", "constant"),
        *("--logging_steps", "1"),
        *("--save_steps", str(options.grpo_steps)),
        *("--save_only_model", "true"),
        *("--dataloader_num_workers", "0"),
    ]
