"""For `--external_plugins`, beside the package's own plugin: teaches ms-swift the toy's token ids.

ms-swift's Qwen2-VL template has the id of the image token as a constant. With another vocabulary
the token is then not found and not expanded, silently: training goes on and the model sees one
patch. Alone in its folder, because ms-swift puts that folder first on `sys.path`.
"""

from __future__ import annotations

from swift.template import register_template
from swift.template.templates.qwen import QwenTemplateMeta

from swift_deepeyes.demo.toy.model import TEMPLATE
from swift_deepeyes.demo.toy.template import ToyQwen25VLTemplate

register_template(
    QwenTemplateMeta(TEMPLATE, template_cls=ToyQwen25VLTemplate, default_system=None),
    exist_ok=True,
)
