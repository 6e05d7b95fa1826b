"""Numbers, dates and abbreviations in English words, by num2words: what the graph cannot read.

"Dr. Ito paid $3.50 on 2026-11-27, at 9:05." -> "Doctor Ito paid three dollars, fifty cents on
November twenty-seventh, twenty twenty-six, at nine oh five."
"""

import calendar
import re
from decimal import Decimal

from num2words import num2words

ABBREVIATIONS = {
    **{"mr.": "mister", "mrs.": "misses", "ms.": "miz", "dr.": "doctor", "prof.": "professor"},
    **{"jr.": "junior", "sr.": "senior", "vs.": "versus", "etc.": "et cetera"},
    **{"e.g.": "for example", "i.e.": "that is", "approx.": "approximately", "dept.": "department"},
}
SIGNS = {"&": " and ", "%": " percent", "@": " at ", "+": " plus ", "=": " equals "}
CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP"}
DIGIT_BY_DIGIT = 7  # digits from which a number is a telephone number or a code
_YEARS = range(1100, 2100)

_SLASHED = re.compile(r"\b\d{1,4}/\d{1,2}/\d{1,4}\b")
_DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_TIME = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)\b")
_MONEY = re.compile(r"([$€£])(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d{2}))?(?![\d.])")
_ORDINAL = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\d])")
_ABBREVIATION = re.compile(
    r"(?<!\w)(?:" + "|".join(map(re.escape, ABBREVIATIONS)) + ")", re.IGNORECASE
)


def spelt(text: str) -> str:
    """The text with numbers, dates, times, sums of money, signs and abbreviations as words.

    Dates are year-month-day, times hour:minute. A number of four digits from 1100 to 2099 is read
    as a year, one of seven digits or more, or with a 0 before it, digit by digit.

    Raises:
        ValueError: a date between slashes, which has two readings, or one that is in no calendar.
    """
    if slashed := _SLASHED.search(text):
        raise ValueError(
            f"A date must be year-month-day, as 2026-11-27. Got {slashed[0]}, with two readings."
        )
    text = _ABBREVIATION.sub(lambda match: _like(match[0], ABBREVIATIONS[match[0].lower()]), text)
    text = _DATE.sub(_date, text)
    text = _TIME.sub(lambda match: _time(int(match[1]), int(match[2])), text)
    text = _MONEY.sub(_money, text)
    text = _ORDINAL.sub(lambda match: num2words(int(match[1]), to="ordinal"), text)
    text = _NUMBER.sub(lambda match: _number(match[0]), text)
    for sign, words in SIGNS.items():
        text = text.replace(sign, words)
    return re.sub(r" +", " ", text).strip()


def in_several_ways(text: str) -> bool:
    """Whether a number of the text is read in several ways: of three digits or more.

    A recording says one of them, and the transcript does not tell which.
    """
    return re.search(r"\d{3}|\d[/:.,\-]\d", text) is not None


def _like(written: str, words: str) -> str:
    return words[0].upper() + words[1:] if written[0].isupper() else words


def _date(match: re.Match) -> str:
    year, month, day = map(int, match.groups())
    if not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(max(year, 1), month)[1]):
        raise ValueError(f"A date must be one of the calendar, year-month-day. Got {match[0]}.")
    ordinal = num2words(day, to="ordinal")
    return f"{calendar.month_name[month]} {ordinal}, {num2words(year, to='year')}"


def _time(hour: int, minute: int) -> str:
    if minute == 0:
        return f"{num2words(hour)} o'clock"
    return f"{num2words(hour)} {'oh ' if minute < 10 else ''}{num2words(minute)}"


def _money(match: re.Match) -> str:
    sum_of_money = Decimal(match[2].replace(",", "") + "." + (match[3] or "00"))
    words = num2words(sum_of_money, to="currency", currency=CURRENCIES[match[1]])
    words = words.replace(" sterling", "")
    return words if match[3] else words.rpartition(",")[0]


def _number(digits: str) -> str:
    """Of a number as it stands: 0199 -> zero one nine nine, 1999 -> nineteen ninety-nine."""
    plain = digits.replace(",", "").lstrip("-")
    whole = "." not in plain
    if whole and "," not in digits and (len(plain) >= DIGIT_BY_DIGIT or plain[:1] + "0" == "00"):
        return " ".join(num2words(int(digit)) for digit in plain)
    if whole and "," not in digits and "-" not in digits and int(plain) in _YEARS:
        return num2words(int(plain), to="year")
    sign = "minus " if digits.startswith("-") else ""
    return sign + num2words(int(plain) if whole else Decimal(plain))
