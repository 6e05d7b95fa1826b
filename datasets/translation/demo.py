"""Pairs made by code: dates, times and numbers as CLDR writes them in two languages.

The words, orders and signs are those of Unicode's Common Locale Data Repository, through Babel:
"Tuesday, March 4, 2025" is "Dienstag, 4. März 2025", and "1,234.5 kilometers" is "1.234,5
Kilometer". Any two of CLDR's locales will do.
"""

import datetime
import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial

import babel
import numpy as np
from babel import dates, lists, numbers, units

COUNTS = {"test": 500, "dev": 500, "train": 12_000}  # pairs, where no limit says otherwise
_UNITS = (
    "length-kilometer",
    "length-meter",
    "mass-kilogram",
    "volume-liter",
    "temperature-celsius",
    "speed-kilometer-per-hour",
    "digital-megabyte",
    "duration-day",
    "duration-week",
    "duration-hour",
)
_FORMS = ("long", "short", "narrow")
_CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF")
_GIVE_UP = 200  # draws in a row that are all there already

Writer = Callable[..., str]  # of a keyword: writer(locale=babel.Locale("de"))


def raw_pairs(
    split: str, *, source: str, target: str, seed: int = 0, limit: int | None = None
) -> Iterator[tuple[str, str, str]]:
    """(id, source, target); no source sentence is drawn twice, so that splits have none in common.

    Args:
        split: `train`, `dev` or `test`.
        source, target: locales, such as "en", "de" or "pt-BR".
        seed: of the draw.
        limit: how many pairs; of dev and test at most 500.

    Raises:
        ValueError: a locale that CLDR does not have; two that write all the same.
    """
    locales = [_locale("source", source), _locale("target", target)]
    before = {"test": 0, "dev": COUNTS["test"], "train": COUNTS["test"] + COUNTS["dev"]}[split]
    count = COUNTS[split] if limit is None else limit
    if split != "train":
        count = min(count, COUNTS[split])
    pairs = itertools.islice(_distinct(*locales, seed), before, before + count)
    return ((f"{split}:{line}", *pair) for line, pair in enumerate(pairs, start=1))


def _distinct(source: babel.Locale, target: babel.Locale, seed: int) -> Iterator[tuple[str, str]]:
    rng = np.random.default_rng(seed)
    seen: set[int] = set()  # hashes: of millions of sentences, too, they fit the memory
    repeats = 0
    while repeats < _GIVE_UP:
        write = _draw(rng)
        pair = write(locale=source), write(locale=target)
        key = hash(" ".join(pair[0].split()))
        repeats = repeats + 1 if key in seen else 0
        if key not in seen:
            seen.add(key)
            yield pair


def _draw(rng: np.random.Generator) -> Writer:
    """One thing to write, or a list of two."""
    first = _thing(rng)
    if rng.random() < 0.8:
        return first
    second = _thing(rng)
    return lambda locale: lists.format_list(
        [first(locale=locale), second(locale=locale)], locale=locale
    )


def _thing(rng: np.random.Generator) -> Writer:
    kinds = (_date, _date, _time, _moment, _number, _amount, _measure, _span)
    return _pick(kinds, rng)(rng)


def _moment_of(rng) -> datetime.datetime:
    start = datetime.datetime(1950, 1, 1)
    return start + datetime.timedelta(minutes=int(rng.integers(100 * 365 * 24 * 60)))


def _date(rng) -> Writer:
    return partial(dates.format_date, _moment_of(rng), _pick(("full", "long", "medium"), rng))


def _time(rng) -> Writer:
    return partial(dates.format_time, _moment_of(rng), "short")


def _moment(rng) -> Writer:
    return partial(dates.format_datetime, _moment_of(rng), "medium")


def _decimal(rng) -> Decimal:
    """0 to 9,999,999 with up to two digits behind the point; small ones as often as large."""
    whole = int(10 ** rng.uniform(0, 7))
    return Decimal(whole) + Decimal(int(rng.integers(100)) if rng.random() < 0.5 else 0) / 100


def _number(rng) -> Writer:
    value = _decimal(rng)
    if rng.random() < 0.3:
        return partial(numbers.format_percent, value % 100 / 100, "#,##0.#%")
    return partial(numbers.format_decimal, value)


def _amount(rng) -> Writer:
    value, currency = _decimal(rng), _pick(_CURRENCIES, rng)
    kind = _pick(("standard", "name"), rng)
    return partial(numbers.format_currency, value, currency, format_type=kind)


def _measure(rng) -> Writer:
    return partial(_write_measure, _decimal(rng), _pick(_UNITS, rng))


def _write_measure(value: Decimal, unit: str, locale: babel.Locale) -> str:
    # Where a locale has no long form, Babel writes the unit's identifier.
    forms = (units.format_unit(value, unit, form, locale=locale) for form in _FORMS)
    return next((text for text in forms if unit not in text), str(value))


def _span(rng) -> Writer:
    """A time from now: "in 3 weeks", "2 days ago"."""
    unit = _pick(("second", "minute", "hour", "day", "week", "month", "year"), rng)
    seconds = dict(dates.TIMEDELTA_UNITS)[unit] * int(rng.integers(1, 60))
    seconds = seconds if rng.random() < 0.5 else -seconds
    return partial(dates.format_timedelta, seconds, unit, threshold=1e9, add_direction=True)


def _pick(choices: tuple, rng):
    return choices[rng.integers(len(choices))]


def _locale(argument: str, name: str) -> babel.Locale:
    try:
        return babel.Locale.parse(name.replace("-", "_"))
    except (babel.UnknownLocaleError, ValueError) as error:
        raise ValueError(
            f"`{argument}` must be a locale of CLDR, such as en, de or pt-BR. Got {name!r}."
        ) from error
