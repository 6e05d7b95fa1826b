"""The Python language reference, which the standard library carries for `help()`.

`pydoc_data.topics` has a text for each topic ("assignment", "while", ...), in reStructuredText.
"""

from pathlib import Path
from pydoc_data import topics

from datasets.arguments import check_no_folder
from datasets.text.source import Source

SHARES = (80, 10, 10)  # per cent


def source(split: str, data_dir: Path | str | None = None) -> Source:
    """The topics, which stand in alphabetical order.

    Topics quote each other; a paragraph is kept where it comes first, so that none is in two
    splits.

    Raises:
        ValueError: a `data_dir` is given.
    """
    check_no_folder(data_dir, "file")
    texts = topics.topics
    paragraphs = "\n\n".join(texts[name] for name in sorted(texts)).split("\n\n")
    once = dict.fromkeys(paragraph.strip("\n") for paragraph in paragraphs)
    return Source(lambda: ["\n\n".join(once)], SHARES, [Path(topics.__file__)])
