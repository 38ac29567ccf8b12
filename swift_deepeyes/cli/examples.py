"""The examples at the end of each command's help. They are copied: no line is longer than 79."""

from __future__ import annotations

FIRST_EXAMPLES = """
swift-deepeyes demo                        # watch a toy learn to zoom, no GPU
swift-deepeyes plan --model 7b --gpus 32   # does my run fit, how long is it?
swift-deepeyes plan --help                 # options and examples of a command
"""

EXAMPLES = {
    "demo": """
# Some minutes on a laptop; then open output/demo/trajectories.html
swift-deepeyes demo

# Shorter, in another folder
swift-deepeyes demo --steps 20 --output output/short

# The toy of another family: its own classes, template and box frame
swift-deepeyes demo --family qwen3_5
""",
    "prepare": """
# The published parquet files in data/, checked, into prepared/
swift-deepeyes prepare data/

# Without the very large chart images, and 2 % of the images for validation
swift-deepeyes prepare data/ --chart exclude --validation 0.02

# Own rows, images of at most 1 million pixels
swift-deepeyes prepare my_rows.parquet --out mine --max-pixels 1003520
""",
    "make-data": """
# On each line {"image": "a.png", "question": "What is it?", "answer": "cat"};
# the end of its output are the two options for `swift rlhf`
swift-deepeyes make-data questions.jsonl --out my_data

# A table, images elsewhere, the system prompt of the published data
swift-deepeyes make-data questions.csv --out my_data --images photos/ \\
    --system-prompt data/data_0.1.2_visual_toolbox_v2.parquet

# For a tool of your own, 5 % of the images for validation
swift-deepeyes make-data questions.jsonl --out my_data --validation 0.05 \\
    --external-plugins my_tools.py --toolbox marker_toolbox
""",
    "plan": """
# The paper's run: 7B, 24 GPUs that train and 8 that generate
swift-deepeyes plan --model 7b --gpus 32

# LoRA on one consumer card that also generates
swift-deepeyes plan --model 3b --lora --gpus 1 --gpu rtx4090 --colocate \\
    --prompts 16 --generations 8 --max-pixels 1003520 --max-prompt 3072 \\
    --max-response 2048

# Any model of the hub; every figure and how it comes about
swift-deepeyes plan --model Qwen/Qwen3-VL-4B-Instruct --gpus 16 --full
""",
    "doctor": """
# This machine, versions, ports, settings, and the judge that they name
swift-deepeyes doctor

# Is my judge good enough? 491 labelled answers
swift-deepeyes doctor --judge-cases

# The two commands of a run, before they are started; --running: after
swift-deepeyes doctor --command "$(bash scripts/train_server.sh --dry-run)" \\
    --command "$(bash scripts/rollout.sh --dry-run)"

# Before `swift rlhf`: the rollout server, and the data
swift-deepeyes doctor --rollout http://127.0.0.1:18902 \\
    --model Qwen/Qwen2.5-VL-7B-Instruct --dataset prepared/vstar.parquet
""",
    "plugin-path": """
# For `swift rlhf`: --external_plugins "$(swift-deepeyes plugin-path)"
swift-deepeyes plugin-path
""",
    "watch": """
# In a second terminal, while it trains; Ctrl-C ends it, not the training
swift-deepeyes watch output/my_run/log

# What is there now, for a mail or a script
swift-deepeyes watch output/my_run/log --once
""",
    "view": """
# One HTML file beside the log, to open or to send
swift-deepeyes view output/my_run/log

# Two runs beside each other
swift-deepeyes view output/my_run/log output/other_run/log

# While it trains: reload the page to see new steps
swift-deepeyes view output/my_run/log --serve --port 8765

# Two runs beside each other, or two evaluations of the same questions
swift-deepeyes view output/first/log output/second/log --output both.html
""",
    "eval": """
# A checkpoint on V*: serve it, then ask
vllm serve output/run/checkpoint-80 --port 8000
swift-deepeyes eval vstar --data data/vstar_bench --out output/vstar \\
    --base-url http://127.0.0.1:8000/v1 --checkpoint output/run/checkpoint-80

# The same with and without the tool, on the first 50 questions
swift-deepeyes eval hrbench-4k --data data/hrbench --out output/hr \\
    --tool both --limit 50 --base-url http://127.0.0.1:8000/v1 \\
    --max-pixels 2007040
""",
}
