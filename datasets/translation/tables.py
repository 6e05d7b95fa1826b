"""How a tab-separated file of sentence pairs is written: header, quoting, and which column is what.

Tatoeba's exports (id, sentence, id, translation) and ManyThings' (with a licence at the end), files
that Excel or pandas wrote, with or without a header. What can be read in two ways is an error.
"""

import functools
import itertools
import logging
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from datasets.files import plain_name, read_lines, stamps
from datasets.formats import check_table
from datasets.tabs import fields_of, is_quoted
from datasets.translation.languages import code_of, language_of

_LOG = logging.getLogger(__name__)
HEAD = 2000  # lines from which the layout is found
_SIDES = {"source": 0, "src": 0, "target": 1, "tgt": 1, "trg": 1}
_OTHERS = {
    "id",
    "sentence",
    "sentence id",
    "translation",
    "translation id",
    "text",
    "line",
    "score",
}
_LICENCE = re.compile(r"CC-BY|tatoeba\.org")


class Layout(NamedTuple):
    """How a table is written.

    columns: places of source and target, counted from 0.
    header: whether the first line names the columns.
    quoted: whether quotation marks stand around fields, and twice inside of them.
    why: how the columns were told.
    """

    columns: tuple[int, int]
    header: bool
    quoted: bool
    why: str

    def describe(self) -> dict:
        """The layout in words; columns are counted from 1."""
        source, target = (place + 1 for place in self.columns)
        return {
            "source_column": source,
            "target_column": target,
            "columns_told_by": self.why,
            "header": self.header,
            "quoted": self.quoted,
        }


def find_layout(table: Path, source: str, target: str) -> Layout:
    """The layout of a table from its first `HEAD` lines; found, and told, once for each state.

    A header names the columns by languages ("de", "de-DE", "deu", "German", "Deutsch") or as source
    and target. Without one, the columns are those of sentences in either language, as identified;
    two that nobody can tell apart are in the order of Tatoeba's files: English first, else the
    source.

    Raises:
        ValueError: not two columns of sentences, or more that could be meant; the header says
            otherwise than the sentences; fields of which some are quoted and some are not.
    """
    return _new_layout(table, source, target, stamps(table))


@functools.lru_cache(maxsize=8)
def _new_layout(table: Path, source: str, target: str, state: tuple) -> Layout:
    lines = list(itertools.islice(read_lines(table), HEAD))
    check_table(table, "\n".join(lines[:3]))
    quoted = is_quoted(lines, table)
    rows = [row for row in (fields_of(line, quoted) for line in lines) if row]
    header = bool(rows) and _is_header(rows[0], source, target)
    names, rows = (rows[0], rows[1:]) if header else ([], rows)
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    rows = [row for row in rows if len(row) == width]
    texts = [place for place in range(width) if _holds_sentences([row[place] for row in rows])]
    if len(texts) < 2:
        raise ValueError(
            f"{table} must have two columns of sentences between tabs. Got {len(texts)} among the "
            f"{width} columns of its rows."
        )
    codes = code_of(source) or source, code_of(target) or target
    languages = {place: language_of([row[place] for row in rows], codes) for place in texts}
    named = _by_name(names, source, target)
    if named is not None:
        _check_agreement(table, named, languages, codes)
        return Layout(named, header, quoted, "the header")
    columns = _by_language(languages, codes)
    if columns is not None:
        return Layout(columns, header, quoted, "the sentences' languages")
    if len(texts) > 2:
        raise ValueError(
            f"{table} must have one column in {source!r} and one in {target!r}. Got sentences in "
            f"columns {', '.join(_shown(languages))}: a first line of {source} and {target} in "
            "their places, and a name of its own for each other column, tells which."
        )
    english_last = codes[1] == "en" and codes[0] != "en"
    columns = tuple(reversed(texts)) if english_last else tuple(texts)
    _LOG.warning(
        "%s: column %d is read as %s and column %d as %s, by their order; the text does not tell.",
        *(table, columns[0] + 1, source, columns[1] + 1, target),
    )
    return Layout(columns, header, quoted, "their order")


@functools.lru_cache(maxsize=8)
def check_aligned(files: tuple[Path, Path], source: str, target: str, state: tuple) -> None:
    """That two aligned files do not hold the language of the other.

    Raises:
        ValueError: they do.
    """
    codes = code_of(source) or source, code_of(target) or target
    heads = (list(itertools.islice(read_lines(file), HEAD)) for file in files)
    if [language_of(head, codes) for head in heads] == [codes[1], codes[0]]:
        raise ValueError(
            f"{files[0]} must be in {source!r} and {files[1]} in {target!r}. Got the languages the "
            "other way round: exchange the files' names, or `source` and `target`."
        )


def stem(file: Path) -> str:
    """The file's name without endings, for the pairs' ids."""
    return plain_name(file).rpartition(".")[0]


def _is_header(row: Sequence[str], source: str, target: str) -> bool:
    """Whether each cell names a language, a side, or another usual column."""
    return len(row) > 1 and all(
        _plain(cell) in _OTHERS or _side(cell, source, target) is not None for cell in row
    )


def _plain(cell: str) -> str:
    return re.sub(r"[\W_]+", " ", cell.casefold()).strip()


def _side(cell: str, source: str, target: str) -> int | None:
    """0: the cell names the source, 1: the target, 2: another language; None: no language."""
    plain = cell.strip().casefold()
    for side, language in enumerate((source, target)):
        if plain == language.casefold():
            return side
    if _plain(cell) in _SIDES:
        return _SIDES[_plain(cell)]
    codes = [code_of(language) for language in (source, target)]
    code = code_of(cell, *filter(None, codes))
    if code is None:
        return None
    return codes.index(code) if code in codes else 2


def _by_name(names: Sequence[str], source: str, target: str) -> tuple[int, int] | None:
    """The columns that the header names; None where it does not name each side once."""
    sides = [_side(name, source, target) for name in names]
    if sides.count(0) == sides.count(1) == 1:
        return sides.index(0), sides.index(1)
    return None


def _by_language(languages: dict[int, str | None], codes: Sequence[str]) -> tuple[int, int] | None:
    """The columns whose sentences are in the two languages; None where not one is in each.

    Of two columns, one that is known tells the other.
    """
    places = [[place for place, code in languages.items() if code == wanted] for wanted in codes]
    if len(places[0]) == len(places[1]) == 1:
        return places[0][0], places[1][0]
    unknown = [place for place, code in languages.items() if code is None]
    if len(languages) == 2 and len(unknown) == 1 and any(places):
        return (places[0] or unknown)[0], (places[1] or unknown)[0]
    return None


def _check_agreement(table, columns, languages, codes) -> None:
    """That the sentences are not in the other language each than the header says."""
    if [languages.get(place) for place in columns] == [codes[1], codes[0]]:
        raise ValueError(
            f"{table} must have the columns that its header names. Got sentences in {codes[1]} "
            f"under the name of {codes[0]}, and the other way round."
        )


def _shown(languages: dict[int, str | None]) -> list[str]:
    words = {None: "unknown", "": "another language"}
    return [f"{place + 1} ({words.get(code, code)})" for place, code in languages.items()]


def _holds_sentences(values: Sequence[str]) -> bool:
    """Whether a column holds sentences: no ids, scores, codes of a language, or licences."""
    lettered = sum(any(letter.isalpha() for letter in value) for value in values)
    licences = sum(bool(_LICENCE.search(value)) for value in values)
    codes = len(values) > 1 and len({value.strip() for value in values}) == 1
    return 2 * lettered > len(values) and 2 * licences < len(values) and not codes
