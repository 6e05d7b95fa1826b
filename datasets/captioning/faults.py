"""What is wrong with raw files: collected while they are read, told once, an error if too much."""

import logging
import os
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from datasets.images import check_image

# An image is counted under one of these at most, so that their sum is the images left out.
CORRUPT = "corrupt image"
MISSING = "missing image, though a caption or a list names it"
NO_CAPTION = "image without a caption"
IMAGE_FAULTS = (CORRUPT, MISSING, NO_CAPTION)

EMPTY = "empty caption"
NOT_UTF8 = "line that is not UTF-8"
UNSAFE = "file name that leads out of the folder"
AMBIGUOUS = "file name that several images share"
CAPTION_FAULTS = (EMPTY, NOT_UTF8, UNSAFE, AMBIGUOUS)

REPEATED = "repeated caption"  # left out, but harmless: counts towards no limit

_EXAMPLES = 3  # named for each kind of fault
_LOG = logging.getLogger(__name__)


class Faults:
    """The faults of one source, by kind, with the name of what each happened to."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, kind: str, name: str) -> None:
        self._names.setdefault(kind, []).append(name)

    def count(self, *kinds: str) -> int:
        return sum(len(self._names.get(kind, ())) for kind in kinds)

    def summary(self) -> str:
        """One line per kind: its count and up to three examples; empty if nothing was wrong."""
        lines = []
        for kind, names in self._names.items():
            examples = "; ".join(printable(name) for name in names[:_EXAMPLES])
            more = "; ..." if len(names) > _EXAMPLES else ""
            lines.append(f"  {kind}: {len(names):,} ({examples}{more})")
        return "\n".join(lines)


def settle(faults: Faults, where: str, images: int, captions: int, max_bad_share: float) -> None:
    """Logs one summary at WARNING level if there were faults; raises if there were too many.

    Args:
      where: what was read, for the message, such as "/data, split `train`".
      images: how many images there are, usable or not.
      captions: how many captions there are, usable or not.
      max_bad_share: the largest share that may be bad, of images and of captions alike.

    Raises:
      ValueError: a share above `max_bad_share`, or no usable image at all.
    """
    for what, bad, total in (
        ("images", faults.count(*IMAGE_FAULTS), images),
        ("captions", faults.count(*CAPTION_FAULTS), captions),
    ):
        if bad > max_bad_share * total or (what == "images" and bad == total):
            raise ValueError(
                f"{bad:,} of {total:,} {what} in {where} cannot be used "
                f"({bad / max(total, 1):.1%}; the limit `max_bad_share` is {max_bad_share:.1%}: "
                f"mend the files, or pass a larger `max_bad_share`).\n{faults.summary()}".rstrip()
            )
    if text := faults.summary():
        _LOG.warning("Left out of %s:\n%s", where, text)


def clean_captions(
    pairs: Iterable[tuple[str, str]], faults: Faults, *, drop_repeats: bool = False
) -> dict[str, list[str]]:
    """`(image name, raw caption)` pairs to captions by image: stripped, NFC, none empty.

    Bytes that were not UTF-8 are expected as surrogates (`errors="surrogateescape"`), so that the
    rest of a file can be read although one line of it is broken. An image all of whose captions
    are bad is kept, with an empty list.
    """
    captions: dict[str, list[str]] = {}
    for name, raw in pairs:
        kept = captions.setdefault(name, [])
        caption = unicodedata.normalize("NFC", raw).strip()
        if not is_text(caption) or not is_text(name):
            faults.add(NOT_UTF8, f"{name}: {caption}")
        elif not caption:
            faults.add(EMPTY, name)
        elif drop_repeats and caption in kept:
            faults.add(REPEATED, f"{name}: {caption}")
        else:
            kept.append(caption)
    return captions


def usable_images(
    names: Iterable[str],
    captions: dict[str, list[str]],
    read: Callable[[str], bytes],
    faults: Faults,
) -> list[str]:
    """The names that have a caption and an image that decodes; the others go to `faults`.

    `read(name)` gives the file's bytes, from any thread; it raises `KeyError` for an image that is
    not there and `ValueError` for one that cannot be read.
    """

    def fault(name: str) -> tuple[str, str] | None:
        if name in captions and not captions[name]:
            return NO_CAPTION, name
        try:
            problem = check_image(read(name))
        except KeyError:
            return MISSING, name
        except ValueError as error:
            problem = str(error)
        if problem:
            return CORRUPT, f"{name}: {problem}"
        return None if name in captions else (NO_CAPTION, name)

    usable = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        names = list(names)
        for name, found in zip(names, pool.map(fault, names), strict=True):
            if found:
                faults.add(*found)
            else:
                usable.append(name)
    return usable


def is_text(value: str) -> bool:
    """Whether `value` was UTF-8 in the file, that is, holds no escaped bytes."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def printable(name: str, limit: int = 100) -> str:
    """`name` for a message: broken bytes escaped, long ones cut."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return (text if len(text) <= limit else text[: limit - 3] + "...") or "(no name)"
