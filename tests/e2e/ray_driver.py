"""Ms-swift's own Ray driver on a Ray configuration, without Ray's workers: a process of its own.

The driver is where the scheduler and the rewards run. Its rollout replicas are replaced by a policy
that zooms and then answers; everything else, from the configuration to the encoded batch, is real.
Arguments: the configuration, the toy, its `dataset_info.json`, an output folder. Prints what came
of it. For the tests, and for `scripts/rehearse.py`.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from swift_deepeyes.demo import commands, cpu_support
from swift_deepeyes.demo.toy import wording
from tests.scripts.megatron_arguments import StandIns

PROMPTS, GENERATIONS = 4, 2


def toy_changes(toy: str, info: str, output: str) -> dict[str, Any]:
    """What the toy needs instead of what the configuration says."""
    arguments = commands.toy_arguments(Path(toy))
    return {arguments[i][2:]: arguments[i + 1] for i in range(0, len(arguments), 2)} | {
        "custom_dataset_info": [info],
        "dataset": [commands.DATASET],
        "external_plugins": [str(commands.PLUGIN), str(commands.TOY_PLUGIN)],
        "output_dir": output,
        "global_batch_size": PROMPTS * GENERATIONS,
        "num_generations": GENERATIONS,
        "vllm_max_model_len": 1024,
        "max_length": 1024,
        "dataset_num_proc": 1,
        "check_model": False,
    }


def made_trainer(path: str, changes: dict[str, Any]) -> Any:
    """The driver's trainer, as the pipeline makes it before it asks its workers for anything."""
    from swift.ray.megatron.driver_utils import (
        build_dataset_from_dict,
        merge_group_dict,
        parse_ray_yaml,
    )
    from swift.ray.megatron.grpo_trainer import GRPOTrainer

    _, groups, shared = parse_ray_yaml(path)
    config = merge_group_dict(shared | {"use_ray": True}, groups["train"]) | changes
    trainer = GRPOTrainer({"train": None}, [], weight_sync_mode="naive")
    trainer.set_data_info(build_dataset_from_dict(config))
    trainer._prepare_state()
    trainer._build_dataloader()
    trainer._build_resample_iterator()
    return trainer


class Policy:
    """Zooms into a corner in its first turn and answers in the second."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._turns: Counter[str] = Counter()

    def __call__(self, requests: list[Any], config: Any) -> list[Any]:
        return [self._reply(request.uuid) for request in requests]

    def _reply(self, uuid: str) -> Any:
        from swift.infer_engine import protocol as p

        is_first = self._turns[uuid] == 0
        self._turns[uuid] += 1
        text = wording.zoom_turn([0, 0, 56, 56]) if is_first else wording.zoomed_turn("dots")
        ids = [*self._tokenizer(text)["input_ids"], self._tokenizer.eos_token_id]
        choice = p.ChatCompletionResponseChoice(
            index=0,
            message=p.ChatMessage(role="assistant", content=text),
            finish_reason="stop",
            token_ids=ids,
            logprobs={"content": [{"logprob": 0.0}] * len(ids)},
        )
        return p.ChatCompletionResponse("toy", [choice], p.UsageInfo(1, 1, 2))


def main() -> None:
    sys.meta_path.insert(0, StandIns())
    cpu_support.install()
    config, toy, info, output = sys.argv[1:]
    trainer = made_trainer(config, toy_changes(toy, info, output))
    trainer._distribute_to_replicas = Policy(trainer.template.tokenizer)
    prompts = trainer.expand_for_generation(next(trainer._data_iter))
    samples = trainer._postprocess_rollout(prompts, trainer._generate(prompts))
    rewards = trainer.score_completions(samples).tolist()
    encoded = [sample.encoded for sample in trainer.encode_rollout_batch(samples)]
    image = trainer.template.image_token_id
    answer = {
        "scheduler": type(trainer._multi_turn_scheduler).__name__,
        "reward_names": trainer.reward_func_names,
        "rewards": rewards,
        "references": [sample.extra["reward_model"]["ground_truth"] for sample in samples],
        "records": [sample.rollout_infos["deepeyes"] for sample in samples],
        "images": [len(sample.images) for sample in samples],
        "image_tokens": [one["input_ids"].count(image) for one in encoded],
        "trained": [sum(label != -100 for label in one["labels"]) for one in encoded],
        "written": [sum(map(len, sample.response_token_ids)) for sample in samples],
    }
    sys.stdout.write("ANSWER" + json.dumps(answer))


if __name__ == "__main__":
    main()
