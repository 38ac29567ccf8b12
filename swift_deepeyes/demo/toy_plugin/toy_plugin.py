"""For `--external_plugins`, beside the package's own plugin: teaches ms-swift the toys' token ids.

ms-swift's templates have the id of the image token as a constant. With another vocabulary the token
is then not found and not expanded, silently: training goes on and the model sees one patch. All
else, prefixes and the form of tool calls, stays the family's. Alone in its folder, because ms-swift
puts that folder first on `sys.path`.
"""

from __future__ import annotations

from dataclasses import replace

from swift.template import TEMPLATE_MAPPING, register_template

from swift_deepeyes.demo.toy.families import TOYS
from swift_deepeyes.demo.toy.template import TEMPLATES

for family, template_class in TEMPLATES.items():
    meta = replace(
        TEMPLATE_MAPPING[family],
        template_type=TOYS[family].template,
        template_cls=template_class,
        default_system=None,
    )
    register_template(meta, exist_ok=True)
