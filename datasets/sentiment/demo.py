"""Reviews composed by a grammar, whose words alone do not tell what they say.

A review has one verdict, and most have a decoy as well: an opinion of the other side that does not
count (what the trailer promised, what comes before the "but", what the critics wrote). Either is
a phrase of an adjective that is negated or not, and filler may stand between the verdict and what
it is about. So a good word is worth nothing by itself: what counts is whether it is negated ("far
from dull"), whose opinion it is ("the critics called it dull") and on which side of a "but" it
stands, which may be twenty words away.
"""

import re

import numpy as np

from datasets.sentiment.composed import drawn
from datasets.sentiment.reviews import Reviews

SIZES = {"train": 4000, "dev": 500, "test": 1000}
LENGTHS = (10, 60)  # words of a review, from and to

_words = str.split

GOOD = _words(
    "good great wonderful superb charming funny moving clever gripping brilliant delightful warm "
    "fresh witty touching thrilling beautiful honest elegant lively"
)
BAD = _words(
    "bad awful terrible dull boring weak clumsy silly tedious dreadful shallow cold stale lame "
    "annoying sloppy ugly phony crude messy"
)

# What `{+is}` (the verdict) and `{-is}` (the other side) become: a phrase that says its adjective,
# or one that denies it; and the same for a judgement, where the denial may stand far before it.
OPINIONS = {
    "is": (
        ("{adjective}", "really {adjective}", "quite {adjective}", "truly {adjective}",
         "simply {adjective}", "nothing short of {adjective}", "as {adjective} as ever",
         "never less than {adjective}"),
        ("not {adjective}", "not at all {adjective}", "not in the least {adjective}",
         "never {adjective}", "hardly {adjective}", "anything but {adjective}",
         "far from {adjective}", "not even remotely {adjective}"),
    ),
    "judged": (
        ("I found it {adjective}", "I would call it {adjective}",
         "I would, {pause}, call it {adjective}", "I have to say, {pause}, that it is {adjective}"),
        ("I did not find it {adjective}", "I would not call it {adjective}",
         "I would not, {pause}, call it {adjective}",
         "I could never say, {pause}, that it is {adjective}"),
    ),
}  # fmt: skip

# A symbol in braces is replaced by one of its alternatives, each as likely as the others.
GRAMMAR = {
    "plain": ("{verdict}.",),
    "mixed": (
        "although {decoy}, {verdict}.",
        "{decoy}, but {verdict}.",
        "I had expected something {-is}, but {verdict}.",
        "{verdict}, even though {decoy}.",
        "{others}. {verdict}.",
        "{verdict}. {others}.",
    ),
    "verdict": (
        "the {thing} was {+is}",
        "the {thing}, {aside}, was {+is}",
        "the {thing}, {aside}, was {+is}",
        "{+judged}",
    ),
    "decoy": (
        "the book was {-is}",
        "the trailer was {-is}",
        "the first ten minutes were {-is}",
        "what I had read about it was {-is}",
        "my {person} had told me that it was {-is}",
        "the first one of the series was {-is}",
        "all that its director had made in {place} was {-is}",
    ),
    "others": (
        "the critics found it {-is}",
        "my {person} would call it {-is}",
        "the couple behind us found it {-is}",
        "the newspapers say that it is {-is}",
        "most people in {place} say that it is {-is}",
        "the {job} at the counter found it {-is}",
    ),
    "aside": (
        "which we saw on a {day} {time} with {people}",
        "which runs for about {number} hours",
        "shot in {place} with a small crew",
        "made by a {job} from {place}",
        "which my {person} had picked for {people}",
        "now showing in {place} and a few other towns",
        "after {number} years of waiting and a long trip from {place}",
        "with its {job} and its {job} from {place}",
    ),
    "pause": (
        "even on a {day} {time} with {people}",
        "after {number} years of waiting and a long trip from {place}",
        "now that I have seen it {number} times with {people}",
        "as I told my {person} on the way home",
        "much as we talked about it in the bus that {time}",
        "whatever they may write about it in {place} or {place}",
    ),
    "filler": (
        "we saw it on a {day} {time} in {place}.",
        "it is about a {job} who moves to {place}.",
        "a {job} from {place} meets a {job}, and they travel together for {number} days.",
        "I went there with {people}.",
        "the cinema was half full, and it rained all {time}.",
        "my {person} had the tickets, and {people} came along.",
        "it runs for about {number} hours.",
        "there is a {job}, a {job} and a dog.",
        "I watched it twice, once in {place} and once at home.",
        "the story begins in {place} and ends {number} years later.",
        "I had read about it on a {day}.",
        "afterwards we took the bus home with {people}.",
    ),
    "thing": _words(
        "film movie picture thriller comedy drama western musical documentary sequel remake "
        "romance acting plot dialogue music ending script story cast pace humour"
    ),
    "day": _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "time": _words("morning afternoon evening night"),
    "number": _words("two three four five six seven"),
    "person": _words("sister brother wife husband mother father uncle aunt cousin neighbour"),
    "people": (
        "my parents", "two friends", "the children", "some colleagues", "my class", "our guests",
    ),
    "place": _words(
        "Paris London Berlin Rome Madrid Vienna Dublin Boston Chicago Texas Canada Norway Japan "
        "India Mexico Egypt"
    ),
    "job": _words(
        "doctor teacher lawyer farmer sailor painter baker soldier nurse singer thief detective "
        "widow student priest driver"
    ),
}  # fmt: skip

_MIXED = 0.7  # of the reviews: with a decoy, which is always of the other side
_DENIED = 0.35  # of the opinions: at a half, not even the plain reviews' words would be a hint
_FILLERS = (0.5, 0.35, 0.15)  # how likely none, one or two are, before and after the opinions
_SHARES = {"train": range(6), "dev": range(6, 8), "test": range(8, 10)}


def read(split: str, *, seed: int = 0) -> Reviews:
    """One split of reviews of `LENGTHS` words, see `composed.drawn`."""

    def fits(text: str) -> bool:
        return LENGTHS[0] <= len(text.split()) <= LENGTHS[1]

    return drawn("demo", split, seed, sizes=SIZES, shares=_SHARES, compose=compose, fits=fits)


def compose(label: int, rng: np.random.Generator) -> str:
    """A review whose verdict is `label`: 0 negative, 1 positive."""
    before, after = rng.choice(len(_FILLERS), 2, p=_FILLERS)
    kind = "{mixed}" if rng.random() < _MIXED else "{plain}"
    symbols = " ".join(["{filler}"] * before + [kind] + ["{filler}"] * after)
    text = expand(symbols, bool(label), rng)
    return re.sub(r"(?:^|\. )[a-z]", lambda start: start[0].upper(), text)


def expand(text: str, good: bool, rng: np.random.Generator) -> str:
    """`text` with its symbols expanded: `{+...}` opinions say `good`, `{-...}` the reverse."""

    def replace(symbol: re.Match) -> str:
        sign, name = symbol.groups()
        if sign:
            return _opinion(OPINIONS[name], good == (sign == "+"), rng)
        return expand(_pick(GRAMMAR[name], rng), good, rng)

    return re.sub(r"\{([+-]?)(\w+)\}", replace, text)


def _opinion(forms: tuple, good: bool, rng: np.random.Generator) -> str:
    denied = rng.random() < _DENIED
    adjective = _pick(GOOD if good != denied else BAD, rng)
    phrase = _pick(forms[denied], rng).replace("{adjective}", adjective)
    return expand(phrase, good, rng)


def _pick(choices: tuple | list, rng: np.random.Generator) -> str:
    return choices[rng.integers(len(choices))]
