"""The scene of the README's picture: a desk by a window, with a key tag that is small in it.

Rendered by Blender's Cycles on a CPU; the package does not need it. `.github/images/desk.jpg` is
3200 pixels wide: the whole was rendered at 1200 and enlarged, the part around the keys at 3200.

    pip install bpy==4.5.15      # Blender as a Python 3.11 module, in an environment of its own
    python scripts/desk/scene.py desk.png --width 1200 --samples 6
    python scripts/desk/scene.py keys.png --width 3200 --samples 8 --part 0.57 0.61 0.71 0.74

A minute of two cores each; all of it at 3200 takes about ten. Everything is drawn by this folder's
code; two fonts (DejaVu) are read from the system.
"""

from __future__ import annotations

import argparse
import random
from math import pi, radians, sin
from typing import Any

import bpy
import materials as m
import shapes as s
import things
from mathutils import Vector
from shapes import Vector3

FONTS = "/usr/share/fonts/truetype/dejavu"
WALL, LEFT, RIGHT, SILL, TOP = 0.92, -1.02, 0.10, 0.13, 1.7  # the wall's y, the window's edges
KEYS = (0.235, 0.337, 0.0)


def furnish(number: str, fonts: str) -> None:
    """Put everything into the room."""
    things.books((0.27, 0.44, 0.0), f"{fonts}/DejaVuSerif.ttf")
    things.mug((-0.17, 0.30, 0.0), 28)
    things.plant((-0.36, 0.62, 0.004))
    things.notebook((-0.30, 0.10, 0.0), 14)
    things.pencil((-0.25, 0.18, 0.0172), (90, 12, 52), "#2f6d62")
    things.pen_cup((0.50, 0.62, 0.0))
    things.lamp((0.70, 0.66, 0.0))
    things.tumbler((0.02, 0.56, 0.0))
    things.spectacles((0.37, 0.10, 0.0005), 152)
    things.keys(KEYS, -6, number, f"{fonts}/DejaVuSans-Bold.ttf")


def desk() -> None:
    """Boards of one wood, each a little different."""
    wood, draw, y = m.wood(), random.Random(7), -0.32
    while y < 0.86:
        width = min(draw.uniform(0.105, 0.15), 0.88 - y)
        at = (draw.uniform(-0.05, 0.05), y + width / 2, draw.uniform(-1.5e-4, 1.5e-4) - 0.015)
        s.box((2.6, width - 0.0007, 0.03), at, wood, 0.0009)
        y += width


def room() -> None:
    """Walls around a window; those behind the camera only reflect light."""
    wall, paint = m.plaster("#e9e4da"), m.plain("#efece6", 0.42, 0.12, 45)
    middle, wide, thick = (LEFT + RIGHT) / 2, RIGHT - LEFT, 0.16
    depth = WALL + thick / 2
    s.box((2.6, thick, 3.4), (RIGHT + 1.3, depth, 0.9), wall, 0.0015)
    s.box((1.6, thick, 3.4), (LEFT - 0.8, depth, 0.9), wall, 0.0015)
    s.box((wide, thick, 1.0), (middle, depth, SILL - 0.5), wall, 0.0015)
    s.box((wide, thick, 1.0), (middle, depth, TOP + 0.5), wall, 0.0015)
    s.box((wide + 0.10, 0.24, 0.028), (middle, WALL + 0.03, SILL + 0.004), paint, 0.004)
    s.box((0.1, 4, 3.4), (1.75, -1.0, 0.9), wall, 0)
    s.box((5, 4, 0.1), (0, -1.0, 2.4), wall, 0)
    s.box((5, 4, 0.1), (0, -1.0, -0.8), m.plain("#6b4a33", 0.5), 0)
    s.box((5, 0.1, 3.4), (0, -2.9, 0.9), m.plain("#c9bfae", 0.9), 0)
    _window(paint, middle, wide)


def _window(paint: Any, middle: float, wide: float) -> None:
    y, height, centre = WALL + 0.11, TOP - SILL, (SILL + TOP) / 2
    for x in (LEFT + 0.025, RIGHT - 0.025):
        s.box((0.05, 0.05, height), (x, y, centre), paint, 0.004)
    s.box((wide, 0.05, 0.06), (middle, y, SILL + 0.045), paint, 0.004)
    s.box((0.045, 0.045, height), (middle, y, centre), paint, 0.004)
    s.box((wide, 0.035, 0.03), (middle, y, SILL + 0.52), paint, 0.004)
    s.box((0.022, 0.012, 0.09), (middle, y - 0.03, SILL + 0.34), m.metal("#b08d57", 0.3), 0.003)
    s.box((14, 0.02, 9), (-1.6, 6.0, 1.0), m.garden(), 0).visible_shadow = False


def curtains() -> None:
    """One on each side of the window."""
    linen = m.linen()
    for left, right, phase in ((0.02, 0.30, 1), (-1.30, -0.93, 2)):

        def place(u: float, v: float, a: float = left, b: float = right, p: int = phase) -> Vector3:
            folds = 0.022 * sin(2 * pi * 5 * u + p + 0.6 * sin(3 * v))
            small = 0.008 * sin(2 * pi * 11 * u + 2 * v)
            x = a + (b - a) * u + 0.006 * sin(9 * v + 3 * u)
            return x, 0.885 + folds + small - 0.01 * (1 - v), 0.02 + 2.0 * v

        s.sheet(120, 24, place, linen)


