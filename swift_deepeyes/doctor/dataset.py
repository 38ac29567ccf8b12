"""Whether a parquet file has the columns that rewards and scheduler read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from swift_deepeyes.doctor.finding import Finding, failed, ok, warning

REQUIRED = ("reward_model", "data_source")
PROMPT_COLUMNS = ("prompt", "messages", "conversations", "conversation")
IMAGE_COLUMNS = ("images", "image")


def check_dataset(path: Path) -> list[Finding]:
    """The schema of one file, and whether it says what ms-swift needs."""
    check = f"dataset {path.name}"
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        fix = "bash scripts/download_data.sh fetches the three files; compare the file's size"
        return [failed(check, f"cannot be read: {type(error).__name__}", fix)]
    schema = file.schema_arrow
    missing = _missing(schema)
    if missing:
        text = f"no column {', '.join(missing)}"
        return [failed(check, text, "swift-deepeyes prepare writes files of the right schema")]
    columns = ", ".join(sorted(schema.names))
    return [ok(check, f"{file.metadata.num_rows} rows, columns {columns}"), *_remarks(path, schema)]


def _missing(schema: pa.Schema) -> list[str]:
    """The columns without which no row can be trained on or scored."""
    names = set(schema.names)
    missing = [name for name in REQUIRED if name not in names]
    if "solution" in names and "reward_model" in missing:
        missing.remove("reward_model")
    if not names & set(PROMPT_COLUMNS):
        missing.append("prompt")
    if not names & set(IMAGE_COLUMNS) and not _has_parts(schema):
        missing.insert(0, "images")
    return missing


def _has_parts(schema: pa.Schema) -> bool:
    """Whether contents are lists of parts (or JSON), which may hold the images."""
    for name in set(schema.names) & set(PROMPT_COLUMNS):
        kind = schema.field(name).type
        if pa.types.is_string(kind) or "content: list<" in str(kind):
            return True
    return False


def _remarks(path: Path, schema: pa.Schema) -> list[Finding]:
    check, names = f"dataset {path.name}", set(schema.names)
    findings: list[Finding] = []
    if "prompt" in names and "messages" not in names:
        text = "has `prompt`, not `messages`"
        fix = "its dataset_info.json entry needs columns {'prompt': 'messages'} (ours has it)"
        findings.append(warning(check, text, fix) if not _is_ours(path) else ok(check, text))
    if "env_name" not in names:
        fix = "add env_name (visual_toolbox_v2, or empty), or rely on the prompt's announcement"
        findings.append(warning(check, "no column env_name: the prompt decides on tools", fix))
    return findings


def _is_ours(path: Path) -> bool:
    """Whether the repository's dataset_info.json names this file."""
    return path.name in {
        "data_0.1.2_visual_toolbox_v2.parquet",
        "data_v0.8_visual_toolbox_v2.parquet",
        "data_thinklite_reasoning_acc.parquet",
    }
