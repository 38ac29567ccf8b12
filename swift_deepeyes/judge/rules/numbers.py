r"""Numbers and units: `1,200 cm`, `\frac{3}{4}`, `five`, `$3.50`, `12 %`, `2010-2020`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from swift_deepeyes.judge.rules.lexicon import CHINESE_DIGITS, NUMBER_WORDS, SCALES
from swift_deepeyes.judge.rules.text import canonical
from swift_deepeyes.judge.rules.units import UNITS, read_unit

MAX_DIGITS = 40  # longer numbers are not compared as numbers
PLAIN = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
NUMBER = re.compile(
    rf"(?P<sign>(?<![\w)}}%])(?<![\w)}}%]\s)[-+]\s?)?(?:(?P<money>[$€£¥]\s?)(?P<sign2>-)?)?"
    rf"(?:(?P<whole>\d+)\s+(?P<top2>\d+)/(?P<bottom2>\d+)"
    rf"|(?P<top>\d+)\s*/\s*(?P<bottom>\d+)|(?P<plain>{PLAIN}))"
    rf"(?:\s*(?:e|[x\u00d7*]\s*10\s*\^)\s*(?P<power>-?\d{{1,2}})(?![\d.]))?"
)
LATEX_FRACTION = re.compile(r"\\[dt]?frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}")
LATEX_SHORT_FRACTION = re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)(?!\d)")
LATEX_SPELLING = (
    ("\\%", "%"), ("\\$", "$"), ("^\\circ", "°"), ("^{\\circ}", "°"), ("\\degree", "°"),
    ("\\times", "\u00d7"), ("\\cdot", "\u00d7"),
    ("\\,", " "), ("\\;", " "), ("\\!", ""), ("\\ ", " "), ("~", " "), ("{,}", ","),
    ("^{2}", "^2"), ("^{3}", "^3"),
)  # fmt: skip
NUMBER_WORD = re.compile(
    r"(?<![\w-])(" + "|".join(sorted(NUMBER_WORDS, key=len, reverse=True)) + r")(?![\w-])",
    re.IGNORECASE,
)
PAIRS = (
    (re.compile(r"\bhalf a dozen\b|\ba half dozen\b", re.I), "6"),
    (re.compile(r"\ba (?:pair|couple)(?: of)?\b|一双|一对", re.I), "2"),
    (re.compile(r"\bno one\b", re.I), "nobody"),
    (re.compile(r"\ba single\b", re.I), "1"),
    (re.compile(r"\ba (?=dozen|hundred|thousand|million)", re.I), "1 "),
    (re.compile(r"\bno\. ?(?=\d)", re.I), "number "),
    (re.compile(r"\bper cent\b", re.I), "percent"),
)
CHINESE_NUMBER = re.compile(
    rf"(?<!第)[{''.join(CHINESE_DIGITS)}]+(?![共起样些定直下])(?=[^\W\d_a-z]|$)"
)
POWER_WORDS = re.compile(
    r"(平方|立方|\b(?:square|sq|cubic)\b\.?)\s*([a-z]+|[\u4e00-\u9fff]+)", re.I
)
DEGREES_OF = re.compile(r"\s*(?:°|\bdegrees?)\s*(c|f|celsius|fahrenheit)\b", re.IGNORECASE)
SIGN_WORD = re.compile(r"\b(?:minus|negative)\s+(?=[\d.$€£])", re.IGNORECASE)
UNIT = re.compile(
    r"\s*-?\s*(°[CcFf]\b|[$€£¥%°]|[a-zA-Z\u03bc\u03a9]+(?:/[a-z]+|\^?[23])?(?![\w^]))"
    r"|\s*([\u4e00-\u9fff]{1,3}(?:\^[23])?)"
)
# What may stand between and around the numbers of a sequence.
BETWEEN = re.compile(r"(?:[\s,;:(){}\[\]/.-]|\\[{}]|\band\b|\bto\b|\bfrom\b|和|到|至)*")


@dataclass(frozen=True)
class Quantity:
    """An exact value and its unit, where one was written."""

    value: Fraction
    unit: str | None = None

    def same_as(self, other: Quantity) -> bool:
        """Equal value, and units that do not contradict: a missing unit is taken as meant."""
        if self.unit is None or other.unit is None:
            return self.value == other.value or self._percent_of(other) or other._percent_of(self)
        return self._in_base() == other._in_base()

    def _in_base(self) -> Quantity:
        unit = read_unit(self.unit or "")
        return Quantity(self.value * unit.factor, unit.base) if unit else self

    def _percent_of(self, other: Quantity) -> bool:
        return self.unit == "%" and other.unit is None and self.value == 100 * other.value


def spell(text: str) -> str:
    """The text with LaTeX's, English and Chinese spellings of numbers and units made plain."""
    text = text.replace("\\$", "USD ")  # before the dollar signs of formulas go
    text = re.sub(r"(?<![\w$])\$\s?(?=\d[\d.,]*(?![\d.,]*\s*\$))", "USD ", text)
    text = canonical(text).replace("USD ", "$")
    for latex, plain in LATEX_SPELLING:
        text = text.replace(latex, plain)
    text = LATEX_FRACTION.sub(r" \1/\2", text)
    text = LATEX_SHORT_FRACTION.sub(r" \1/\2", text)
    text = re.sub(r"\u00d7\s*10\^\{(-?\d+)\}", "\u00d710^\\1", text)
    text = DEGREES_OF.sub(lambda match: "°" + match[1][0].upper(), text)
    text = POWER_WORDS.sub(lambda match: match[2] + ("^3" if match[1][0] in "立cC" else "^2"), text)
    text = re.sub(r"(?<=ty) (?=(?:one|two|three|four|five|six|seven|eight|nine)\b)", "-", text)
    for words, number in PAIRS:
        text = words.sub(number, text)
    text = NUMBER_WORD.sub(lambda match: str(NUMBER_WORDS[match[1].lower()]), text)
    text = CHINESE_NUMBER.sub(lambda match: _chinese(match[0]), text)
    return SIGN_WORD.sub("-", text)


