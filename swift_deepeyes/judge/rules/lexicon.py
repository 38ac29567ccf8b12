"""The words that the rules know, and what each list is for."""

from __future__ import annotations


def _in_order(text: str) -> list[str]:
    return text.split()


def _words(text: str) -> frozenset[str]:
    return frozenset(_in_order(text))


NEGATIONS = _words("""
    not no never none neither nor without nothing cannot nobody nowhere isn't aren't wasn't weren't
    doesn't don't didn't can't couldn't hasn't haven't won't wouldn't isnt arent dont except instead
    rather unlike non false untrue incorrect wrong lacks lacking absent 不 没 无 非 否
""")
"""Words that turn a statement around."""

OPEN_HEDGES = _words("""
    between about approximately roughly around nearly almost least most fewer you your 约
""")
"""Words by which an answer leaves open what it says, though not a yes or no."""

HEDGES = OPEN_HEDGES | _words("""
    or either maybe perhaps possibly might may unsure uncertain unclear unknown ambiguous depends
    guess alternatively versus vs otherwise sometimes unable impossible whether but however although
    though if could sure know clear tell certain determine determined 或 可能 也许
""")
"""Words by which an answer leaves open what it says, unless the reference says them too."""

VERBS = _words("is are was were has have had does do did can see shows contains will")
"""Words that make a statement of an answer; a few words out of the question are none."""

FILLERS = _words("""
    a an the this that these those it its they them their there here he she his her is are was were
    be being been has have had do does did of to in on at for by with from as and so then which who
    whom what where when how why i we can could see seen visible shown show shows appears appear
    appearing seems seem looks look looking located situated positioned placed position image
    picture photograph figure chart graph according based answer final correct side color colour
    colored coloured shade type kind hand made make wearing s am just will would called named value
    therefore thus hence because total carrying carries wears wear worn labeled labelled says reads
    unit units text any 的 了 是 在 有 中 里 边 面 色 做 着 图
""")
"""Words without content of their own between a question and its answer."""

ATTRIBUTES = _words("""
    left right above below behind front top bottom upper lower middle center inside outside near far
    north south east west red orange yellow green blue purple violet pink brown black white gray
    silver gold golden beige cyan magenta turquoise light dark pale bright open closed larger
    smaller taller shorter off 深 浅 左 右 上 下 前 后 红 黄 绿 蓝 黑 白 大 小 开 关
""")
"""Words that answer questions by themselves, and so count even where the question says them."""

RELATIONS = _words("""
    left right above below behind front top bottom under over inside outside before after larger
    smaller bigger taller shorter higher lower more less greater than north south east west gives
    giving holds holding pushing pulling chasing following facing on in 左 右 上 下 前 后
""")
"""Words that say who stands how to whom: with them, the order of the others matters."""

SYNONYMS = {
    "grey": "gray",
    "centre": "center",
    "lefthand": "left",
    "righthand": "right",
    "beneath": "below",
    "under": "below",
    "underneath": "below",
    "bike": "bicycle",
    "tv": "television",
    "automobile": "car",
    "couch": "sofa",
    "lady": "woman",
    "nope": "no",
    "yeah": "yes",
    "yep": "yes",
    "photo": "image",
    "cellphone": "phone",
    "doesnt": "doesn't",
    "leftmost": "left",
}
"""One word for several that mean the same."""

PHRASES = (
    ("in front of", "front"),
    ("on top of", "above"),
    ("next to", "beside"),
    ("to the left of", "left"),
    ("to the right of", "right"),
    ("left-hand", "left"),
    ("right-hand", "right"),
    ("no one", "nobody"),
    ("as well as", "and"),
    ("off-", "off "),
    ("没有", "没"),
    ("不是", "不"),
)
"""Relations of several words, whose parts would be fillers."""

YES_NO = {
    **dict.fromkeys(("yes", "true", "是", "对", "有"), True),
    **dict.fromkeys(("no", "false", "不", "否", "没", "无"), False),
}
"""What the first word of an answer says to a yes-no question."""

GREEK = {
    letter: f"\\{name} "
    for letter, name in zip(
        "αβγδεθλμπρσφωΓΔΘΛΠΣΦΩ",
        _in_order("alpha beta gamma delta epsilon theta lambda mu pi rho sigma phi omega")
        + _in_order("Gamma Delta Theta Lambda Pi Sigma Phi Omega"),
        strict=True,
    )
}
"""Greek letters as LaTeX."""

FUNCTION_NAMES = _words("sin cos tan cot sec csc log ln exp sqrt pi max min")
"""Words that belong into a formula."""

SCALES = {
    "dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9,
    "trillion": 10**12, "千": 10**3, "万": 10**4, "亿": 10**8,
}  # fmt: skip

_ONES = _in_order("""
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen
""")
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
