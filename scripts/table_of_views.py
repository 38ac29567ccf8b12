"""What each model family sees of an image, and what our scheduler takes for it; as Markdown.

The model's view is read from the image grid of ms-swift's own `template.encode`; ours is what the
scheduler cuts crops from. Prints one row a case and exits with an error if any pair differs.
Usage: python scripts/table_of_views.py
"""

from __future__ import annotations

import sys
from typing import Any

from PIL import Image

from swift_deepeyes.demo import cpu_support

cpu_support.install()

SIZES = [(3840, 2160), (1920, 1080), (333, 777)]
SETTINGS: list[tuple[str, dict[str, str], int | None]] = [
    ("unset", {}, None),
    ("MAX_PIXELS=602112", {"MAX_PIXELS": "602112"}, None),
    ("IMAGE_MAX_TOKEN_NUM=512", {"IMAGE_MAX_TOKEN_NUM": "512"}, None),
    ("--max_pixels 602112", {}, 602112),
]
HEADER = ["source", "family", "setting", "frame", "the model's view", "our view", "crop"]


def encoded_size(template: Any, image: Image.Image, patch: int) -> tuple[int, int]:
    """The size that ms-swift encodes, from the image grid."""
    messages = [{"role": "user", "content": "<image>?"}, {"role": "assistant", "content": "."}]
    grid = template.encode({"messages": messages, "images": [image]})["image_grid_thw"][0].tolist()
    return grid[2] * patch, grid[1] * patch


def table_row(family: str, setting: str, template: Any, size: tuple[int, int]) -> list[str]:
    """One case: the views, and the crop of the image's middle quarter."""
    from swift_deepeyes.demo.families import PATCH
    from swift_deepeyes.episode.start import EpisodePrompt, EpisodeStarter, Host
    from swift_deepeyes.ms_swift.template import box_frame, view_recipe
    from swift_deepeyes.settings import BoxFormat, JudgeKind, Settings
    from swift_deepeyes.tools.zoom import ZoomTool

    image = Image.new("RGB", size, "white")
    frame = box_frame(template, BoxFormat.AUTO)
    recipe = view_recipe(template, None)
    host = Host(recipe, frame, load=lambda _: image.copy(), count_tokens=len)
    starter = EpisodeStarter(Settings(judge=JudgeKind.RULE))
    context = starter.start(host, EpisodePrompt(("-",), "", None, lambda images: 0)).context
    tool = ZoomTool()
    width, height = context.show(0).extent.of(frame)
    box = [round(width / 4), round(height / 4), round(3 * width / 4), round(3 * height / 4)]
    crop = tool.run(tool.arguments(bbox_2d=box), context).image
    assert crop is not None
    view = context.show(0).view.size
    model = encoded_size(template, image.copy(), PATCH[family])
    sizes = ["x".join(map(str, pair)) for pair in (size, model, view, crop.size)]
    return [sizes[0], family, setting, frame.value, sizes[1], sizes[2], sizes[3]]


def main() -> int:
    """Print the table; 1 if a view differs."""
    import logging

    from swift_deepeyes.demo.families import FAMILIES, family_template, set_pixel_variables

    logging.getLogger("swift").setLevel(logging.ERROR)
    print("| " + " | ".join(HEADER) + " |")
    print("|" + "---|" * len(HEADER))
    different = 0
    for family in FAMILIES:
        for name, variables, max_pixels in SETTINGS:
            set_pixel_variables(variables)
            template = family_template(family, max_pixels)
            for size in SIZES:
                row = table_row(family, name, template, size)
                different += row[4] != row[5]
                print("| " + " | ".join(row) + " |")
    print(f"{different} views differ", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
