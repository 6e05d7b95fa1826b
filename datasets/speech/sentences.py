"""What the demo says: digits, numbers, dates, times, spelt words and commands, drawn at random.

A sentence is a list of words as they are written, in lower case and without punctuation. A letter
is written as itself ("g"), and read by its name.
"""

import numpy as np

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
COMMANDS = (
    *("yes", "no", "go", "stop", "help", "start", "enter", "erase", "repeat", "cancel"),
    *("go back", "turn left", "turn right", "next page", "last page", "open the door"),
    *("close the door", "turn the light on", "turn the light off", "call home", "play music"),
    *("louder", "quieter", "what time is it", "read it again", "good morning", "thank you"),
)
SPELT = (
    *("anna", "boris", "clara", "david", "emily", "frank", "grace", "henry", "irene", "jack"),
    *("kate", "liam", "mary", "noah", "olga", "peter", "quinn", "rosa", "simon", "tina"),
    *("ursula", "victor", "wendy", "xenia", "yusuf", "zoe"),
)
_TEENS = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = {
    **{"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth"},
    **{"nine": "ninth", "twelve": "twelfth", "twenty": "twentieth", "thirty": "thirtieth"},
}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def draw(rng: np.random.Generator) -> list[str]:
    """The words of a sentence; each of the seven kinds is as likely as the others."""
    kinds = (_digits, _number, _date, _time, _letters, _spelt, _command)
    return kinds[rng.integers(len(kinds))](rng)


def cardinal(number: int) -> list[str]:
    """0 to 999,999 in words, without "and": 342 -> three hundred forty two."""
    if number >= 1000:
        rest = cardinal(number % 1000) if number % 1000 else []
        return [*cardinal(number // 1000), "thousand", *rest]
    if number >= 100:
        rest = cardinal(number % 100) if number % 100 else []
        return [DIGITS[number // 100], "hundred", *rest]
    if number >= 20:
        return [_TENS[number // 10 - 2], *([DIGITS[number % 10]] if number % 10 else [])]
    return [(*DIGITS, *_TEENS)[number]]


def ordinal(number: int) -> list[str]:
    """1 to 31 in words: 21 -> twenty first."""
    *tens, last = cardinal(number)
    return [*tens, _ORDINALS.get(last, f"{last}th")]


def year(number: int) -> list[str]:
    """1901 to 2099 in words: nineteen oh five, two thousand nine, twenty twenty six."""
    if 2000 <= number < 2010:
        return cardinal(number)
    return [*cardinal(number // 100), *two_places(number % 100)]


def two_places(number: int) -> list[str]:
    """1 to 99 as it is read after an hour or a century: oh five, ten."""
    return [*(["oh"] if number < 10 else []), *cardinal(number)]


def _digits(rng: np.random.Generator) -> list[str]:
    return [DIGITS[digit] for digit in rng.integers(10, size=rng.integers(1, 8))]


def _number(rng: np.random.Generator) -> list[str]:
    """Up to 999,999; numbers of few digits as often as those of many."""
    return cardinal(int(10 ** rng.uniform(0, 6)))


def _date(rng: np.random.Generator) -> list[str]:
    month, day = MONTHS[rng.integers(12)], ordinal(int(rng.integers(1, 32)))
    front = [month, *day] if rng.random() < 0.5 else [*day, "of", month]
    return front + (year(int(rng.integers(1901, 2030))) if rng.random() < 0.6 else [])


def _time(rng: np.random.Generator) -> list[str]:
    hour, minute = cardinal(int(rng.integers(1, 13))), int(rng.integers(60))
    if minute == 0:
        return [*hour, "o'clock"]
    if minute == 30 and rng.random() < 0.5:
        return ["half", "past", *hour]
    return [*hour, *two_places(minute)]


def _letters(rng: np.random.Generator) -> list[str]:
    """Letters, and digits after them as often as not, as in a number plate."""
    letters = [_LETTERS[i] for i in rng.integers(26, size=rng.integers(1, 6))]
    return letters + (_digits(rng)[:3] if rng.random() < 0.5 else [])


def _spelt(rng: np.random.Generator) -> list[str]:
    """A name, letter by letter; the name itself before, as often as not."""
    word = SPELT[rng.integers(len(SPELT))]
    return [word] * int(rng.integers(2)) + list(word)


def _command(rng: np.random.Generator) -> list[str]:
    return COMMANDS[rng.integers(len(COMMANDS))].split()
