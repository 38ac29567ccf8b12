"""What lies on the desk. Every function builds one thing, its base at z = 0 before it is placed."""

from __future__ import annotations

import random
from math import cos, pi, radians, sin
from typing import Any

import materials as m
import shapes as s
from mathutils import Vector
from shapes import Vector3

BOOKS = (  # width along the spine, depth, thickness; turn; cover, letters; title; offset
    ((0.255, 0.185, 0.034), -7, "#24405a", "#c9a45a", "THE  QUIET  GARDEN", (0, 0)),
    ((0.235, 0.165, 0.026), -3, "#a8442f", "#c9a45a", "LETTERS FROM THE COAST", (0.004, 0.006)),
    ((0.225, 0.155, 0.030), -11, "#d9cfb8", "#5b4632", "A HISTORY OF LOOKING", (-0.004, 0.008)),
    ((0.185, 0.125, 0.019), 4, "#4d5f4a", "#c9a45a", "FIELD NOTES", (0.01, 0.004)),
)


def books(at: Vector3, font: str) -> None:
    """A stack, spines to the front."""
    pages, height = m.pages(), at[2]
    for size, turn, cover, foil, title, (right, back) in BOOKS:
        place = (at[0] + right, at[1] + back, height)
        parts = _book(size, m.cloth(cover), m.metal(foil, 0.3), pages, title, font)
        s.group(parts, place, (0, 0, turn))
        height += size[2] + 0.0003


def _book(size: Vector3, cloth: Any, foil: Any, pages: Any, title: str, font: str) -> list[Any]:
    width, depth, thick = size
    cover, middle, front = 0.0024, thick / 2, -depth / 2
    arc = [pi * k / 14 for k in range(15)]
    line = [(front + 0.0012 - 0.0045 * sin(a), middle - middle * cos(a)) for a in arc]
    spine = s.solid(
        [(x, y, z) for y, z in line for x in (-width / 2, width / 2)],
        [(2 * k, 2 * k + 1, 2 * k + 3, 2 * k + 2) for k in range(14)],
        cloth,
    )
    spine.modifiers.new("thickness", "SOLIDIFY").thickness = 0.002
    name = s.letters(title, thick * 0.36, foil, font)
    s.placed(name, (0, front - 0.0039, middle), (90, 0, 0))
    rules = [
        s.box((0.0012, 0.001, thick * 0.72), (x * width, front - 0.0033, middle), foil, 0)
        for x in (-0.42, 0.42, -0.40, 0.40)
    ]
    return [
        s.box((width, depth, cover), (0, 0, cover / 2), cloth, 0.0008),
        s.box((width, depth, cover), (0, 0, thick - cover / 2), cloth, 0.0008),
        s.box(
            (width - 0.008, depth - 0.006, thick - 2 * cover), (0, -0.001, middle), pages, 0.0008
        ),
        *(spine, name, *rules),
    ]


def mug(at: Vector3, turn: float) -> None:
    """A mug of coffee."""
    clay = m.stoneware("#dfe3df", "#3c3128", 0.035)
    outside = [(0, 0.002), (0.030, 0.002), (0.0335, 0.004), (0.0385, 0.018), (0.0405, 0.045)]
    rim = [(0.0405, 0.080), (0.0402, 0.0915), (0.0392, 0.0932), (0.0378, 0.0915), (0.0372, 0.078)]
    inside = [(0.037, 0.045), (0.034, 0.016), (0.028, 0.009), (0, 0.008)]
    bow = [(0.0385, 0.074), (0.052, 0.0785), (0.069, 0.068), (0.070, 0.045), (0.058, 0.028)]
    line = [(x, 0.0, z) for x, z in (*bow, (0.039, 0.022))]
    handle = s.tube(line, 0.0058, clay, radii=[1.15, 1, 0.95, 0.95, 1, 1.2])
    handle.scale = (1, 1.25, 1)
    surface = [(0, 0), (0.02, 0), (0.036, 0.0002), (0.0374, 0.0012)]
    drink = s.lathe(surface, m.coffee(), (0, 0, 0.080))
    s.group([s.lathe(outside + rim + inside, clay), handle, drink], at, (0, 0, turn))


