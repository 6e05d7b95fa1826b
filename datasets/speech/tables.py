"""How a table of transcripts is written: its delimiter, header, and which column is what.

A line is NAME<TAB>TEXT, or ID|RAW|NORMALISED as in LJSpeech's metadata.csv, or, under a header
that names the columns, whatever it says (Common Voice's client_id, path, sentence, ...). What can
be read in two ways is an error.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from datasets.encodings import find_encoding
from datasets.faults import Faults
from datasets.files import read_lines
from datasets.formats import check_table
from datasets.tabs import fields_of, is_quoted

HEAD = 2000  # lines from which the layout is found
MALFORMED = "line with more or fewer columns than the table has"

_COLUMNS = {
    "name": ("path", "name", "file", "filename", "file_name", "audio"),
    "text": ("text", "sentence", "transcript", "transcription"),
    "speaker": ("speaker", "speaker_id", "client_id"),
}
_WIDTHS = {"\t": (2,), "|": (2, 3)}  # of tables without a header


class Row(NamedTuple):
    """A line: the recording's name, its text and its speaker ("" if the table has none)."""

    name: str
    text: str
    speaker: str


class Layout(NamedTuple):
    """How a table is written; columns are places, counted from 0, speaker's None if there is none.

    quoted: whether quotation marks stand around fields, and twice inside of them.
    """

    delimiter: str
    width: int
    header: bool
    quoted: bool
    name: int
    text: int
    speaker: int | None


def read_rows(table: Path, is_recording: Callable[[str], bool], faults: Faults) -> Iterator[Row]:
    """The lines of a table in their order; those of another width go to `faults`.

    Args:
        table: UTF-8, or as its byte-order mark says; see `encodings.find_encoding`.
        is_recording: whether a name is that of a recording: tells the delimiter.
        faults: where lines are counted that cannot be read.

    Raises:
        ValueError: the table can be read in no way, or in two.
    """
    encoding = find_encoding(table)
    lines = (line for line in read_lines(table, encoding) if line.strip())
    head = list(itertools.islice(lines, HEAD))
    layout = find_layout(table, head, is_recording)
    for line in itertools.chain(head[layout.header :], lines):
        fields = _fields(line, layout.delimiter, layout.quoted) or []
        if len(fields) != layout.width:
            faults.add(MALFORMED, line)
            continue
        speaker = "" if layout.speaker is None else fields[layout.speaker].strip()
        yield Row(fields[layout.name].strip(), fields[layout.text], speaker)


def find_layout(table: Path, head: Sequence[str], is_recording: Callable[[str], bool]) -> Layout:
    """The one layout in which some line of `head` has the name of a recording in its place.

    Without a header the name is the first column; the text the second of two between tabs, and the
    last of two or three between |.

    Raises:
        ValueError: there is none, or there are two.
    """
    check_table(table, "\n".join(head[:3]))
    layouts = []
    for delimiter in _WIDTHS:
        layout = _layout(table, head, delimiter)
        if layout and any(is_recording(name) for name in _names(head, layout)):
            layouts.append(layout)
    if len(layouts) == 1:
        return layouts[0]
    if layouts:
        raise ValueError(
            f"{table} must be readable in one way. Names of recordings stand before a tab and "
            f"before a |, as in {head[0][:80]!r}: name the columns in a first line."
        )
    raise ValueError(
        f"{table} must have the name of a recording (a path below the folder, or a file's name, "
        "with or without ending) and its text in each line: NAME<TAB>TEXT, ID|RAW|NORMALISED, or "
        "columns between tabs that a first line names, such as path, sentence and client_id. Got "
        f"{(head[0] if head else '')[:80]!r}."
    )


def _layout(table: Path, head: Sequence[str], delimiter: str) -> Layout | None:
    """The layout with a delimiter; None where the first line does not have it."""
    if not head or delimiter not in head[0]:
        return None
    quoted = delimiter == "\t" and is_quoted(head, table)
    first = _fields(head[0], delimiter, quoted) or []
    columns = _named(table, first)
    if columns:
        return Layout(delimiter, len(first), True, quoted, *columns)
    if len(first) not in _WIDTHS[delimiter]:
        return None
    return Layout(delimiter, len(first), False, quoted, 0, len(first) - 1, None)


def _names(head: Sequence[str], layout: Layout) -> Iterator[str]:
    """What stands in the place of the name, in the lines that have the table's width."""
    for line in head[layout.header :]:
        fields = _fields(line, layout.delimiter, layout.quoted) or []
        if len(fields) == layout.width:
            yield fields[layout.name].strip()


def _named(table: Path, first: Sequence[str]) -> tuple[int, int, int | None] | None:
    """The places of name, text and speaker by a header; None where the line is none."""
    cells = [cell.strip().lower() for cell in first]
    places = {
        kind: [place for place, cell in enumerate(cells) if cell in names]
        for kind, names in _COLUMNS.items()
    }
    if not places["name"] or not places["text"]:
        return None
    for kind, found in places.items():
        if len(found) > 1:
            several = ", ".join(cells[place] for place in found)
            raise ValueError(f"{table} must have one column of the {kind}. Got {several}.")
    return places["name"][0], places["text"][0], next(iter(places["speaker"]), None)


def _fields(line: str, delimiter: str, quoted: bool) -> list[str] | None:
    return fields_of(line, quoted) if delimiter == "\t" else line.split(delimiter)
