"""The words that the rules know, and what each list is for. All are stems (`stem`)."""

from __future__ import annotations

import re

_SUFFIX = re.compile(r"(?<=[a-z]{3})(ing|ed|en|es|(?<![su])(?<!i)s|e)$")


def stem(word: str) -> str:
    """Roughly one form for `hold`, `holds`, `holding`, for `dog`, `dogs` and `wood`, `wooden`."""
    bare = _SUFFIX.sub("", word)
    is_doubled = bare[-1:] == bare[-2:-1] and bare[-1:] in "bdgmnpt"  # running, run
    return bare[:-1] if is_doubled and bare != word else bare


def _in_order(text: str) -> list[str]:
    return text.split()


def word_set(text: str) -> frozenset[str]:
    """The stems of the words in a text."""
    return frozenset(map(stem, text.split()))


NEGATIONS = word_set("""
    not no never none neither nor without nothing nobody nowhere non false untrue incorrect wrong
    lack absent except instead rather unlike 不 没 无 非 否
""")
"""Words that turn a statement around. `n't` is read as "not"."""

OPEN_HEDGES = word_set("about around least most fewer")
"""Words in front of a number that leave it open."""

HEDGES = word_set("""
    you between approximately roughly nearly almost 约
    or either might may unsure uncertain unclear unknown ambiguous depend alternatively versus vs
    otherwise sometimes unable impossible whether if could 或 可能 也许
""")
"""Words by which an answer leaves open what it says, unless the reference says them too."""

MILD_HEDGE = re.compile(
    r"\b(?:(?:most )?(?:probably|likely|presumably|apparently|perhaps|possibly|maybe)"
    r"|i (?:think|believe|guess)"
    r"|looks? (?:like|to be)|looking like)\b|好像|看起来像?",
    re.IGNORECASE,
)
"""One candidate, and a doubt about it: never right and never wrong by rule."""

LINKS = word_set("""
    a an the of to in on at for by from as that which who where while when its his her their behind
    beside near over under above below inside outside around through into than with against
""")
"""Words after which an answer may go on about something else: "an umbrella in the rain"."""

PRONOUNS = word_set("it its he she they this that these there his her their i we 它 他 她 这 那")

ORDINARY = word_set("""
    visible show shown display depict appear seem look locate situate position place sit lie
    lying hang rest lean hold carry wear worn say read write written print call name label mark date
    cost weigh make made belong contain indicate use color colour shade side type kind sort hand
    unit text thing object item word letter number logo brand material shape price time
    big large small little tiny huge tall long wide old new young soft fresh bright plain
    pretty nice single sized clear clearly currently very quite right-hand fully away
    色 做 手 拿 穿
""")
"""Words that an answer may add without saying anything else."""

SPATIAL = word_set("""
    left right above below behind front top bottom upper lower middle center inside outside far
    north south east west beside near against 左 右 上 下 前 后
""")
COLOURS = word_set("""
    off half
    red orange yellow green blue purple violet pink brown black white gray silver gold beige cyan
    magenta turquoise maroon crimson navy teal tan light dark pale deep 深 浅 红 黄 绿 蓝 黑 白 灰
""")
STATES = word_set("open closed off larger smaller taller shorter 大 小 开 关")
KINDS = (SPATIAL, COLOURS, STATES)
ATTRIBUTES = SPATIAL | COLOURS | STATES
"""Words that answer questions by themselves, and so count even where the question says them."""

FUNCTION = (
    PRONOUNS
    | (LINKS - ATTRIBUTES)
    | word_set("""
    a an the those them here is are was were be being been has have had do does did of to in on at
    for by with from as and so then which who whom what where when how why can could we see seen
    will would just am s image picture photograph figure chart graph diagram according based answer
    final correct value therefore thus hence because total all both also only some any each exactly
    indeed anyone anybody anything someone somebody something you your i've there's tell
    一 的 了 是 在 有 中 里 边 面 着 图 共 总 个 只 把 辆 张 条 块 位 名 本 上面 它
""")
)
"""Words without content of their own."""

