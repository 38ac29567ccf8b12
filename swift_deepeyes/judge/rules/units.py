"""Units of measure: prefix and base, so that each needs one entry. `5 mW` is not `5 MW`."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple


class Unit(NamedTuple):
    """So many of a base unit, which may be a square or a cube: `cm²` is 1/10000 of `m²`."""

    base: str
    factor: Fraction = Fraction(1)


_SYMBOL_PREFIXES = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "\u03bc": Fraction(1, 10**6),
    "m": Fraction(1, 1000), "c": Fraction(1, 100), "d": Fraction(1, 10),
    "k": Fraction(1000), "M": Fraction(10**6), "G": Fraction(10**9),
}  # fmt: skip
_NAME_PREFIXES = {
    "nano": "n", "micro": "u", "milli": "m", "centi": "c", "deci": "d", "kilo": "k", "mega": "M",
    "giga": "G", "毫": "m", "厘": "c", "分": "d", "千": "k", "兆": "M",
}  # fmt: skip
_BASES = {
    "m": "meter metre 米", "g": "gram gramme 克", "l": "liter litre 升", "W": "watt 瓦",
    "V": "volt 伏", "A": "amp ampere 安", "N": "newton 牛", "J": "joule 焦", "Pa": "pascal 帕",
    "Hz": "hertz 赫兹", "\u03a9": "ohm 欧姆", "s": "second sec 秒",
}  # fmt: skip
_OTHERS = {
    "L": "1 l", "tonne": "1000000 g", "t": "1000000 g", "吨": "1000000 g",
    "公里": "1000 m", "公斤": "1000 g", "斤": "500 g", "min": "60 s", "minute": "60 s",
    "分钟": "60 s", "h": "3600 s", "hr": "3600 s", "hour": "3600 s", "小时": "3600 s",
    "day": "1 day", "天": "1 day", "week": "7 day", "year": "1 year", "yr": "1 year",
    "年": "1 year", "inch": "1 inch", "foot": "12 inch", "feet": "12 inch", "ft": "12 inch",
    "mile": "1 mile", "mi": "1 mile", "lb": "1 lb", "pound": "1 lb", "°": "1 deg",
    "degree": "1 deg", "deg": "1 deg", "度": "1 deg", "rad": "1 rad", "°c": "1 °C",
    "celsius": "1 °C", "°f": "1 °F", "fahrenheit": "1 °F", "%": "1 %", "percent": "1 %",
    "pct": "1 %", "percentage": "1 %", "$": "1 $", "usd": "1 $", "dollar": "1 $", "cent": "1/100 $",
    "€": "1 €", "eur": "1 €", "euro": "1 €", "£": "1 £", "gbp": "1 £", "¥": "1 ¥", "元": "1 ¥",
    "yuan": "1 ¥", "mph": "1 mph", "km/h": "1 km/h", "kph": "1 km/h", "m/s": "1 m/s",
}  # fmt: skip
PLURAL = re.compile(r"(?<=ch)es$|s$")
_POWERS = {"^2": 2, "^3": 3, "2": 2, "3": 3}


def _table() -> dict[str, Unit]:
    units = {
        name: Unit(base, Fraction(factor))
        for name, (factor, base) in ((name, text.split()) for name, text in _OTHERS.items())
    }
    for base, names in _BASES.items():
        units |= dict.fromkeys((base, *names.split()), Unit(base))
        for prefix, factor in _SYMBOL_PREFIXES.items():
            units[prefix + base] = Unit(base, factor)
        for prefix, symbol in _NAME_PREFIXES.items():
            scaled = Unit(base, _SYMBOL_PREFIXES[symbol])
            units |= {prefix + name: scaled for name in names.split()}
    return units


UNITS = _table()


def read_unit(word: str) -> Unit | None:
    """The unit that a word is: `cm`, `centimeters`, `cm^2`, `km/h`, `厘米`; None: it is none.

    Upper and lower case differ, but "KG" is read as kilograms: nothing else is spelled so.
    """
    for spelling in (word, word.lower())[: len(word)]:
        for end, power in (("", 1), *_POWERS.items()):
            stem = spelling.removesuffix(end)
            if end and stem == spelling:
                continue
            unit = UNITS.get(stem) or (UNITS.get(PLURAL.sub("", stem)) if len(stem) > 2 else None)
            if unit and power == 1:
                return unit
            if unit and unit.base in ("m", "inch", "mile"):
                return Unit(f"{unit.base}^{power}", unit.factor**power)
    return None
