"""Whether a parquet file has the columns that rewards and scheduler read, and good rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from swift_deepeyes.counted import counted
from swift_deepeyes.dataset.columns import (
    CONVERSATIONS,
    DATA_SOURCE,
    ENV_NAME,
    IMAGE_COLUMNS,
    IMAGES,
    MESSAGES,
    PROMPT,
    REWARD_MODEL,
    SOLUTION,
)
from swift_deepeyes.dataset.published import PUBLISHED
from swift_deepeyes.doctor.finding import Finding, failed, ok, warning
from swift_deepeyes.doctor.rows import check_rows

REQUIRED = (REWARD_MODEL, DATA_SOURCE)


def check_dataset(path: Path) -> list[Finding]:
    """The schema of one file, whether it says what ms-swift needs, and a sample of its rows."""
    check = f"dataset {path.name}"
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError:
        fix = "pass the path of a parquet file; bash scripts/download_data.sh fetches the three"
        return [failed(check, f"{path} is not there", fix)]
    except (OSError, UnicodeError, pa.ArrowInvalid) as error:
        text = f"{path} cannot be read as parquet: {str(error).splitlines()[0]}"
        return [
            failed(check, text, "a parquet file; if it is one, copy it anew (compare its size)")
        ]
    schema = file.schema_arrow
    missing = _missing(schema)
    if missing:
        text = f"no column {', '.join(missing)}"
        return [failed(check, text, "swift-deepeyes prepare writes files of the right schema")]
    rows = counted(file.metadata.num_rows, "row")
    text = f"{rows}, columns {', '.join(sorted(schema.names))}"
    return [ok(check, text), *_remarks(path, schema), *check_rows(path)]


def _missing(schema: pa.Schema) -> list[str]:
    """The columns without which no row can be trained on or scored."""
    names = set(schema.names)
    missing = [name for name in REQUIRED if name not in names]
    if SOLUTION in names and REWARD_MODEL in missing:
        missing.remove(REWARD_MODEL)
    if not names & set(CONVERSATIONS):
        missing.append(PROMPT)
    if not names & set(IMAGE_COLUMNS) and not _has_parts(schema):
        missing.insert(0, IMAGES)
    return missing


def _has_parts(schema: pa.Schema) -> bool:
    """Whether contents are lists of parts (or JSON), which may hold the images."""
    for name in set(schema.names) & set(CONVERSATIONS):
        kind = schema.field(name).type
        if pa.types.is_string(kind) or "content: list<" in str(kind):
            return True
    return False


def _remarks(path: Path, schema: pa.Schema) -> list[Finding]:
    check, names = f"dataset {path.name}", set(schema.names)
    findings: list[Finding] = []
    if PROMPT in names and MESSAGES not in names:
        text = "has `prompt`, not `messages`"
        fix = "its dataset_info.json entry needs columns {'prompt': 'messages'} (ours has it)"
        findings.append(
            warning(check, text, fix) if path.name not in PUBLISHED else ok(check, text)
        )
    if ENV_NAME not in names:
        fix = "add env_name (visual_toolbox_v2, or empty), or rely on the prompt's announcement"
        findings.append(warning(check, "no column env_name: the prompt decides on tools", fix))
    return findings
