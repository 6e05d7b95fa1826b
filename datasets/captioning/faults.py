"""What is wrong with captions and images: found before a pass, told once, an error if too much."""

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from datasets.faults import Faults
from datasets.files import broken_letters
from datasets.images import check_image

# An image is counted under one of these at most, so that their sum is the images left out.
CORRUPT = "corrupt image"
MISSING = "missing image, though a caption or a list names it"
NO_CAPTION = "image without a caption"

EMPTY = "empty caption"
NOT_UTF8 = "line that is not UTF-8"
UNSAFE = "file name that leads out of the folder"
AMBIGUOUS = "file name that several images share"
CAPTION_FAULTS = (EMPTY, NOT_UTF8, UNSAFE, AMBIGUOUS)

REPEATED = "repeated caption"  # left out, but harmless: counts towards no limit

# How many images there are, and what begins a pass over their (name, bytes, captions).
Examples = tuple[int, Callable[[], Iterator[tuple[str, bytes, list[str]]]]]


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
        if broken_letters(caption + name):
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

    names = list(names)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = list(pool.map(fault, names))
    for problem in filter(None, problems):
        faults.add(*problem)
    return [name for name, problem in zip(names, problems, strict=True) if not problem]


def checked_examples(
    names: list[str],
    captions: dict[str, list[str]],
    read: Callable[[str], bytes],
    faults: Faults,
    *,
    where: str,
    lines: int,
    max_bad_share: float,
) -> Examples:
    """What is usable of a split, one image in the memory at a time, once its faults are told.

    Args:
      names: of all images of the split.
      captions, read, faults: as of `usable_images`.
      where: what was read, for the message.
      lines: how many captions there are, usable or not.
      max_bad_share: the largest share that may be bad, of images and of captions alike.

    Raises:
      ValueError: a share above `max_bad_share`, or no usable image at all.
    """
    usable = usable_images(names, captions, read, faults)
    bad_captions = faults.count(*CAPTION_FAULTS)
    shares = {"images": (len(names) - len(usable), len(names)), "captions": (bad_captions, lines)}
    faults.settle(where, shares, max_bad_share, "mend the files, or pass a larger `max_bad_share`")

    def generate() -> Iterator[tuple[str, bytes, list[str]]]:
        for name in usable:
            yield name, read(name), captions[name]

    return len(usable), generate
