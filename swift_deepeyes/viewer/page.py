"""The HTML file: static files inlined, data in inert blocks, and a policy that forbids the rest.

Two walls stand between a model's text and the reader's browser: data is JSON without any character
that could end its block, rendered as text only; and the content security policy allows one script,
known by its hash, and no network.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from importlib.resources import files

from swift_deepeyes.viewer.document import Document, Json
from swift_deepeyes.viewer.images import PageImage

DETAILS_PER_BLOCK = 50

_STYLE = "style.css"
_TEMPLATE = "page.html"
# In this order: each may use what stands before it.
_SCRIPTS = (
    "elements.js",
    "values.js",
    "store.js",
    "scale.js",
    "chart.js",
    "curves.js",
    "settings.js",
    "filters.js",
    "table.js",
    "image.js",
    "crop.js",
    "tags.js",
    "turns.js",
    "verdict.js",
    "prompt.js",
    "comparison.js",
    "trajectory.js",
    "selection.js",
    "page.js",
)
# JSON needs none of these outside strings, and inside strings an escape means the same.
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def render_page(head: Json, document: Document, images: Sequence[PageImage]) -> Iterable[bytes]:
    """The page in pieces, in order. `head` is what the page shows before anything else."""
    script = _script()
    template = _static(_TEMPLATE)
    before, after = template.split("{{blocks}}")
    sizes = [[image.state, image.width, image.height] for image in images]
    opening = {**head, "rows": document.rows, "images": sizes, "perBlock": DETAILS_PER_BLOCK}
    before = before.replace("{{policy}}", _policy(script)).replace("{{style}}", _static(_STYLE))
    # Last, and by cutting: a text in the data may look like a placeholder.
    start, data_end = before.split("{{head}}")
    middle, end = data_end.split("{{script}}")
    for piece in (start, embedded_json(opening), middle, script, end):
        yield piece.encode("utf-8", "replace")
    for identifier, value in _blocks(document):
        yield _block(identifier, embedded_json(value))
    for number, image in enumerate(images):
        if image.data_uri:
            yield _block(f"image-{number}", json.dumps(image.data_uri))
    yield after.encode()


def embedded_json(value: object) -> str:
    """JSON that cannot end the script element it stands in, nor a line of JavaScript."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:  # a number that strict JSON lacks: the page shows a dash for null
        text = json.dumps(_strict(value), ensure_ascii=False, separators=(",", ":"))
    return text.translate(_ESCAPES)


def _strict(value: object) -> object:
    """The value with null for NaN and the infinities."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _strict(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(part) for part in value]
    return value


def _blocks(document: Document) -> Iterable[tuple[str, object]]:
    yield "texts", document.texts
    for number, start in enumerate(range(0, len(document.details), DETAILS_PER_BLOCK)):
        yield f"details-{number}", document.details[start : start + DETAILS_PER_BLOCK]


def _block(identifier: str, text: str) -> bytes:
    block = f'<script type="application/json" id="{identifier}">{text}</script>\n'
    return block.encode("utf-8", "replace")


def _script() -> str:
    """All scripts as one, in a scope of its own, so that one hash covers everything that runs."""
    parts = "\n".join(_static(name) for name in _SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}\n}})();\n'


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def _static(name: str) -> str:
    return (files(__package__) / "static" / name).read_text(encoding="utf-8")
