"""Materials of the desk scene, all procedural: no picture of anybody's is used."""

from __future__ import annotations

from typing import Any

import bpy

Colour = tuple[float, float, float, float]


def colour(text: str, brightness: float = 1.0) -> Colour:
    """A web colour such as `#a8442f` as linear red, green, blue, alpha."""
    parts = [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    red, green, blue = (brightness * part for part in linear)
    return red, green, blue, 1.0


class Shader:
    """A principled material under construction; its methods add nodes and return their outputs."""

    def __init__(self, **values: Any) -> None:
        self.material = bpy.data.materials.new("material")
        self.material.use_nodes = True
        self._tree = self.material.node_tree
        self.surface = self._tree.nodes["Principled BSDF"]
        for name, value in values.items():
            self.surface.inputs[name.replace("_", " ")].default_value = value

    def node(self, kind: str, inputs: dict[Any, Any], **options: Any) -> Any:
        """A node; an input is a number or colour, or another node's output."""
        node = self._tree.nodes.new("ShaderNode" + kind)
        for name, value in options.items():
            setattr(node, name, value)
        for name, value in inputs.items():
            self._join(value, node.inputs[name])
        return node

    def _join(self, value: Any, socket: Any) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self._tree.links.new(value, socket)
        else:
            socket.default_value = value

    def finish(self, **sockets: Any) -> Any:
        """Connect outputs to the principled surface; the material."""
        for name, value in sockets.items():
            self._join(value, self.surface.inputs[name.replace("_", " ")])
        return self.material

    def replace_surface(self, output: Any) -> Any:
        """Show another shader instead of the principled one; the material."""
        self._join(output, self._tree.nodes["Material Output"].inputs[0])
        return self.material

    def place(self, scale: Any = (1, 1, 1), *, varied: bool = False, kind: str = "Object") -> Any:
        """Coordinates in metres; `varied`: elsewhere in the pattern for every object."""
        source = self.node("TexCoord", {}).outputs[kind]
        if varied:
            offset = self.math("MULTIPLY", self.node("ObjectInfo", {}).outputs["Random"], 37.0)
            source = self.node("VectorMath", {0: source, 1: offset}, operation="ADD").outputs[0]
        return self.node("Mapping", {"Vector": source, "Scale": scale}).outputs[0]

    def noise(self, place: Any, scale: float, detail: float, rough: float = 0.6) -> Any:
        """Fractal noise around 0.5."""
        inputs = {"Vector": place, "Scale": scale, "Detail": detail, "Roughness": rough}
        return self.node("TexNoise", inputs).outputs[0]

    def math(self, operation: str, *values: Any) -> Any:
        """One arithmetic operation."""
        return self.node("Math", dict(enumerate(values)), operation=operation).outputs[0]

    def span(self, value: Any, low: Any, high: Any, start: Any = 0.0, end: Any = 1.0) -> Any:
        """`start` to `end` mapped to `low` to `high`, clamped."""
        return self.node("MapRange", {0: value, 1: start, 2: end, 3: low, 4: high}).outputs[0]

    def mix(self, share: Any, first: Any, second: Any, blend: str = "MIX") -> Any:
        """Two colours mixed."""
        inputs = {0: share, 6: first, 7: second}
        return self.node("Mix", inputs, data_type="RGBA", blend_type=blend).outputs[2]

    def ramp(self, value: Any, *stops: tuple[float, str]) -> Any:
        """A colour by value."""
        node = self.node("ValToRGB", {"Fac": value})
        elements = node.color_ramp.elements
        for _ in stops[2:]:
            elements.new(0.5)
        for element, (position, text) in zip(elements, stops, strict=True):
            element.position, element.color = position, colour(text)
        return node.outputs[0]

    def bump(self, height: Any, strength: float, metres: float, normal: Any = None) -> Any:
        """A normal tilted by a height, on top of another one."""
        inputs = {"Height": height, "Strength": strength, "Distance": metres}
        return self.node("Bump", inputs | ({} if normal is None else {"Normal": normal})).outputs[0]


def plain(text: str, rough: float, bump: float = 0.0, grain: float = 80, **more: Any) -> Any:
    """One colour, with a grain where `bump` is given."""
    shader = Shader(Base_Color=colour(text), Roughness=rough, **more)
    if bump:
        shader.finish(Normal=shader.bump(shader.noise(shader.place(), grain, 5), bump, 0.0008))
    return shader.material


def wood(
    tones: tuple[str, str, str, str] = ("#5a3a22", "#8a5f3a", "#a9794d", "#b98a5c"),
    along: tuple[float, float, float] = (1.0, 9.0, 9.0),
) -> Any:
    """Oiled wood; `along` stretches the grain. Every board differs a little."""
    s = Shader()
    place = s.place(along, varied=True)
    inputs = {"Vector": place, "Scale": 3.2, "Detail": 4.0, "Roughness": 0.65, "Distortion": 1.4}
    rings = s.node("TexNoise", inputs).outputs[0]
    fibres = tuple(a * b for a, b in zip(along, (1.5, 9, 9), strict=True))
    fine = s.noise(s.place(fibres, varied=True), 9, 2, 0.75)
    base = s.ramp(rings, *zip((0.30, 0.43, 0.56, 0.75), tones, strict=True))
    base = s.mix(0.55, base, s.ramp(fine, (0.34, "#4a3220"), (0.5, "#ffffff")), "MULTIPLY")
    board = s.node("ObjectInfo", {}).outputs["Random"]
    change = {"Color": base, "Value": s.span(board, 0.82, 1.12)}
    base = s.node("HueSaturation", change | {"Saturation": s.span(board, 0.92, 1.04)}).outputs[0]
    worn = s.span(s.noise(s.place(), 7, 2), 0.30, 0.5, 0.3, 0.7)
    return s.finish(Base_Color=base, Roughness=worn, Normal=s.bump(fine, 0.3, 0.0006))


def plaster(text: str) -> Any:
    """A painted wall."""
    s = Shader(Roughness=0.85)
    place = s.place()
    patches = s.span(s.noise(place, 2.2, 2), 0, 1, 0.35, 0.65)
    base = s.mix(patches, colour(text), colour(text, 0.9))
    return s.finish(Base_Color=base, Normal=s.bump(s.noise(place, 60, 3), 0.14, 0.002))


def cloth(text: str, weave: float = 143) -> Any:
    """Bookbinder's cloth."""
    s = Shader(Roughness=0.8, Sheen_Weight=0.25)
    place = s.place(varied=True)
    inputs = {"Vector": place, "Scale": weave, "Distortion": 1.0}
    warp, weft = (s.node("TexWave", inputs, bands_direction=d).outputs[1] for d in "XZ")
    patches = s.span(s.noise(place, 25, 6), 0, 1, 0.3, 0.7)
    base = s.mix(patches, colour(text), colour(text, 0.72))
    return s.finish(Base_Color=base, Normal=s.bump(s.math("ADD", warp, weft), 0.35, 0.0003))


def pages() -> Any:
    """The edges of a book's pages."""
    s = Shader(Roughness=0.9)
    lines = s.noise(s.place((6, 6, 1400), varied=True), 1.0, 3, 0.7)
    base = s.ramp(lines, (0.3, "#b7a888"), (0.5, "#e6dcc5"), (0.7, "#efe7d4"))
    return s.finish(Base_Color=base, Normal=s.bump(lines, 0.5, 0.0005))


def speckled(text: str, grain: float, *stops: tuple[float, str]) -> Any:
    """A dull material of three shades: kraft paper, terracotta."""
    s = Shader(Roughness=0.82, Base_Color=colour(text))
    noise = s.noise(s.place(varied=True), grain, 6, 0.65)
    fine = s.noise(s.place(), 180, 5)
    return s.finish(Base_Color=s.ramp(noise, *stops), Normal=s.bump(fine, 0.2, 0.0006))


def stoneware(glaze: str, speck: str, line: float) -> Any:
    """Speckled glaze above the height `line`, bare clay below."""
    s = Shader()
    place = s.place()
    height = s.node("SeparateXYZ", {0: place}).outputs[2]
    edge = s.math("ADD", height, s.span(s.noise(place, 40, 4), -0.006, 0.006))
    glazed = s.span(edge, 0, 1, line - 0.0006, line + 0.0006)
    cells = s.node("TexVoronoi", {"Vector": place, "Scale": 260.0}).outputs[0]
    some = s.span(s.noise(place, 90, 2), 0, 0.8, 0.52, 0.58)
    specks = s.math("MULTIPLY", s.span(cells, 1, 0, 0.10, 0.22), some)
    cloud = s.span(s.noise(place, 18, 5), 0, 1, 0.3, 0.7)
    top = s.mix(specks, s.mix(cloud, colour(glaze), colour(glaze, 0.86)), colour(speck))
    rough = s.span(s.noise(place, 200, 4), 0, 1, 0.3, 0.7)
    clay = s.mix(rough, colour("#8a6a4f"), colour("#8a6a4f", 0.75))
    normal = s.bump(s.noise(place, 420, 3), 0.15, 0.0004)
    normal = s.bump(s.noise(place, 30, 3), 0.06, 0.002, normal)
    shine = s.span(glazed, 0.75, 0.16)
    return s.finish(Base_Color=s.mix(glazed, clay, top), Roughness=shine, Normal=normal)


def metal(text: str, rough: float) -> Any:
    """Metal that has been handled."""
    s = Shader(Metallic=1.0, Base_Color=colour(text))
    place = s.place(varied=True)
    wear = s.noise(place, 160, 6)
    normal = s.bump(s.noise(place, 1400, 2), 0.06, 0.0002, s.bump(wear, 0.08, 0.0004))
    return s.finish(Roughness=s.span(wear, rough * 0.6, rough * 1.7, 0.3, 0.7), Normal=normal)


def enamel() -> Any:
    """The face of the tag."""
    s = Shader(Roughness=0.3, Coat_Weight=0.3)
    place = s.place()
    stains = s.span(s.noise(place, 260, 6), 0, 1, 0.52, 0.72)
    base = s.mix(stains, colour("#f0e8d4"), colour("#c9b88f"))
    return s.finish(Base_Color=base, Normal=s.bump(s.noise(place, 900, 3), 0.06, 0.0003))


def coffee() -> Any:
    """Coffee in a cup: lighter at the rim."""
    s = Shader(Roughness=0.04)
    radius = s.node("VectorMath", {0: s.place()}, operation="LENGTH").outputs["Value"]
    rim = s.span(radius, 0, 1, 0.0335, 0.037)
    return s.finish(Base_Color=s.mix(rim, colour("#1d0f08"), colour("#8a5c34")))


def leaf() -> Any:
    """A leaf with veins that lets light through; u across, v along."""
    s = Shader(Roughness=0.32, Specular_IOR_Level=0.45)
    across, along, _ = s.node("SeparateXYZ", {0: s.place(kind="UV")}).outputs
    off = s.math("ABSOLUTE", s.math("SUBTRACT", across, 0.5))
    wave = s.math("SINE", s.math("MULTIPLY", s.math("MULTIPLY_ADD", off, -0.9, along), 62.0))
    veins = s.math("MAXIMUM", s.span(wave, 0, 1, 0.93, 1.0), s.span(off, 1, 0, 0.008, 0.03))
    patch = s.noise(s.place(varied=True), 22, 5)
    age = s.math("ADD", s.node("ObjectInfo", {}).outputs["Random"], s.span(patch, -0.3, 0.3))
    green = s.ramp(age, (0.0, "#1f3d1c"), (0.55, "#33602a"), (1.0, "#5d8a3a"))
    base = s.mix(s.math("MULTIPLY", veins, 0.35), green, colour("#9bbb6b"))
    normal = s.bump(veins, -0.3, 0.0008, s.bump(patch, 0.2, 0.001))
    s.finish(Base_Color=base, Normal=normal)
    return _translucent(s, 0.28, s.mix(0.5, base, colour("#a7c93f")))


def linen() -> Any:
    """A light curtain."""
    s = Shader(Roughness=0.95)
    threads = [s.noise(s.place(size, kind="UV"), 1, 3) for size in ((450, 12, 1), (3, 1800, 1))]
    weave = s.math("ADD", *threads)
    base = s.ramp(weave, (0.35, "#d9d0c0"), (0.65, "#f3eee5"))
    s.finish(Base_Color=base, Normal=s.bump(weave, 0.3, 0.0005))
    return _translucent(s, 0.45, colour("#f6efe2"))


def _translucent(s: Shader, share: float, through: Any) -> Any:
    light = s.node("BsdfTranslucent", {"Color": through}).outputs[0]
    return s.replace_surface(
        s.node("MixShader", {0: share, 1: s.surface.outputs[0], 2: light}).outputs[0]
    )


def garden() -> Any:
    """What is outside the window: bright leaves and sky, far out of focus. Gives light itself."""
    s = Shader()
    place = s.place()
    height = s.node("SeparateXYZ", {0: place}).outputs[2]
    sky = s.ramp(s.span(height, 0, 1, -1.5, 3.5), (0, "#dfe9ee"), (1, "#a9cbe6"))
    leaves = s.ramp(s.noise(place, 1.3, 2), (0.3, "#4d6430"), (0.5, "#7f9650"), (0.68, "#c6cf92"))
    tree = s.math("ADD", s.noise(place, 0.8, 2), s.span(height, 0.22, -0.28, -1.5, 3.2))
    seen = s.mix(s.span(tree, 0, 1, 0.46, 0.54), sky, leaves)
    light = s.node("Emission", {"Color": seen, "Strength": 4.6}).outputs[0]
    material = s.replace_surface(light)
    material.cycles.emission_sampling = "NONE"  # the lamps light the room with less noise
    return material


def print_on_paper() -> Any:
    """An abstract print for the frame on the wall."""
    s = Shader(Roughness=0.7)
    inputs = {"Vector": s.place(), "Scale": 7.0, "Detail": 3.0, "Distortion": 1.2}
    noise = s.node("TexNoise", inputs).outputs[0]
    stops = ((0.36, "#2f4858"), (0.46, "#86a59c"), (0.52, "#e3d5b8"), (0.62, "#d98e5f"))
    return s.finish(Base_Color=s.ramp(noise, *stops))


def clear(refraction: float) -> Any:
    """Glass or water."""
    return Shader(Roughness=0.0, IOR=refraction, Transmission_Weight=1.0).finish(
        Base_Color=colour("#ffffff")
    )