def tumbler(at: Vector3) -> None:
    """A glass of water."""
    outside = [(0, 0), (0.028, 0), (0.031, 0.003), (0.0355, 0.10), (0.0352, 0.1015)]
    inside = [(0.0342, 0.10), (0.0300, 0.012), (0.028, 0.010), (0, 0.0095)]
    below = [(0, 0.0097), (0.0281, 0.0102), (0.0301, 0.0122), (0.0328, 0.068)]
    s.lathe(outside + inside, m.clear(1.47), at)
    s.lathe([*below, (0.0325, 0.0672), (0, 0.067)], m.clear(1.33), at)


def plant(at: Vector3) -> None:
    """A plant in a terracotta pot."""
    stops = (0.3, "#8e4f33"), (0.52, "#b06a47"), (0.72, "#cfa58a")
    clay = m.speckled("#b06a47", 24, *stops)
    wall = [(0, 0), (0.046, 0), (0.050, 0.004), (0.063, 0.085), (0.0645, 0.090), (0.071, 0.0905)]
    rim = [(0.0725, 0.094), (0.074, 0.116), (0.0735, 0.119), (0.070, 0.120), (0.067, 0.117)]
    dish = [(0, 0), (0.07, 0), (0.078, 0.003), (0.088, 0.017), (0.0895, 0.018), (0.086, 0.018)]
    soil = m.plain("#2a1d14", 1.0, 1.0, 120)
    parts = [
        s.lathe([*wall, *rim, (0.064, 0.09), (0.06, 0.08)], clay),
        s.lathe([(0, 0.104), (0.03, 0.103), (0.066, 0.101)], soil),
        s.lathe([*dish, (0.074, 0.006), (0, 0.005)], clay, (0, 0, -0.004)),
    ]
    stem, leaf, draw = m.plain("#4b6a2f", 0.5), m.leaf(), random.Random(11)
    for number in range(34):
        parts += _shoot(number, stem, leaf, draw)
    s.group(parts, at)


def _shoot(number: int, stem: Any, leaf: Any, draw: random.Random) -> list[Any]:
    """A stem with its leaf; the last ones stand up."""
    low = number < 26
    around = number * 2.39996 + draw.uniform(-0.3, 0.3)  # the golden angle, as plants do
    rise = draw.uniform(0.35, 1.25) if low else draw.uniform(1.1, 1.5)
    reach = draw.uniform(0.08, 0.17) if low else draw.uniform(0.16, 0.24)
    way = Vector((cos(around) * cos(rise), sin(around) * cos(rise), sin(rise)))
    base = Vector((0.02 * cos(around), 0.02 * sin(around), 0.1))
    middle, tip = base + Vector((0, 0, reach * 0.45)) + way * reach * 0.35, base + way * reach
    length, width = draw.uniform(0.085, 0.14), draw.uniform(0.05, 0.078)
    blade = _leaf(length, width, draw.uniform(0.5, 1.5), draw.uniform(0.15, 0.5), leaf)
    blade.location = tip
    pitch = draw.uniform(-0.5, 0.6) + (rise - 0.7) * 0.5
    roll = draw.uniform(-0.4, 0.4)
    blade.rotation_euler = (pitch, roll, around - pi / 2 + draw.uniform(-0.4, 0.4))
    return [s.tube([base, middle, tip], 0.0016, stem, radii=[1.3, 1, 0.8]), blade]


def _leaf(length: float, width: float, bend: float, fold: float, material: Any) -> Any:
    def place(across: float, along: float) -> Vector3:
        shape = sin(pi * along**0.72)
        half = width / 2 * max(shape, 0) ** 0.85 * (1 - 0.25 * along) + 0.0002
        side = across * 2 - 1
        lift = abs(side) * half * (sin(fold) + 0.03 * sin(11 * along + 2 * side))
        fall = length * (1 - cos(bend * along)) / bend
        return side * half * cos(fold), length * sin(bend * along) / bend, lift - fall

    return s.sheet(10, 18, place, material, subdivide=1)


