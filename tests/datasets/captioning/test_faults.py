"""The summary of faults: what is counted, what is told, when it is an error."""

import io
import logging

import pytest
from PIL import Image

from datasets.captioning.faults import (
    CORRUPT,
    EMPTY,
    MISSING,
    NO_CAPTION,
    NOT_UTF8,
    REPEATED,
    Faults,
    clean_captions,
    printable,
    settle,
    usable_images,
)


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
    assert clean_captions(pairs, faults, drop_repeats=True) == {"a": ["x"], "b": ["x"]}
    assert faults.count(REPEATED) == 1
    settle(faults, "here", 2, 3, max_bad_share=0)  # a repeat is told, never too many


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


def test_one_warning_with_counts_and_at_most_three_examples(caplog):
    faults = Faults()
    for i in range(1200):
        faults.add(EMPTY, f"img{i}.jpg")
    faults.add(CORRUPT, "bad.jpg: truncated")
    with caplog.at_level(logging.WARNING):
        settle(faults, "/data, split `dev`", 100, 30_000, max_bad_share=0.05)
    assert len(caplog.records) == 1
    assert caplog.records[0].getMessage() == (
        "Left out of /data, split `dev`:\n"
        "  empty caption: 1,200 (img0.jpg; img1.jpg; img2.jpg; ...)\n"
        "  corrupt image: 1 (bad.jpg: truncated)"
    )


def test_no_faults_no_word(caplog):
    settle(Faults(), "/data", 10, 50, max_bad_share=0)
    assert not caplog.records


@pytest.mark.parametrize(("kind", "what"), [(CORRUPT, "images"), (EMPTY, "captions")])
def test_more_than_the_share_is_an_error_that_names_share_limit_and_remedy(kind, what):
    faults = Faults()
    for i in range(5):
        faults.add(kind, f"img{i}.jpg")
    settle(faults, "/data", 100, 100, max_bad_share=0.05)  # at the limit is within it
    faults.add(kind, "one too many")
    with pytest.raises(
        ValueError, match=rf"6 of 100 {what} in /data .*6.0%.*`max_bad_share`.*5.0%"
    ):
        settle(faults, "/data", 100, 100, max_bad_share=0.05)


def test_nothing_usable_is_an_error_at_any_share():
    faults = Faults()
    faults.add(MISSING, "a.jpg")
    with pytest.raises(ValueError, match="1 of 1 images in /data cannot be used"):
        settle(faults, "/data", 1, 5, max_bad_share=1.0)


def test_long_and_broken_names_are_made_printable():
    assert printable("a\udcffb") == r"a\udcffb"
    assert len(printable("x" * 5000)) == 100
    assert printable("") == "(no name)"
