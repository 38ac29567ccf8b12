"""`--vllm_enable_lora`: vLLM keeps the base model, and a weight sync sends the adapters alone.

Two faults of ms-swift, by the releases' sources. Before 4.5.0 an asynchronous engine, which a
multi-turn server is, puts no adapter into its requests and samples the base model (#9855). Before
4.0.2 the first sync merges the adapters into the base, and later ones add them once more: no harm
while new adapters start at zero, but trained ones that were loaded count twice (#8233).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packaging.version import Version

from swift_deepeyes.doctor.commands.command import Command, Role
from swift_deepeyes.doctor.finding import Finding, failed, ok, warning

CHECK = "vllm_enable_lora"
FLAG = "vllm_enable_lora"
SAMPLES_ADAPTER = Version("4.5.0")  # 9298fb8a9, in no 4.4 release
COUNTS_ONCE = Version("4.0.2")  # 16b12a2f1 and its backport; 3.12 has none
DEFAULT_MAX_RANK = 16  # --vllm_max_lora_rank of `swift rollout`
DEFAULT_RANK = 8  # --lora_rank

_LEAVE_OUT = f"leave out --{FLAG}: then the merged weights are sent"


def check_lora(commands: Sequence[Command], ms_swift: Version) -> list[Finding]:
    """What is known of it in this version of ms-swift; nothing where no command asks for it."""
    servers = [one for one in commands if one.role is Role.ROLLOUT and one.is_on(FLAG)]
    trainers = [one for one in commands if one.role is Role.RLHF]
    findings = [finding for one in servers for finding in check_async_engine(str(one), ms_swift)]
    for trainer in trainers:
        # A server says by itself whether it takes adapters; the trainer's own flag is colocate's.
        if trainer.is_on(FLAG) if trainer.is_colocate else servers:
            findings += _check_resume(trainer, ms_swift)
        if trainer.is_server_mode:
            findings += [found for server in servers for found in _check_rank(trainer, server)]
    if findings or not (servers or any(one.is_on(FLAG) for one in trainers)):
        return findings
    return [ok(CHECK, f"neither fault of older releases is in ms-swift {ms_swift} (#9855, #8233)")]


def check_async_engine(server: str, ms_swift: Version) -> list[Finding]:
    """Whether this version's rollout server would sample the base model."""
    if ms_swift >= SAMPLES_ADAPTER:
        return []
    text = (
        f"{server}: ms-swift {ms_swift} samples the base model from the asynchronous engine, "
        "whatever was learned (ms-swift #9855)"
    )
    return [failed(CHECK, text, f'{_LEAVE_OUT}; or pip install "ms-swift>={SAMPLES_ADAPTER}"')]


def _check_resume(trainer: Command, ms_swift: Version) -> Iterator[Finding]:
    if ms_swift >= COUNTS_ONCE or trainer.number("sleep_level") == 2:  # then all is sent anew
        return
    fix = f'{_LEAVE_OUT}; or pip install "ms-swift>={COUNTS_ONCE}"'
    known = f"ms-swift {ms_swift} counts loaded adapters twice in vLLM (#8233)"
    for flag in ("resume_from_checkpoint", "adapters"):
        if trainer.text(flag):
            yield failed(CHECK, f"{trainer} loads adapters (--{flag}), and {known}", fix)
            return
    yield warning(CHECK, f"{trainer} could not be resumed: {known}", fix)


def _check_rank(trainer: Command, server: Command) -> Iterator[Finding]:
    rank = int(trainer.number("lora_rank") or DEFAULT_RANK)
    most = int(server.number("vllm_max_lora_rank") or DEFAULT_MAX_RANK)
    if rank > most and trainer.text("tuner_type", trainer.text("train_type", "lora")) == "lora":
        text = f"{trainer} has adapters of rank {rank}, and {server} takes {most}"
        yield failed(CHECK, text, f"--vllm_max_lora_rank {rank} for swift rollout")