def pencil(at: Vector3, turn: Vector3, paint: str, length: float = 0.17) -> None:
    """A pencil with an eraser, along z before it is turned."""
    r, tip = 0.0037, length + 0.016
    ends = [(r * cos(k * pi / 3), r * sin(k * pi / 3)) for k in range(6)]
    faces = [(k, (k + 1) % 6, 6 + (k + 1) % 6, 6 + k) for k in range(6)]
    body = m.plain(paint, 0.25, Coat_Weight=0.6)
    ridges = [(0.0039, -0.009), (0.0036, -0.008), (0.0039, -0.007), (0.0039, -0.004)]
    ring = [(0, -0.012), (0.0038, -0.012), *ridges, (0.0036, -0.003), (0.0039, -0.002)]
    rubber = [(0, -0.021), (0.0028, -0.0208), (0.0035, -0.019), (0.0036, -0.012)]
    points = [(x, y, z) for z in (0.0, length) for x, y in ends]
    parts = [
        s.solid(points, [*faces, (0, 1, 2, 3, 4, 5)], body, bevel=0.0006),
        s.lathe([(0.0036, length), (0.0011, tip)], m.plain("#d9b07e", 0.7), subdivide=0),
        s.lathe([(0.0011, tip), (0.0002, tip + 0.004)], m.plain("#2b2b2e", 0.4), subdivide=0),
        s.lathe([*ring, (0.0039, 0.001)], m.metal("#c8c2b2", 0.25)),
        s.lathe(rubber, m.plain("#c9737a", 0.8, 0.2)),
    ]
    s.group(parts, at, turn)


def pen_cup(at: Vector3) -> None:
    """A cup with five pencils."""
    outside = [(0, 0.002), (0.034, 0.002), (0.037, 0.006), (0.0385, 0.05), (0.0385, 0.098)]
    inside = [(0.0375, 0.1005), (0.0362, 0.098), (0.036, 0.05), (0.034, 0.012), (0, 0.008)]
    s.lathe(outside + inside, m.stoneware("#37474a", "#1b2426", 0.012), at)
    draw = random.Random(3)
    for number, paint in enumerate(("#d8a12c", "#b23a32", "#2c5d7c", "#3d3d40", "#e4dccb")):
        around = number * 1.257 + 0.4
        lean = draw.uniform(9, 16)
        x, y = 0.012 * cos(around + 1.57), 0.012 * sin(around + 1.57)
        turn = (lean * cos(around), lean * sin(around), around * 180 / pi)
        pencil((at[0] + x, at[1] + y, at[2] + 0.014), turn, paint, draw.uniform(0.13, 0.16))


def notebook(at: Vector3, turn: float) -> None:
    """A closed notebook with an elastic band."""
    kraft = m.speckled("#a98256", 300, (0.3, "#8d6a45"), (0.55, "#a98256"), (0.75, "#bb9468"))
    width, depth, thick = 0.148, 0.21, 0.013
    middle = thick / 2
    parts = [
        s.box((width, depth, 0.001), (0, 0, 0.0005), kraft, 0.0004),
        s.box((width - 0.003, depth - 0.003, thick - 0.002), (0, 0, middle), m.pages(), 0.0008),
        s.box((width, depth, 0.001), (0, 0, thick - 0.0005), kraft, 0.0004),
        s.box((0.0012, depth, thick), (-width / 2, 0, middle), kraft, 0.0004),
        s.box((0.006, depth + 0.002, thick + 0.0016), (0.052, 0, middle), m.cloth("#22242a", 400)),
    ]
    s.group(parts, at, (0, 0, turn))


def spectacles(at: Vector3, turn: float) -> None:
    """Round spectacles, open."""
    horn = m.plain("#23140c", 0.18, Coat_Weight=0.5)
    bridge = [(-0.010, 0, 0.026), (-0.004, -0.001, 0.030), (0.004, -0.001, 0.030)]
    parts = [s.tube([*bridge, (0.010, 0, 0.026)], 0.0018, horn)]
    for side in (-1, 1):
        angles = [2 * pi * k / 20 for k in range(20)]
        width = [0.025 * cos(a) * (1 + 0.06 * sin(a)) for a in angles]
        rim = [
            (side * 0.034 + x, 0, 0.021 + 0.0195 * sin(a))
            for x, a in zip(width, angles, strict=True)
        ]
        bend = [(0.060, 0, 0.029), (0.066, 0.006, 0.029), (0.066, 0.05, 0.026)]
        bend += [(0.0655, 0.10, 0.014), (0.063, 0.135, 0.002)]
        parts.append(s.tube(rim, 0.0019, horn, cyclic=True))
        parts.append(s.tube([(side * x, y, z) for x, y, z in bend], 0.0017, horn))
    s.group(parts, at, (0, 0, turn))


