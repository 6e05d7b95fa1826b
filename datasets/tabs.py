"""Tab-separated lines, with fields that are quoted as Excel and pandas quote them, or not."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path


def is_quoted(lines: Sequence[str], path: Path) -> bool:
    """Whether a program quoted the fields: it then doubles each quotation mark inside.

    A field that begins with a quotation mark is quoted only where such a program wrote it; else the
    text begins with a quotation mark of its own. A file is quoted where all its fields are, or all
    that begin so have doubled marks inside.

    Raises:
        ValueError: only some of the fields that begin so are quoted.
    """
    fields = [field.strip() for line in lines for field in line.split("\t")]
    opening = [field for field in fields if field.startswith('"')]
    if opening and len(opening) == len(fields):
        return all(re.fullmatch(r'"(?:[^"]|"")*"', field) for field in opening)
    doubled = [field for field in opening if re.fullmatch(r'"[^"]*""(?:[^"]|"")*"', field)]
    if doubled and len(doubled) < len(opening):
        other = next(field for field in opening if field not in set(doubled))
        raise ValueError(
            f"{path} must be quoted in all fields that begin with a quotation mark, or in none. "
            f"Got {doubled[0][:80]}, which is, and {other[:80]}, which is not."
        )
    return bool(doubled)


def fields_of(line: str, quoted: bool) -> list[str] | None:
    """The fields of a line; None where it is not in the quoting."""
    if not quoted:
        return line.split("\t")
    try:
        return next(csv.reader([line], delimiter="\t", strict=True), [])
    except csv.Error:
        return None
