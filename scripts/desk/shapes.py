"""Shapes for the desk scene: thin helpers over Blender's meshes and curves; metres, degrees."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import bpy

Vector3 = tuple[float, float, float]
Points2 = list[tuple[float, float]]


def link(item: Any) -> Any:
    """Put a new object into the scene and return it."""
    bpy.context.scene.collection.objects.link(item)
    return item


def group(parts: Iterable[Any], at: Vector3, turn: Vector3 = (0, 0, 0)) -> Any:
    """An empty that carries the parts, moved and turned as one."""
    parent = link(bpy.data.objects.new("group", None))
    for part in parts:
        part.parent = parent
    return placed(parent, at, turn)


def placed(item: Any, at: Vector3, turn: Vector3 = (0, 0, 0)) -> Any:
    """The same object, moved and turned."""
    item.location, item.rotation_euler = at, [math.radians(angle) for angle in turn]
    return item


def solid(
    points: Sequence[Vector3],
    faces: Sequence[tuple[int, ...]],
    material: Any,
    *,
    bevel: float = 0.0,
    subdivide: int = 0,
) -> Any:
    """A smooth mesh; `bevel`: the radius of its sharp edges."""
    mesh = bpy.data.meshes.new("mesh")
    mesh.from_pydata(points, [], faces)
    mesh.update()
    mesh.materials.append(material)
    for face in mesh.polygons:
        face.use_smooth = True
    item = link(bpy.data.objects.new("solid", mesh))
    if bevel:
        edges = item.modifiers.new("bevel", "BEVEL")
        edges.width, edges.segments, edges.limit_method = bevel, 3, "ANGLE"
        edges.harden_normals = True
    if subdivide:
        finer = item.modifiers.new("subdivision", "SUBSURF")
        finer.levels = finer.render_levels = subdivide
    return item


def box(size: Vector3, at: Vector3, material: Any, bevel: float = 0.001) -> Any:
    """A cuboid with its centre at `at`."""
    signs = [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]
    points = [(x * size[0], y * size[1], z * size[2]) for x, y, z in signs]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return placed(solid(points, faces, material, bevel=bevel), at)


def lathe(profile: Points2, material: Any, at: Vector3 = (0, 0, 0), subdivide: int = 1) -> Any:
    """A body of revolution around z; the profile is (radius, height) from the inside out."""
    steps, count = 72, len(profile)
    points, faces = [], []
    for step in range(steps):
        angle = 2 * math.pi * step / steps
        points += [(r * math.cos(angle), r * math.sin(angle), z) for r, z in profile]
        here, there = step * count, (step + 1) % steps * count
        faces += [(here + k, there + k, there + k + 1, here + k + 1) for k in range(count - 1)]
    return placed(solid(points, faces, material, subdivide=subdivide), at)


def sheet(columns: int, rows: int, place: Any, material: Any, *, subdivide: int = 0) -> Any:
    """A bent surface: `place(u, v)` gives a point for 0 to 1; u and v are its texture's too."""
    wide = columns + 1
    points = [place(i / columns, j / rows) for j in range(rows + 1) for i in range(wide)]
    corners = [j * wide + i for j in range(rows) for i in range(columns)]
    faces = [(k, k + 1, k + wide + 1, k + wide) for k in corners]
    item = solid(points, faces, material, subdivide=subdivide)
    layer = item.data.uv_layers.new()
    for loop in item.data.loops:
        row, column = divmod(loop.vertex_index, wide)
        layer.data[loop.index].uv = (column / columns, row / rows)
    return item


def tube(
    points: Sequence[Vector3],
    radius: float,
    material: Any,
    *,
    cyclic: bool = False,
    radii: Sequence[float] | None = None,
) -> Any:
    """A round tube along a smooth line; `radii`: factors of the radius, one a point."""
    curve = bpy.data.curves.new("tube", "CURVE")
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution = "3D", radius, 6
    curve.use_fill_caps = True
    spline = curve.splines.new("NURBS")
    spline.points.add(len(points) - 1)
    for number, point in enumerate(points):
        spline.points[number].co = (*point, 1)
        spline.points[number].radius = radii[number] if radii else 1
    spline.use_cyclic_u, spline.use_endpoint_u, spline.order_u = cyclic, not cyclic, 4
    curve.materials.append(material)
    return link(bpy.data.objects.new("tube", curve))


def plate(outline: Points2, holes: list[Points2], thick: float, material: Any, bevel: float) -> Any:
    """A flat piece with holes, in the xy plane."""
    curve = bpy.data.curves.new("plate", "CURVE")
    curve.dimensions, curve.fill_mode = "2D", "BOTH"
    curve.extrude, curve.bevel_depth, curve.bevel_resolution = thick / 2 - bevel, bevel, 2
    for line in (outline, *holes):
        spline = curve.splines.new("POLY")
        spline.points.add(len(line) - 1)
        for number, (x, y) in enumerate(line):
            spline.points[number].co = (x, y, 0, 1)
        spline.use_cyclic_u = True
    curve.materials.append(material)
    return link(bpy.data.objects.new("plate", curve))


def letters(text: str, size: float, material: Any, font: str) -> Any:
    """Raised letters in the xy plane, centred."""
    curve = bpy.data.curves.new("letters", "FONT")
    curve.body, curve.size, curve.extrude = text, size, 0.0001
    curve.align_x = curve.align_y = "CENTER"
    curve.font = bpy.data.fonts.load(font, check_existing=True)
    curve.materials.append(material)
    return link(bpy.data.objects.new("letters", curve))


def circle(x: float, radius: float) -> Points2:
    """A circle's outline around (x, 0)."""
    angles = [2 * math.pi * k / 40 for k in range(40)]
    return [(x + radius * math.cos(a), radius * math.sin(a)) for a in angles]


def rounded(width: float, height: float, radius: float) -> Points2:
    """The outline of a rectangle with round corners."""
    x, y = width / 2 - radius, height / 2 - radius
    corners = [(x, y, 0), (-x, y, 90), (-x, -y, 180), (x, -y, 270)]
    turns = [(cx, cy, math.radians(start + 9 * k)) for cx, cy, start in corners for k in range(11)]
    return [(cx + radius * math.cos(a), cy + radius * math.sin(a)) for cx, cy, a in turns]
