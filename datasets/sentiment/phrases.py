"""Short opinions composed by a grammar: what "not", "hardly" and "but" do to a word.

Sentences about films, products, places, services, people and meals: plain ones, ones whose verdict
is denied once or twice, and ones that weigh one thing against another, where the main clause is the
verdict. What a denial does must hold for words that were never seen denied: every fifth adjective
stands in train without a denial alone, and in dev and test the denied ones are all of these.
"""

import functools
import re
from collections.abc import Sequence

import numpy as np

from datasets.sentiment.cleaning import share_of
from datasets.sentiment.composed import drawn
from datasets.sentiment.reviews import Reviews

SIZES = {"train": 12_000, "dev": 600, "test": 1200}

# Of each topic: nouns, what they have, adjectives (a) and predicates, good (+) and bad (-). Words
# stand between spaces; phrases, where there are any, between slashes.
TOPICS = {
    "film": {
        "noun": "film movie story comedy thriller drama show book song play novel series",
        "part": "plot acting ending music dialogue script pace start camera cast",
        "+a": "funny moving gripping clever original touching exciting witty thrilling charming "
        "entertaining fascinating powerful interesting engaging imaginative inspiring",
        "-a": "boring dull predictable silly slow confusing shallow tedious bland pretentious "
        "pointless lame forgettable stupid messy unfunny tiresome contrived",
        "+fact": "had me in tears of joy / kept us guessing / stayed with me for days / flew by / "
        "has great lines / made me laugh out loud",
        "-fact": "dragged on / sent me to sleep / insulted my brain / went nowhere / made no sense "
        "/ is full of holes",
    },
    "product": {
        "noun": "phone laptop charger bag toaster watch game radio keyboard drill mug headset coat "
        "product tool monitor fridge bottle pillow guitar heater knife",
        "part": "design battery screen price packaging colour size cable button manual",
        "+a": "reliable sturdy handy useful practical durable light quick elegant comfortable "
        "precise powerful affordable robust smooth smart efficient",
        "-a": "flimsy unreliable fragile clumsy heavy faulty noisy overpriced ugly defective "
        "awkward fiddly slow broken uncomfortable impractical cheap",
        "+fact": "works like a charm / works well / does exactly what I need / was easy to set up "
        "/ saved me a lot of time / lasts all day / charges quickly / feels solid",
        "-fact": "stopped working / fell apart / never worked / did not work / won't turn on / "
        "gets hot / has a mind of its own / failed within {time} / doesn't hold a charge / broke "
        "within {time} / didn't fit",
    },
    "place": {
        "noun": "hotel room park city restaurant shop village apartment bar gym hostel lobby "
        "market garden zoo hall pub pool trail harbour spa theatre",
        "part": "view bathroom location bed noise air decor parking weather entrance",
        "+a": "clean cosy quiet beautiful charming spacious peaceful comfortable safe stunning "
        "inviting relaxing pretty tidy lively romantic",
        "-a": "dirty noisy shabby cramped filthy gloomy ugly crowded unsafe damp run-down grim "
        "smelly stuffy dusty depressing",
        "+fact": "is worth a detour / made us feel at home / has everything you need / sparkles / "
        "is one of our favourites / has a great atmosphere",
        "-fact": "needs a good clean / smells of damp / is a tourist trap / has seen better days / "
        "was infested with bugs / has no charm / was falling to pieces",
    },
    "service": {
        "noun": "service delivery company shop support agency airline insurance repair cleaning "
        "course website app helpline garage school staff team",
        "part": "price website waiting communication paperwork advice tone answer",
        "+a": "helpful fast friendly professional efficient prompt polite reliable honest careful "
        "flexible quick courteous competent fair",
        "-a": "slow rude unhelpful unprofessional careless dishonest chaotic unreliable expensive "
        "incompetent impolite late overpriced sloppy",
        "+fact": "answered within {time} / kept every promise / gave me my money back / sorted it "
        "out / went out of their way to help / exceeded my expectations",
        "-fact": "lost my order / kept us waiting for {time} / charged me twice / took forever / "
        "never called back / did not even apologise / doesn't care about customers",
    },
    "person": {
        "noun": "teacher doctor host waitress guide seller manager boss neighbour singer coach "
        "clerk landlord colleague cook nurse driver",
        "part": "voice manner advice attitude tone work humour patience",
        "+a": "kind friendly patient polite helpful warm honest charming thoughtful cheerful "
        "caring generous skilled attentive likeable",
        "-a": "rude arrogant impatient unfriendly lazy cold dishonest grumpy careless mean "
        "aggressive selfish clueless hostile",
        "+fact": "always has time for us / listened / made everyone laugh / knows the job / took "
        "care of us / treated us like family",
        "-fact": "talks down to people / lied to us / shrugged and left / was asleep on the job / "
        "never smiled / didn't listen / got our order wrong",
    },
    "meal": {
        "noun": "meal lunch dinner salad burger cake curry tea coffee menu dessert sauce rice",
        "part": "taste smell portion price texture service presentation bread",
        "+a": "tasty delicious fresh juicy crisp flavourful filling hearty yummy tender creamy",
        "-a": "bland greasy stale soggy tasteless dry salty bitter overcooked undercooked rotten",
        "+fact": "melted in the mouth / made me want seconds / hit the spot / was full of taste / "
        "was cooked to perfection",
        "-fact": "tasted of nothing / made me sick / was burnt / went straight into the bin / came "
        "out cold / had no taste / was not cooked through",
    },
}
# Of any topic: adjectives, nouns (n), verbs (v) and their past (ved), superlatives, last words.
ANY = {
    "+a": "good great nice excellent wonderful fantastic lovely amazing superb perfect decent "
    "impressive fine brilliant outstanding remarkable terrific awesome pleasing satisfying special "
    "solid splendid exceptional marvellous fabulous worthwhile cool",
    "-a": "bad terrible awful poor horrible disappointing dreadful mediocre lousy appalling "
    "atrocious annoying unpleasant useless pathetic dismal rubbish hopeless inferior horrid "
    "ridiculous irritating frustrating depressing abysmal shoddy painful",
    "+n": "a joy / a delight / a success / a hit / a gem / a triumph / a bargain / a treat",
    "-n": "a disaster / a joke / a failure / a mess / a letdown / a mistake / a nightmare / a "
    "rip-off / a waste of time",
    "+v": "like love enjoy adore admire appreciate recommend",
    "-v": "hate dislike regret detest loathe despise",
    "+ved": "liked loved enjoyed adored admired appreciated recommended",
    "-ved": "hated disliked regretted detested loathed despised",
    "+best": "best finest greatest nicest",
    "-best": "worst weakest poorest dullest",
    "+last": "I will be back / we will come again / I highly recommend it / worth every cent / I "
    "was impressed / I am so happy with it / five stars / two thumbs up / money well spent / I'd "
    "go again / you won't be disappointed / can't wait to go back / no regrets / it made my day / "
    "you can't go wrong with it / I could not be happier",
    "-last": "I will not be back / never again / avoid it / stay away / I want my money back / "
    "save your money / don't waste your time / I was not impressed / very disappointed / one star "
    "/ two thumbs down / it could not be worse / I would not go back / I expected better / I "
    "returned it / never going back / not happy with it / no thanks",
}
# {symbol} is one of its alternatives. A sign before it: + says the verdict, - the other side, ~ the
# other side under a denial, = the verdict under one; the last two take words that may be denied.
GRAMMAR = {
    "sentence": "{plain} / {plain} / {plain} / {plain}, {plain} / {plain}, {+last} / {+last} / "
    "{denied} / {denied} / {denied} / {denied} / {plain} and {denied} / {short} / {short} / "
    "{shortno} / {shortno} / {twice} / {mixed} / {mixed} / {mixed}",
    "clause": "{plain} / {plain} / {denied}",
    "plain": "{it} {was} {very} {+a} / {it} {was} {+a} / {it} {was} {+a} and {+a} / the {part} "
    "{was} {+a} / I found {it} {very} {+a} / I {+ved} {it} / {we} really {+v} {it} / {it} {was} "
    "{+n} / {it} {+fact} / {it} {+fact} / this is a {+a} {noun} / what a {+a} {noun} / {it} {was} "
    "the {+best} {noun} I have {met}",
    "denied": "{it} {not} {~a} / {it} {not} {~a} / {it} {not} {~a} / the {part} {not} {~a} / {it} "
    "{nota} {~n} / {we} {dont} {~v} {it} / I never {~ved} {it} / I {dont} find {it} {~a} / I "
    "{saynot} {it} {was} {~a} / I {saynot} I {~ved} {it} / I {saynot} the {part} {was} {~a} / "
    "nobody would call {it} {~a} / there {was} nothing {~a} about {it} / nothing about {it} {was} "
    "{~a} / there {was} no {~a} {part} / this {nota} a {~a} {noun} / {it} {nota} the {~best} "
    "{noun} I have {met} / {it} {nota} the {~best} one I have ever {met} / {it} {was} no {~a} "
    "{noun} / {it} {nota} as {~a} as people say / it would be wrong to call {it} {~a}",
    "short": "{very} {+a} / {+a} / {+a} and {+a} / {+a} {noun} / simply {+a} / {+n} / so {+a} / "
    "{very} {+a} {part} / {+a} {part}, {+a} {part} / {+ved} it",
    "shortno": "not {~a} / not {~a} at all / not at all {~a} / never {~a} / hardly {~a} / far from "
    "{~a} / anything but {~a} / not {~a}, not {~a} / no {~a} {part} / nothing {~a} about it / not "
    "{~n} / not a {~a} {noun} / not exactly {~a} / {dont} {~v} it / can't say it {was} {~a}",
    "twice": "I {saynot} {it} {isnt} {=a} / I {saynot} I {dont} {=v} {it} / nobody can say {it} "
    "{isnt} {=a} / it is not true that {it} {isnt} {=a}",
    "mixed": "{-clause}, but {clause} / {-clause}, but {clause} / {-clause}, yet {clause} / "
    "although {-clause}, {clause} / {clause}, although {-clause} / {clause}, even though {-clause} "
    "/ despite the {-a} {part}, {clause} / {clause} despite the {-a} {part} / {-clause}. Still, "
    "{clause} / {-clause}. However, {clause} / {-clause}, but {+last} / I expected something {-a}, "
    "but {clause} / people say {-clause}, but {clause} / {-a} but {+a} / {-a} {part}, but {clause}",
    "it": "the {noun} / the {noun} / this {noun} / that {noun} / it / our {noun}",
    "we": "I we",
    "was": "was is",
    "isnt": "was not / wasn't / is not / isn't",
    "nota": "{isnt} / {isnt} / was never / is hardly / was hardly / is far from / is anything but",
    "not": "{isnt} / {isnt} / was never / is hardly / was hardly / was far from / is anything but "
    "/ was not at all / is not very / wasn't really / isn't particularly / was not even / wasn't "
    "that",
    "dont": "did not / didn't / do not / don't / couldn't",
    "saynot": "can't say / cannot say that / would not say / wouldn't say that / don't think / do "
    "not believe that / didn't think / doubt that / could never say that",
    "very": "very really so quite truly extremely absolutely pretty",
    "met": "seen / had / tried / come across",
    "time": "a day / two days / a week / an hour / a month / ten minutes",
}
_SYMBOL = re.compile(r"\{([-+~=]?)(\w+)\}")
_ENDS = (".", ".", ".", ".", "!", "")
_SHARES = {"train": range(8), "dev": range(8, 9), "test": range(9, 10)}


