"""The summary of faults: what is counted, what is told, when it is an error."""

import io

import pytest
from PIL import Image

from datasets.captioning.faults import (
    CORRUPT,
    EMPTY,
    MISSING,
    NO_CAPTION,
    NOT_UTF8,
    REPEATED,
    checked_examples,
    clean_captions,
    usable_images,
)
from datasets.faults import Faults


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 120, 40)).save(file, "JPEG")
    return file.getvalue()


def test_clean_captions_strips_composes_and_drops_what_is_empty():
    faults = Faults()
    pairs = [("a", "  A dog .\r"), ("a", "cafe\u0301"), ("a", " \t"), ("b", "x"), ("b", "\udcff y")]
    assert clean_captions(pairs, faults) == {"a": ["A dog .", "café"], "b": ["x"]}
    assert faults.count(EMPTY) == 1
    assert faults.count(NOT_UTF8) == 1
    assert r"b: \udcff y" in faults.summary()


def test_repeats_are_kept_unless_asked_for():
    pairs = [("a", "x"), ("a", "x "), ("b", "x")]
    assert clean_captions(pairs, Faults()) == {"a": ["x", "x"], "b": ["x"]}
    faults = Faults()
    captions = clean_captions(pairs, faults, drop_repeats=True)
    assert captions == {"a": ["x"], "b": ["x"]}
    assert faults.count(REPEATED) == 1
    checked(captions, faults, captions=3, max_bad_share=0)  # a repeat is told, never too many


def test_usable_images_sorts_out_each_kind_and_keeps_the_order():
    def read(name: str) -> bytes:
        if name == "unreadable":
            raise ValueError("cannot be read: no permission")
        return {"good": jpeg(), "cut": jpeg()[:-200], "bare": jpeg(), "also good": jpeg()}[name]

    names = ["good", "missing", "cut", "bare", "unreadable", "mute", "also good"]
    captions = {name: ["a caption"] for name in names if name != "bare"} | {"mute": []}
    faults = Faults()
    assert usable_images(names, captions, read, faults) == ["good", "also good"]
    assert faults.count(MISSING) == 1
    assert faults.count(CORRUPT) == 2
    assert faults.count(NO_CAPTION) == 2
    assert "unreadable: cannot be read: no permission" in faults.summary()


def checked(names, faults, *, captions, max_bad_share):
    """How many are usable of images that are all whole and have a caption."""
    options = {"where": "/data", "lines": captions, "max_bad_share": max_bad_share}
    words = {name: ["a caption"] for name in names}
    count, _ = checked_examples(list(names), words, lambda name: jpeg(), faults, **options)
    return count


@pytest.mark.parametrize(("kind", "what"), [(CORRUPT, "images"), (EMPTY, "captions")])
def test_images_and_captions_have_the_same_limit(kind, what):
    def load(bad):
        faults = Faults()
        pairs = [(f"{i}", "" if kind == EMPTY and i < bad else "x") for i in range(100)]
        captions = {name: ["x"] for name, _ in pairs}
        clean_captions(pairs, faults)
        read = lambda name: b"" if kind == CORRUPT and int(name) < bad else jpeg()  # noqa: E731
        options = {"where": "/data", "lines": 100, "max_bad_share": 0.05}
        return checked_examples(list(captions), captions, read, faults, **options)

    load(5)  # at the limit is within it
    with pytest.raises(
        ValueError, match=rf"6 of 100 {what} in /data .*6.0%.* 5.0%.*`max_bad_share`"
    ):
        load(6)


def test_no_usable_image_is_an_error_at_any_share():
    options = {"where": "/data", "lines": 5, "max_bad_share": 1.0}
    with pytest.raises(ValueError, match="1 of 1 images in /data cannot be used"):
        checked_examples(["a"], {"a": ["x"]}, lambda name: b"", Faults(), **options)