RELATIONS = (SPATIAL - {"middle"}) | word_set("""
    over larger smaller bigger taller shorter higher older younger more less greater than on in
    before after give hold push pull chase follow face 比 给
""")
"""Words that say who stands how to whom: with them, the order of the others matters."""

SYNONYMS = {
    "grey": "gray", "shut": "closed", "centre": "center", "under": "below", "underneath": "below",
    "beneath": "below",
    "bike": "bicycle", "tv": "television", "automobile": "car", "couch": "sofa", "lady": "woman",
    "nope": "no", "yeah": "yes", "yep": "yes", "photo": "image", "cellphone": "phone",
    "cannot": "not", "dont": "not", "isnt": "not", "doesnt": "not", "leftmost": "left",
    "men": "man", "women": "woman", "people": "person", "children": "child", "ft": "foot",
    "first": "1th", "second": "2th", "third": "3th", "fourth": "4th", "fifth": "5th",
    "sixth": "6th", "seventh": "7th", "eighth": "8th", "ninth": "9th", "tenth": "10th",
}  # fmt: skip
"""One word for several that mean the same."""

PHRASES = {
    "in front of": "front", "on top of": "above", "next to": "beside", "no one": "nobody",
    "to the left of": "left", "to the right of": "right", "left-hand": "left", "-hand": " ",
    "as well as": "and", "off-": "off ", "没有": "没", "不是": "不", "no doubt": " ",
    "without a doubt": " ", "not at all": "no", "without doubt": " ", "nothing but": " ",
    "anything but": "not", "used to be": "not",
    "none other than": " ", "looking at": "watch", "looks at": "watch",
}  # fmt: skip
"""Several words that are one, or none."""

YES_NO = {
    **dict.fromkeys(map(stem, ("yes", "true", "correct", "indeed", "是", "对", "有")), True),
    **dict.fromkeys(
        map(stem, ("no", "false", "incorrect", "none", "nobody", "不", "否", "没", "无")), False
    ),
}
"""What the first word of an answer says to a yes-no question."""

_PAIRS = """
    open closed|lit off|full empty|wet dry|light dark|old young|clean dirty|hot cold
    |alive dead|day night|same different|tall short|big small
    |large small|happy sad|standing sitting|up down|asleep awake|male female|开 关|亮 灭
"""
OPPOSITES = [(stem(a), stem(b)) for a, b in map(str.split, _PAIRS.split("|"))]
"""Of two such words the one means that the other is not so."""

_GREEK = zip(
    "αβγδεθλμπρσφωΓΔΘΛΠΣΦΩ",
    _in_order(
        "alpha beta gamma delta epsilon theta lambda mu pi rho sigma phi omega Gamma "
        "Delta Theta Lambda Pi Sigma Phi Omega"
    ),
    strict=True,
)
GREEK = {letter: f"\\{name} " for letter, name in _GREEK}
"""Greek letters as LaTeX."""

FUNCTION_NAMES = frozenset(_in_order("sin cos tan cot sec csc log ln exp sqrt pi max min"))
"""Words that belong into a formula."""

SCALES = {
    "dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9,
    "trillion": 10**12, "千": 10**3, "万": 10**4, "亿": 10**8,
}  # fmt: skip
_ONES = _in_order(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen "
    "fourteen fifteen sixteen seventeen eighteen nineteen"
)
_TENS = {
    word: 10 * place
    for place, word in enumerate(
        _in_order("twenty thirty forty fifty sixty seventy eighty ninety"), start=2
    )
}
NUMBER_WORDS = (
    {word: value for value, word in enumerate(_ONES)}
    | _TENS
    | {f"{ten}-{_ONES[one]}": value + one for ten, value in _TENS.items() for one in range(1, 10)}
)
"""`zero` to `ninety-nine`."""

CHINESE_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九十")} | {"两": 2}
"""A digit in front of what it counts; longer Chinese numbers are not read."""
