"""The trainer's own row checks on a sample of a file: what would be dropped, and what is odd."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from swift_deepeyes.counted import counted, which
from swift_deepeyes.dataset.conversation import ConversationFault
from swift_deepeyes.dataset.images import ImageFault
from swift_deepeyes.doctor.finding import Finding, failed, ok, warning
from swift_deepeyes.ms_swift.row_outcome import HARMLESS, Checked, Note

SAMPLED_ROWS = 200
PLACES = 8  # of a file from which they are taken

_CONVERSATION_FIX = "swift-deepeyes prepare names such rows and writes the file without them"
_FIXES: dict[ConversationFault | ImageFault, str] = {
    ImageFault.MISSING: (
        "start from the folder that the paths count from, or set ROOT_IMAGE_DIR to it"
    ),
    ImageFault.UNREADABLE: "copy the file anew and compare its size, or leave these rows out",
    ImageFault.THIN: "cut or leave out images whose sides differ by more than a factor of 200",
    ConversationFault.IMAGE_COUNT: "one <image> tag in the text for each image of the row",
    ConversationFault.OTHER_FRAME: "DEEPEYES_PROMPT=family, or prepare the file for this model",
    ConversationFault.NO_TOOLBOX: (
        "correct env_name, or pass the file that registers it with --external-plugins"
    ),
}
_NOTE_FIXES = {
    Note.OTHER_WORDS: "write the frame of the boxes into their prompts yourself",
    Note.JSON_CALLS: "DEEPEYES_PROMPT=family",
    Note.NO_QUESTION: "fill extra_info.question: the judge reads it",
    Note.NO_REFERENCE: "fill reward_model.ground_truth: such a row earns nothing",
    Note.UNANNOUNCED: (
        "put swift_deepeyes.tools.tool_schemas(env_name) into the system prompt, or pass --system"
    ),
    Note.UNKNOWN_TOOLBOX: (
        "correct env_name, or pass the file that registers it with --external-plugins"
    ),
}


def check_rows(path: Path) -> list[Finding]:
    """What training would say of a sample, which is spread over the file. Needs its columns."""
    check = f"rows of {path.name}"
    table, of = sample(path)
    if not of:
        return [failed(check, "the file has no rows", "write it anew, or leave it out")]
    return _findings(check, _examined(table), of)


def sample(path: Path) -> tuple[pa.Table, int]:
    """Rows from several places of a file, and how many rows it has."""
    file = pq.ParquetFile(path)
    groups = file.metadata.num_row_groups
    chosen = sorted({place * groups // PLACES for place in range(PLACES)}) if groups else []
    each = -(-SAMPLED_ROWS // max(1, len(chosen)))
    parts = [next(file.iter_batches(each, row_groups=[group]), None) for group in chosen]
    found = [part for part in parts if part is not None]
    table = pa.Table.from_batches(found, file.schema_arrow)
    return table.slice(0, SAMPLED_ROWS), file.metadata.num_rows


def _examined(table: pa.Table) -> list[Checked]:
    # ms-swift takes seconds to import.
    from datasets import Dataset

    from swift_deepeyes.ms_swift.rows import DeepEyesRows

    # What the checks warn of is a finding.
    quiet = logging.getLogger("swift_deepeyes")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        return DeepEyesRows().examined(Dataset(table))
    finally:
        quiet.setLevel(level)


def _findings(check: str, checked: Sequence[Checked], of: int) -> list[Finding]:
    sampled = f"{len(checked):,} of {counted(of, 'row')}"
    dropped = [one for one in checked if one.fault is not None]
    notes = Counter(note for one in checked for note in one.notes if note not in HARMLESS)
    findings = [_dropped(check, fault, dropped, sampled) for fault in _faults(dropped)]
    findings += [
        warning(check, f"{number:,} of {len(checked):,} {note}", _NOTE_FIXES[note])
        for note, number in sorted(notes.items())
    ]
    if dropped and len(dropped) == len(checked):
        text = f"none of {counted(len(checked), 'sampled row')} can be trained on"
        return [failed(check, text, "see the lines below"), *findings]
    return findings or [ok(check, f"checked as in training: {sampled}, nothing to say")]


def _faults(dropped: Sequence[Checked]) -> list[ConversationFault | ImageFault]:
    """Each fault once, the most frequent first."""
    return [fault for fault, _ in Counter(one.fault for one in dropped).most_common() if fault]


def _dropped(
    check: str, fault: ConversationFault | ImageFault, dropped: Sequence[Checked], sampled: str
) -> Finding:
    of_it = [one for one in dropped if one.fault is fault]
    text = (
        f"{counted(len(of_it), 'row')} ({sampled} looked at) {which(len(of_it), 'is', 'are')} "
        f"dropped in training: {fault}. For example {of_it[0].reason}"
    )
    return warning(check, text, _FIXES.get(fault, _CONVERSATION_FIX))