def lamp(at: Vector3) -> None:
    """A brass lamp with a green shade, switched off."""
    brass, paint = m.metal("#a8834a", 0.3), m.plain("#2f4a45", 0.3, Coat_Weight=0.4)
    foot = [(0, 0.016), (0.03, 0.016), (0.078, 0.012), (0.085, 0.008), (0.086, 0), (0, 0)]
    stem = [(0, 0, 0.01), (0, 0, 0.15), (0, 0, 0.32), (-0.02, -0.02, 0.42), (-0.1, -0.06, 0.44)]
    outside = [(0.012, 0.05), (0.022, 0.048), (0.04, 0.03), (0.078, -0.05), (0.0795, -0.052)]
    inside = [(0.076, -0.05), (0.038, 0.028), (0, 0.046)]
    shade = s.lathe(outside + inside, paint, (-0.15, -0.085, 0.38))
    shade.rotation_euler = (0.25, 0.35, 0)
    arm = s.tube([*stem, (-0.14, -0.08, 0.41)], 0.0055, brass)
    s.group([s.lathe(foot, brass), arm, shade], at)


def keys(at: Vector3, turn: float, number: str, font: str) -> None:
    """Two keys on a ring, and a tag with a number that leans against what is behind it."""
    steel, brass = m.metal("#b9bcc0", 0.22), m.metal("#c4a05a", 0.28)
    radius, lean = 0.0135, radians(68)
    left, height = -0.0178 - radius * 0.86, 0.0075
    circle = [(radius * cos(pi * k / 12), radius * sin(pi * k / 12)) for k in range(24)]
    ring = [(left + x, 0.92 * y - 0.002, height + 0.12 * x + 0.38 * y) for x, y in circle]
    second = [(x - 0.0004, y + 0.0003, z + 0.0017) for x, y, z in ring]
    teeth = (0.0012, 0.0022, 0.0009, 0.0019, 0.0014, 0.0006)
    other = (0.0018, 0.0008, 0.0016, 0.0022, 0.001)
    parts = [
        s.group(_tag(number, font), (0, 0, 0.01025 * sin(lean) + 0.0006), (68, 0, 0)),
        s.tube(ring, 0.0009, steel, cyclic=True),
        s.tube(second, 0.0009, steel, cyclic=True),
        s.group(_key(brass, teeth, 0.0115), (left - 0.0085, -0.017, 0.0016), (3, 1.5, 203)),
        s.group(_key(steel, other, 0.0105), (left + 0.001, -0.0215, 0.0032), (-5, 2.2, 246)),
    ]
    s.group(parts, at, (0, 0, turn))


def _tag(number: str, font: str) -> list[Any]:
    width, height, hole, ink = 0.046, 0.0205, -0.0178, m.plain("#3a2b26", 0.5)
    rim = s.rounded(width, height, 0.006)
    face = s.rounded(width - 0.003, height - 0.003, 0.0046)
    back = s.plate(rim, [s.circle(hole, 0.0024)], 0.0022, m.metal("#b8924f", 0.3), 0.0005)
    front = s.plate(face, [s.circle(hole, 0.0034)], 0.0006, m.enamel(), 0.0001)
    word, figures = s.letters("ROOM", 0.0036, ink, font), s.letters(number, 0.0074, ink, font)
    return [
        back,
        s.placed(front, (0, 0, 0.0011)),
        s.placed(word, (0.0035, 0.0047, 0.00145)),
        s.placed(figures, (0.0035, -0.0022, 0.00145)),
    ]


def _key(material: Any, teeth: tuple[float, ...], bow: float) -> list[Any]:
    """Lies in the xy plane: the bow around the origin, the blade along x."""
    line, x = [(0.0085, 0.0032), (0.044, 0.0032), (0.0475, 0.0008)], 0.0465
    for cut in teeth:
        line += [(x, cut - 0.0032), (x - 0.00198, cut - 0.0032)]
        x -= 0.0036
    line += [(x, -0.0034), (0.0085, -0.0034)]
    groove = s.box((0.034, 0.0007, 0.0002), (0.027, 0.0012, 0.00112), m.plain("#3a3026", 0.6), 0)
    hole = s.circle(-0.0055, 0.0032)
    return [
        s.plate(line, [], 0.0021, material, 0.0003),
        s.plate(s.circle(0, bow), [hole], 0.0024, material, 0.0005),
        groove,
    ]