def picture() -> None:
    """A framed print on the wall."""
    wood = m.wood(("#3a2717", "#4c3320", "#5b3f28", "#6a4b31"), (6, 6, 1))
    x, y, z, wide, tall, bar = 0.62, 0.905, 0.60, 0.34, 0.44, 0.018
    for side in (-0.5, 0.5):
        s.box((bar, 0.02, tall), (x + side * wide, y, z), wood, 0.002)
        s.box((wide + bar, 0.02, bar), (x, y, z + side * tall), wood, 0.002)
    s.box((wide, 0.004, tall), (x, y + 0.004, z), m.plain("#efeae0", 0.9), 0)
    s.box((wide * 0.58, 0.004, tall * 0.62), (x, y + 0.002, z), m.print_on_paper(), 0)


def light() -> None:
    """The sky through the window, a second window on the left, a low sun, and a little fill."""
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    fill = world.node_tree.nodes["Background"].inputs
    fill[0].default_value, fill[1].default_value = (1.0, 0.95, 0.88, 1), 0.3
    world.light_settings.distance = 1.0
    _area((-0.46, 1.25, 0.95), (-0.2, 0.0, 0.2), (1.15, 1.6), 34, (0.86, 0.93, 1.0))
    _area((-1.7, -0.6, 1.0), (0.2, 0.35, 0.0), (1.2, 1.3), 26, (0.95, 0.97, 1.0))
    sun = bpy.data.lights.new("sun", "SUN")
    sun.energy, sun.angle, sun.color = 7.5, radians(1.6), (1.0, 0.86, 0.68)
    _aim(s.link(bpy.data.objects.new("sun", sun)), Vector((0.62, -0.72, -0.62)))


def _area(
    at: Vector3, target: Vector3, size: tuple[float, float], watts: float, colour: Vector3
) -> None:
    lamp = bpy.data.lights.new("window", "AREA")
    lamp.shape, lamp.size, lamp.size_y = "RECTANGLE", *size
    lamp.energy, lamp.color = watts, colour
    item = s.link(bpy.data.objects.new("window", lamp))
    item.location, item.visible_camera = at, False
    _aim(item, Vector(target) - Vector(at))


def _aim(item: Any, way: Vector) -> None:
    item.rotation_euler = way.to_track_quat("-Z", "Y").to_euler()


def camera() -> None:
    """A 40 mm lens, focused on the keys."""
    lens = bpy.data.cameras.new("camera")
    item = s.link(bpy.data.objects.new("camera", lens))
    item.location = (0.10, -0.72, 0.44)
    way = Vector((0.055, 0.42, 0.118)) - item.location
    _aim(item, way)
    lens.lens, lens.sensor_width = 40, 36
    lens.dof.use_dof = True
    lens.dof.focus_distance = (Vector(KEYS) - item.location).dot(way.normalized())
    lens.dof.aperture_fstop, lens.dof.aperture_blades = 3.2, 7
    bpy.context.scene.camera = item


def render(options: argparse.Namespace) -> None:
    """Write the picture, 3:2, denoised."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.use_auto_tile = "CPU", options.samples, False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.adaptive_threshold, cycles.sample_clamp_indirect = 0.03, 6
    cycles.max_bounces, cycles.transmission_bounces = 8, 8
    cycles.diffuse_bounces = cycles.glossy_bounces = 3
    cycles.caustics_reflective = cycles.caustics_refractive = cycles.use_light_tree = False
    cycles.use_fast_gi, cycles.fast_gi_method, cycles.ao_bounces_render = True, "REPLACE", 2
    scene.render.threads_mode, scene.render.threads = "FIXED", options.threads
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look, scene.view_settings.exposure = "AgX - Medium High Contrast", 0.2
    scene.render.resolution_x, scene.render.resolution_y = (
        options.width,
        round(options.width * 2 / 3),
    )
    scene.render.image_settings.file_format, scene.render.filepath = "PNG", options.path
    left, top, right, bottom = options.part
    scene.render.use_border = scene.render.use_crop_to_border = True
    scene.render.border_min_x, scene.render.border_max_x = left, right
    scene.render.border_min_y, scene.render.border_max_y = 1 - bottom, 1 - top
    bpy.ops.render.render(write_still=True)


def main() -> None:
    """Build the scene and render it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--samples", type=int, default=16, help="rays a pixel")
    part = {"type": float, "nargs": 4, "default": (0, 0, 1, 1)}
    parser.add_argument("--part", help="left, top, right, bottom: shares of the whole", **part)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--number", default="417", help="what is printed on the key tag")
    parser.add_argument("--fonts", default=FONTS)
    options = parser.parse_args()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for build in (room, curtains, desk, picture, light, camera):
        build()
    furnish(options.number, options.fonts)
    render(options)


if __name__ == "__main__":
    main()