def _chinese(digits: str) -> str:
    """`十二` as 12, `二十` as 20, `五六` ("five or six") as 5-6."""
    ten = re.fullmatch("([^十])?十([^十])?", digits)
    if ten and len(digits) > 1:
        return str(10 * CHINESE_DIGITS.get(ten[1] or "一", 1) + CHINESE_DIGITS.get(ten[2], 0))
    return "-".join(str(CHINESE_DIGITS[digit]) for digit in digits)


def read_quantity(text: str) -> Quantity | None:
    """The quantity that the whole text is, or None."""
    found, rest = find_quantities(text)
    return found[0] if len(found) == 1 and not rest.strip(" .{}()") else None


def read_sequence(text: str) -> list[Quantity] | None:
    """The quantities that the whole text lists, or None: `3:4`, `2010-2020`, `(3, -2)`."""
    found, rest = find_quantities(text)
    return found if found and BETWEEN.fullmatch(rest) else None


def find_quantities(text: str) -> tuple[list[Quantity], str]:
    """All quantities in running text, in order, and the text around them."""
    text = spell(text)
    found: list[Quantity] = []
    rest = ""
    position = 0
    for match in NUMBER.finditer(text):
        if match.start() < position or _glued(text, match):
            continue
        value = _value(match)
        if value is None:
            continue
        unit, end, value = _unit(text, match, value)
        rest += text[position : match.start()] + " "
        position = end
        found.append(Quantity(value, unit))
    return found, rest + text[position:]


def _glued(text: str, match: re.Match[str]) -> bool:
    """Part of a word or a longer token: "b12", "3.4.5"."""
    before = text[match.start() - 1] if match.start() else " "
    after = text[match.end() : match.end() + 2]
    is_in_word = before.isalnum() and before.isascii()
    return is_in_word or before in "._\\^" or (after[:1] in "._" and after[1:].isdigit())


def _value(match: re.Match[str]) -> Fraction | None:
    if len(match[0]) > MAX_DIGITS:
        return None
    if match["whole"]:
        parts = int(match["top2"]), int(match["bottom2"])
        base = Fraction(int(match["whole"])) + Fraction(*parts) if parts[1] else None
    elif match["top"]:
        base = Fraction(int(match["top"]), int(match["bottom"])) if int(match["bottom"]) else None
    else:
        base = Fraction(match["plain"].replace(",", ""))
    if base is None:
        return None
    negative = "-" in (match["sign"] or "") + (match["sign2"] or "")
    return (-base if negative else base) * Fraction(10) ** int(match["power"] or 0)


def _unit(text: str, match: re.Match[str], value: Fraction) -> tuple[str | None, int, Fraction]:
    """The unit, where it ends, and the value after "million" and the like."""
    end = match.end()
    unit = match["money"].strip() if match["money"] else None
    while following := UNIT.match(text, end):
        word, scale = _longest(following[1] or following[2])
        if scale:
            value *= scale
        elif word and (unit is None or unit == _money(word)):
            unit = "deg" if word == "°" else _money(word)
        else:
            break
        end = following.start() + following[0].index(word) + len(word)
    return unit, end, value


def _longest(word: str) -> tuple[str, int | None]:
    """A unit or a scale; of Chinese characters, which stand without spaces, as many as are one."""
    spellings = [word] if word.isascii() else [word[:n] for n in range(len(word), 0, -1)]
    for spelling in spellings:
        if spelling.lower() in SCALES:
            return spelling, SCALES[spelling.lower()]
        if read_unit(spelling):
            return spelling, None
    return "", None


def _money(unit: str) -> str:
    """`$` for "dollars": an amount may have its sign and its name."""
    known = UNITS.get(unit.lower()) or UNITS.get(unit.lower().removesuffix("s"))
    return known.base if known and known.factor == 1 and known.base in "$€£¥" else unit
