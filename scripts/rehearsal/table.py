"""All that a rehearsal changes in a script's command, and why; the rest must arrive as it is.

Settings are variables and arguments follow the script's own, both as a user would give them: no
command is edited on its way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL

Flags = Mapping[str, list[str]]

SETTINGS = {
    "MODEL, JUDGE_MODEL: the toy": ["model"],
    "DATASETS, DATASET_INFO: the rehearsal's rows": ["dataset", "custom_dataset_info"],
    "PROMPTS, GENERATIONS, STEPS: a smaller update, and few of them": [
        *("num_generations", "gradient_accumulation_steps", "steps_per_generation"),
        *("max_steps", "train_iters", "global_batch_size"),
    ],
    "SAVE_STEPS: every step, so that there is something to resume from": ["save_steps"],
    "MAX_PROMPT_TOKENS, MAX_RESPONSE_TOKENS, MAX_TURN_TOKENS, MAX_PIXELS: by one divisor": [
        *("max_length", "max_completion_length", "vllm_max_model_len"),
    ],
    "DEEPSPEED: none (needs a GPU)": ["deepspeed"],
    "*_PARALLEL, NPROC_PER_NODE, NNODES: one engine, no tensor parallelism, two ranks": [
        *("vllm_tensor_parallel_size", "vllm_data_parallel_size", "tensor_model_parallel_size"),
        *("nnodes", "train.gpus", "rollout.gpus", "rollout.vllm_tensor_parallel_size"),
    ],
    "DATA_PROCESSES: two cores": ["dataset_num_proc"],
    "HOST, JUDGE_HOST, ROLLOUT_HOST, their ports, OUTPUT: of this machine": [
        *("host", "port", "vllm_server_host", "vllm_server_port", "output_dir"),
    ],
}
"""Variables, and the flags that each changes."""

SCALED = ("max_length", "max_completion_length", "vllm_max_model_len")
"""Divided by one divisor, as MAX_PIXELS is: their ratios stay the script's."""

# All scripts train the Qwen2.5-VL toy, also those of other families. So of these are rehearsed the
# commands, limits, servers, saving and resuming, with their flags and settings as they are. What
# only their own templates do is not: patches of 16 pixels, boxes in thousandths, the thought that
# --enable_thinking opens, and calls in tags. The end-to-end tests have toys of their families.
_TOY = {
    # A local checkpoint without a known name fits several models and templates.
    "model_type": [QWEN2_5_VL.name],
    "template": [QWEN2_5_VL.template],
    "torch_dtype": ["float32"],  # vLLM's and torch's bfloat16 differ on a CPU
}
_ENGINE = {"vllm_enforce_eager": ["true"]}  # compiling takes longer than the toy's whole run
_TRAINING = {
    # Without these, ranks without an accelerator are trainings of one rank each.
    "use_cpu": ["true"],
    "ddp_backend": ["gloo"],
    "check_model": ["false"],  # half a minute of retries without a network
}
# vLLM has no sleep mode on a CPU, and there is nowhere to move the trainer to.
_COLOCATE = {"sleep_level": ["0"], "offload_model": ["false"], "offload_optimizer": ["false"]}


def arguments(command: str, shipped: Flags, plugins: list[str], ports: list[int]) -> Flags:
    """What is given to a `swift` command, by flag, behind the script's own flags (`shipped`).

    `plugins`: the toy's template, and the rehearsed policy, which a judge has not. `ports`: of the
    weights' way to each rollout server, if there are any; ms-swift's own may be another run's.
    """
    mine = plugins[:1] if command == "deploy" else plugins
    flags = {**_TOY, "external_plugins": [*shipped.get("external_plugins", []), *mine]}
    if command != "rlhf":
        return flags | _ENGINE
    if ports:
        return flags | _TRAINING | {"vllm_server_group_port": [str(port) for port in ports]}
    return flags | _TRAINING | _ENGINE | _COLOCATE


def differences(shipped: Flags, arrived: Flags, given: Flags, divisor: int) -> Iterator[str]:
    """Flags that are neither as shipped nor in the tables above, one line each."""
    settings = {flag for flags in SETTINGS.values() for flag in flags}
    for name in sorted({*shipped, *arrived} - settings):
        wanted = given.get(name, shipped.get(name))
        if arrived.get(name) != wanted:
            yield f"--{name} is {arrived.get(name)}, not {wanted}"
    for name in SCALED:
        if name in shipped and int(arrived[name][0]) * divisor != int(shipped[name][0]):
            yield f"--{name} {arrived[name][0]} is not {shipped[name][0]} / {divisor}"
