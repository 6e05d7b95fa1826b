"""Languages by their codes and names, and which of two languages a text is in."""

import functools
from collections.abc import Sequence

import babel
from babel.core import get_global
from py3langid.langid import MODEL_FILE, LanguageIdentifier

SURE = 0.9  # probability from which an identified language counts
SENTENCES = 500  # that are looked at, at most


def code_of(name: str, *speakers: str) -> str | None:
    """The two-letter code of a language: "de" of "de-DE", "deu", "German" or "Deutsch".

    Args:
        name: a code, or the language's name in English or in one of `speakers`.
        speakers: codes of languages.
    """
    key = name.strip().casefold()
    short = key.replace("_", "-").partition("-")[0]
    known = _names("en")
    if short in known.values():
        return short
    if short in get_global("language_aliases"):  # three letters
        return get_global("language_aliases")[short].partition("_")[0]
    tables = (known, *(_names(code) for code in speakers))
    return next((table[key] for table in tables if key in table), None)


@functools.cache
def _names(speaker: str) -> dict[str, str]:
    """Names of languages in one of them, and the codes they are of."""
    try:
        names = babel.Locale(speaker).languages
    except (babel.UnknownLocaleError, ValueError):
        return {}
    return {name.casefold(): code for code, name in names.items() if "_" not in code}


def language_of(sentences: Sequence[str], languages: Sequence[str]) -> str | None:
    """Which of `languages` the sentences are in, "" if in another one; None: it cannot be told.

    Args:
        sentences: of one language; a part of them is looked at.
        languages: two codes, see `code_of`.
    """
    text = " ".join(sentences[:: len(sentences) // SENTENCES + 1])
    everything = _identifier()
    if not set(languages) <= set(everything.labels):
        return None
    language, probability = everything.classify(text)
    if probability < SURE:
        language, probability = _identifier(*languages).classify(text)
    if probability < SURE:
        return None
    return language if language in languages else ""


@functools.cache
def _identifier(*languages: str) -> LanguageIdentifier:
    """Of all languages that the library knows, or of some."""
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    if languages:
        identifier.set_languages(list(languages))
    return identifier