@functools.lru_cache(maxsize=3)
def read(split: str, *, seed: int = 0) -> Reviews:
    """One split, see `composed.drawn`."""

    def opinion(label: int, rng: np.random.Generator) -> str:
        return compose(label, split, rng)

    return drawn("phrases", split, seed, sizes=SIZES, shares=_SHARES, compose=opinion)


def compose(label: int, split: str, rng: np.random.Generator) -> str:
    """A sentence whose verdict is `label`: 0 negative, 1 positive."""
    topic = _pick(list(TOPICS), rng)
    noun = _pick(alternatives(topic, "noun"), rng)

    def expand(text: str, good: bool) -> str:
        def replace(symbol: re.Match) -> str:
            sign, name = symbol.groups()
            side = good if sign in ("", "+", "=") else not good
            denied_in = split if sign in ("~", "=") else None
            return expand(_pick(alternatives(topic, name, side, denied_in), rng), side)

        return _SYMBOL.sub(replace, text.replace("{noun}", noun))

    text = expand("{sentence}", bool(label)) + _pick(_ENDS, rng)
    text = re.sub(r"\ba (?=[aeio]|u(?!s)|hones)", "an ", text)
    return re.sub(r"(?:^|\. )[a-z]", lambda start: start[0].upper(), text)


@functools.lru_cache(maxsize=1000)
def alternatives(
    topic: str, name: str, good: bool = True, denied_in: str | None = None
) -> tuple[str, ...]:
    """What a symbol may become in a sentence about a topic.

    Args:
        good: which side a symbol of two sides is on.
        denied_in: the split, where the word is denied; None where it is not.
    """
    signed = ("+" if good else "-") + name
    texts = [table[key] for table in (GRAMMAR, TOPICS[topic], ANY) for key in (name, signed)
             if key in table]  # fmt: skip
    choices = [choice for text in texts for choice in _split(text)]
    if name == "a" and denied_in is not None:
        choices = [word for word in choices if is_held_out(word) == (denied_in != "train")]
    return tuple(choices)


def is_held_out(adjective: str) -> bool:
    """Whether train has the word without a denial alone."""
    return share_of(adjective) < 2


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split("/")] if "/" in text else text.split()


def _pick(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[rng.integers(len(choices))]
