"""The Python language reference, which the standard library carries for `help()`.

`pydoc_data.topics` has a text for each topic ("assignment", "while", ...), in reStructuredText.
"""

from pathlib import Path
from pydoc_data.topics import topics

from datasets.text.split import cut

SHARES = (80, 10, 10)  # per cent


def text(split: str, data_dir: Path | str | None = None) -> str:
    """One split of the topics, which stand in alphabetical order.

    Topics quote each other; a paragraph is kept where it comes first, so that none is in two
    splits.

    Raises:
        ValueError: a `data_dir` is given.
    """
    if data_dir is not None:
        raise ValueError(
            "`data_dir` must be None for `demo`, which reads the standard library (`file` reads "
            f"your own). Got {str(data_dir)!r}."
        )
    paragraphs = "\n\n".join(topics[name] for name in sorted(topics)).split("\n\n")
    once = dict.fromkeys(paragraph.strip("\n") for paragraph in paragraphs)
    return cut("\n\n".join(once), split, SHARES, "demo")
